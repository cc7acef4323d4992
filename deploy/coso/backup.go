package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"coso/deploy/internal/single"
	"coso/services/platform/backup"
	"coso/services/platform/fault"
	"coso/services/platform/run/settings"
	"coso/services/platform/store"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	backuppb "coso/proto/gen/coso/backup/v1"
)

// backupCommand takes a backup of a running coso.
type backupCommand struct {
	Folder settings.Folder `arg:"" help:"Folder for the backup: a new one, which is made, or an empty one."`
	Data   settings.Folder `help:"Data folder of the running coso; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
}

// manifestFile says, in a backup's folder, what the backup holds. It is written last: without it the backup is not whole.
const manifestFile = "backup.json"

// manifest is what it holds.
type manifest struct {
	// Version is that of the coso that took the backup, Taken when it began.
	Version string    `json:"version"`
	Taken   time.Time `json:"taken"`
	// Services are backuppb.Backup, in the order in which they were taken.
	Services []json.RawMessage `json:"services"`
}

// Run takes followers first: whatever a follower has taken by then, the journal of the service that it follows still holds
// when its turn comes. Each file is checked as it lies there. The folder is made once all services have answered.
func (b backupCommand) Run(ctx context.Context, s streams) (err error) {
	ways := map[string]*grpc.ClientConn{}
	defer func() {
		for _, way := range ways {
			err = errors.Join(err, way.Close())
		}
	}()
	for _, service := range single.Services() {
		if ways[service], err = dialSocket(ctx, b.Data, service); err != nil {
			delete(ways, service)
			return fmt.Errorf("no backup was taken: %w", err)
		}
	}
	folder := string(b.Folder)
	if err := emptyFolder(folder); err != nil {
		return err
	}
	m := manifest{Version: version, Taken: time.Now().UTC().Truncate(time.Second)}
	for _, service := range slices.Backward(single.Services()) {
		taken, err := b.take(ctx, service, ways[service])
		if err != nil {
			return fmt.Errorf("%w\nThe backup in %s is not whole; remove it", err, folder)
		}
		line, err := protojson.Marshal(taken)
		if err != nil {
			return err
		}
		m.Services = append(m.Services, line)
		if err := describe(s.out, taken); err != nil {
			return err
		}
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	err = writeDurably(filepath.Join(folder, manifestFile), func(w io.Writer) error { _, err := w.Write(append(raw, '\n')); return err })
	if err != nil {
		return err
	}
	made, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(made.Sync(), made.Close())
}

// emptyFolder makes a folder, or sees that the one that is there is empty.
func emptyFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the folder of the backup cannot be made: %w; name another", err)
	}
	there, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("the folder of the backup cannot be read: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("the folder %s is not empty; name a new one for each backup", folder)
	}
	return nil
}

func describe(w io.Writer, b *backuppb.Backup) error {
	_, err := fmt.Fprintf(w, "%-10s  position %8d  %8d events  %10d bytes\n", b.GetService(), b.GetPosition(), b.GetSequence(), b.GetSize())
	return err
}

// take writes one service's file and walks its journal.
func (b backupCommand) take(ctx context.Context, service string, conn *grpc.ClientConn) (taken *backuppb.Backup, err error) {
	err = writeDurably(filepath.Join(string(b.Folder), service+".db"), func(w io.Writer) error {
		if taken, err = backup.Take(ctx, conn, w); status.Code(err) != 0 {
			return fault.FromStatus(status.Convert(err))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("backup of %s: %w", service, err)
	}
	found, err := store.VerifyBackup(ctx, string(b.Folder), service, nil)
	if err == nil && found.Entries != taken.GetPosition() {
		err = fmt.Errorf("the file ends at position %d, not %d", found.Entries, taken.GetPosition())
	}
	if err != nil {
		return nil, fmt.Errorf("backup of %s: %w", service, err)
	}
	return taken, nil
}

// writeDurably writes a file of its own and syncs it.
func writeDurably(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(write(w), w.Flush(), f.Sync(), f.Close())
}
