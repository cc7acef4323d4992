package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/services/platform/checkpoint"
	"coso/services/platform/fault"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc/status"

	checkpointpb "coso/proto/gen/coso/checkpoint/v1"
)

// checkpointCommand is about what another organisation keeps of the journals.
type checkpointCommand struct {
	Take checkpointTakeCommand `cmd:"" default:"withargs" help:"Sign the journals of a running coso now; print the notes, or append them to a file."`
	Key  checkpointKeyCommand  `cmd:"" help:"Print the public key that verifies checkpoints; with --new, begin another one."`
}

// checkpointTakeCommand asks for checkpoints.
type checkpointTakeCommand struct {
	File settings.File   `arg:"" optional:"" help:"File to append the notes to, e.g. one for another organisation; without it they are printed."`
	Data settings.Folder `help:"Data folder of the running coso; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// checkpointKeyCommand shows or changes the key.
type checkpointKeyCommand struct {
	New  string          `help:"Sign with a new key from now on; the installation's name in it, e.g. thanh-uy-ha-noi." placeholder:"NAME"`
	Key  settings.File   `name:"checkpoint-key" help:"File of the key; default: checkpoint.key in the data folder." placeholder:"FILE" env:"COSO_CHECKPOINT_KEY"`
	Data settings.Folder `help:"Data folder; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Lang sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// tell chooses the language.
func tell(lang sheet.Lang, vi, en string) string { return importCommand{Lang: lang}.tell(vi, en) }

// Run signs every journal. The services append the notes to their own file too.
func (c checkpointTakeCommand) Run(ctx context.Context, s streams) error {
	for _, service := range single.Services() {
		signed, err := c.ask(ctx, service)
		if err != nil {
			return fmt.Errorf(tell(c.Lang, "điểm chốt của %s: %s", "checkpoint of %s: %s"), service, sheet.TextOf(err, c.Lang))
		}
		if err := c.keep(s.out, service, signed); err != nil {
			return err
		}
	}
	return nil
}

func (c checkpointTakeCommand) ask(ctx context.Context, service string) (signed *checkpointpb.Checkpoint, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	conn, err := dialSocket(ctx, c.Data, service)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	signed, err = checkpointpb.NewCheckpointServiceClient(conn).SignCheckpoint(ctx, &checkpointpb.SignCheckpointRequest{})
	if err != nil {
		return nil, fault.FromStatus(status.Convert(err))
	}
	return signed, nil
}

// keep prints a note, or appends it and says so.
func (c checkpointTakeCommand) keep(w io.Writer, service string, signed *checkpointpb.Checkpoint) error {
	line := tell(c.Lang, "nhật ký còn trống, chưa có gì để ký", "its journal is empty, there is nothing to sign")
	switch {
	case signed.GetNote() != "" && c.File == "":
		_, err := fmt.Fprintln(w, signed.GetNote())
		return err
	case signed.GetNote() != "":
		fresh, err := checkpoint.Append(string(c.File), checkpoint.Signed{Note: signed.GetNote(), Verifier: signed.GetVerifierKey()})
		if err != nil {
			return err
		}
		line = tell(c.Lang, "không có gì mới, tệp đã có điểm chốt này", "nothing is new, the file has this checkpoint")
		if fresh {
			line = tell(c.Lang, "đã ghi điểm chốt", "checkpoint appended")
		}
	case c.File == "":
		return nil // what is printed are notes alone
	}
	_, err := fmt.Fprintf(w, "%-10s  %s\n", service, line)
	return err
}

// Run prints the public key, which the other organisation keeps apart from the checkpoints.
func (k checkpointKeyCommand) Run(s streams) error {
	path, err := k.path()
	if err != nil {
		return err
	}
	if k.New == "" {
		key, err := checkpoint.ReadKey(path)
		if err != nil {
			return fmt.Errorf(tell(k.Lang, "%w; khóa được tạo khi coso chạy lần đầu", "%w; the key is made when coso first runs"), err)
		}
		_, err = fmt.Fprintln(s.out, key.Verifier)
		return err
	}
	old, none := checkpoint.ReadKey(path)
	key, err := checkpoint.NewKey(path, k.New)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(s.out, key.Verifier); err != nil || none != nil {
		return err
	}
	_, err = fmt.Fprintf(s.err, tell(k.Lang,
		"Từ nay các điểm chốt được ký bằng khóa trên; hãy gửi khóa đó cho cơ quan giữ điểm chốt. Để kiểm tra các điểm chốt cũ vẫn cần khóa cũ:\n%s\n",
		"Checkpoints are signed with this key from now on; hand it to the organisation that keeps them. Earlier checkpoints still need the old key:\n%s\n"), old.Verifier)
	return err
}

func (k checkpointKeyCommand) path() (string, error) {
	if k.Key != "" {
		return string(k.Key), nil
	}
	dir, err := dataFolder(k.Data)
	return filepath.Join(dir, checkpoint.KeyName), err
}
