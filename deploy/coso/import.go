package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	Atomic bool       `help:"All rows or none; for sheets of one kind (enterprises, organisations, intakes, targets) with new records only, up to 200000 rows. Otherwise good rows come in and bad ones are named."`
	Lang   sheet.Lang `help:"Language of what is said about rows: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run sends good rows and names bad ones, in a file for each sheet in the current folder that can be mended and sent again. It fails if a row
// was refused. Nothing is sent if a file is no sheet.
func (i importCommand) Run(ctx context.Context, s streams) error {
	sheets, err := readSheets(i.Files)
	if err != nil {
		return errors.New(sheet.TextOf(err, i.Lang) + "\n" + i.tell("Chưa gửi gì.", "Nothing was sent."))
	}
	if i.Atomic {
		if err := sheet.Whole(sheets); err != nil {
			return errors.New(sheet.TextOf(err, i.Lang) + ".")
		}
	}
	c, err := i.client(i.Lang)
	if err != nil {
		return err
	}
	meter := newMeter(s.err)
	meter.lang = i.Lang
	began := time.Now()
	outcomes, broken := sheet.Import(ctx, c, sheets, sheet.Options{
		DryRun: i.DryRun, Atomic: i.Atomic, Lang: i.Lang, Tell: meter.step, Wait: func(cause error) { meter.say(i.waiting(cause)) },
	})
	meter.end()
	took := time.Since(began)
	if broken != nil {
		if _, err := fmt.Fprintln(s.err, i.brokenOff(broken)); err != nil {
			return err
		}
	}
	bad := 0
	var unsaved error
	for k, o := range outcomes {
		unsaved = errors.Join(unsaved, i.report(s, o, i.Files[k]))
		bad += o.Bad()
	}
	if err := errors.Join(i.sum(s.out, outcomes, took), unsaved); err != nil {
		return err
	}
	if broken == nil && !i.DryRun {
		i.wait(ctx, s.err, c)
	}
	switch {
	case broken != nil:
		return errors.New(i.tell("chưa nhập xong; nhập lại chính các tệp này để làm tiếp, dòng đã ghi không bị ghi lần nữa",
			"the import is not complete; import the same files again to go on, what is recorded is not recorded twice"))
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
