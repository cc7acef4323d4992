package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
)

// serverFlag names a running server.
type serverFlag struct {
	Server string `help:"Base address of a running server." default:"http://127.0.0.1:8080" env:"COSO_SERVER"`
}

// importCommand sends sheets.
type importCommand struct {
	serverFlag
	Files  []string   `arg:"" name:"file" help:"CSV sheets; what they hold is seen from their columns, their order does not matter." type:"existingfile"`
	DryRun bool       `help:"Let the services check every row, and record nothing."`
	Atomic bool       `help:"All rows or none; for sheets of one kind that fit into one command (500 rows). Otherwise good rows come in and bad ones are named."`
	Lang   sheet.Lang `help:"Language of what is said about rows: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// maxListed is how many refused rows of a sheet are shown; the file of refused rows holds all.
const maxListed = 20

// Run sends good rows and names bad ones, in a file beside each sheet that can be mended and sent again. It fails if a row
// was refused. Nothing is sent if a file is no sheet.
func (i importCommand) Run(ctx context.Context, s streams) error {
	sheets, err := readSheets(i.Files)
	if err != nil {
		return errors.New(sheet.TextOf(err, i.Lang) + "\n" + i.tell("Chưa gửi gì.", "Nothing was sent."))
	}
	c := client.New(i.Server)
	meter := newMeter(s.err)
	began := time.Now()
	outcomes, broken := sheet.Import(ctx, c, sheets, sheet.Options{DryRun: i.DryRun, Atomic: i.Atomic, Tell: meter.step})
	meter.end()
	took := time.Since(began)
	bad := 0
	for k, o := range outcomes {
		if err := i.report(s, o, i.Files[k]); err != nil {
			return errors.Join(broken, err)
		}
		bad += o.Bad()
	}
	if err := i.sum(s.out, outcomes, took); err != nil {
		return err
	}
	if broken == nil && !i.DryRun {
		i.wait(ctx, s.err, c)
	}
	switch {
	case broken != nil:
		return errors.New(i.tell("việc nhập bị ngắt: ", "the import broke off: ") + strings.TrimSuffix(sheet.TextOf(broken, i.Lang), ".") +
			i.tell("; nhập lại chính các tệp này để làm tiếp, dòng đã ghi không bị ghi lần nữa", "; import the same files again to go on, what is recorded is not recorded twice"))
	case bad > 0:
		return fmt.Errorf(i.tell("%d dòng bị từ chối", "%d rows were refused"), bad)
	}
	return nil
}

func (i importCommand) tell(vi, en string) string {
	if i.Lang == sheet.English {
		return en
	}
	return vi
}

// readSheets reads files; what is wrong with any of them is told of all.
func readSheets(files []string) ([]*sheet.Sheet, error) {
	var sheets []*sheet.Sheet
	var wrong []error
	for _, f := range files {
		one, err := sheet.Read(f)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		sheets = append(sheets, one)
	}
	return sheets, errors.Join(wrong...)
}

// report lists what was refused of a sheet and where the rows lie.
func (i importCommand) report(s streams, o *sheet.Outcome, file string) error {
	for k, e := range o.Refused {
		if k == maxListed {
			_, _ = fmt.Fprintf(s.err, i.tell("… và %d lỗi nữa\n", "… and %d more errors\n"), len(o.Refused)-k)
			break
		}
		if _, err := fmt.Fprintln(s.err, e.Text(i.Lang)); err != nil {
			return err
		}
	}
	if len(o.Refused) == 0 {
		return nil
	}
	saved, err := o.SaveRefused(file, i.Lang)
	if err != nil {
		return fmt.Errorf(i.tell("không ghi được tệp các dòng bị từ chối: %w", "the file of refused rows cannot be written: %w"), err)
	}
	_, err = fmt.Fprintf(s.err, i.tell(
		"%s: %d dòng bị từ chối nằm trong %s kèm lý do; hãy sửa tệp đó rồi nhập lại\n",
		"%s: the %d refused rows are in %s with their reasons; mend that file and import it\n"), filepath.Base(file), o.Bad(), saved)
	return err
}

// sum prints a line per sheet and how fast it went.
func (i importCommand) sum(w io.Writer, outcomes []*sheet.Outcome, took time.Duration) error {
	rows := 0
	for _, o := range outcomes {
		rows += len(o.Sheet.Rows)
		line := i.tell("%s (%s): %d dòng — ghi mới %d, đã có %d, từ chối %d\n", "%s (%s): %d rows: %d new, %d there already, %d refused\n")
		switch {
		case i.DryRun:
			line = i.tell("%s (%s): %d dòng — sẽ ghi mới %d, đã có %d, sẽ từ chối %d\n", "%s (%s): %d rows: %d would be new, %d are there already, %d would be refused\n")
		case i.Atomic && o.Bad() > 0:
			line = i.tell("%s (%s): %d dòng — ghi mới %d, đã có %d, từ chối %d: có dòng bị từ chối nên không ghi dòng nào\n",
				"%s (%s): %d rows: %d new, %d there already, %d refused: because of these, none was recorded\n")
		}
		if _, err := fmt.Fprintf(w, line, o.Sheet.File, o.Sheet.Noun, len(o.Sheet.Rows), o.New, o.There, o.Bad()); err != nil {
			return err
		}
		if o.Leaning > 0 {
			if _, err := fmt.Fprintf(w, i.tell(
				"  %d dòng dựa vào dòng khác của lần nhập này: đã kiểm tra mọi thứ trừ chính chỗ tham chiếu đó\n",
				"  %d rows rest on other rows of this import: everything but that reference was checked\n"), o.Leaning); err != nil {
				return err
			}
		}
	}
	if i.DryRun {
		if _, err := fmt.Fprintln(w, i.tell("Chỉ kiểm tra, chưa ghi gì.", "Only checked; nothing was recorded.")); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, i.tell("%d dòng trong %s, %.0f dòng/giây\n", "%d rows in %s, %.0f rows/s\n"),
		rows, took.Round(10*time.Millisecond), float64(rows)/took.Seconds())
	return err
}

// counting is a list of planning.
const counting = "/v1/periods"

// wait waits until planning has heard of what was sent, so that whoever asks next sees it. What is recorded is safe; that it
// is not counted yet is no failure of the import.
func (i importCommand) wait(ctx context.Context, w io.Writer, c *client.Client) {
	if _, err := c.Reached(ctx, counting); err == nil {
		return
	}
	_, _ = fmt.Fprintln(w, i.tell("Đã ghi xong; đang chờ số liệu kế hoạch cập nhật …", "Everything is recorded; waiting until planning has counted it …"))
	if err := sheet.Wait(ctx, c, counting); err != nil {
		_, _ = fmt.Fprintf(w, i.tell("Số liệu kế hoạch chưa kịp cập nhật: %s\n", "Planning has not counted it yet: %s\n"),
			sheet.TextOf(err, i.Lang))
	}
}
