package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coso/deploy/internal/sheet"
)

// exportCommand writes sheets.
type exportCommand struct {
	serverFlag
	Sheets []string `arg:"" optional:"" name:"sheet" help:"Which sheets, e.g. organisations; default: all."`
	Dir    string   `help:"Folder for the files, <sheet>.csv each; - for one sheet to standard output." default:"." short:"d"`
	Excel  bool     `help:"Write as Excel in Viet Nam opens it: semicolons, byte order mark, CR LF."`
	// Corrections tells more than an import takes back.
	Corrections bool       `help:"Add to units and organisations why they were last corrected; an import passes that column over."`
	Force       bool       `help:"Write over files that are there."`
	Lang        sheet.Lang `help:"Language of messages: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run writes every sheet into its file. A file appears only when it is complete.
func (e exportCommand) Run(ctx context.Context, s streams) error {
	wanted := e.Sheets
	if len(wanted) == 0 {
		wanted = sheet.Nouns()
	}
	for _, n := range wanted {
		if !slices.Contains(sheet.Nouns(), n) {
			return fmt.Errorf(e.tell("không có bảng %q; các bảng là %s", "there is no sheet %q; sheets are %s"), n, strings.Join(sheet.Nouns(), ", "))
		}
	}
	dialect := sheet.Plain()
	if e.Excel {
		dialect = sheet.Excel()
	}
	c, err := e.client(e.Lang)
	if err != nil {
		return err
	}
	if e.Dir == "-" {
		if len(wanted) != 1 {
			return errors.New(e.tell("chỉ xuất được một bảng ra màn hình; hãy nêu tên bảng", "only one sheet can go to standard output; name it"))
		}
		_, err := sheet.Export(ctx, c, wanted[0], s.out, dialect, e.Corrections, nil)
		return err
	}
	if err := e.free(wanted); err != nil {
		return err
	}
	meter := newMeter(s.err)
	defer meter.end()
	for _, n := range wanted {
		file := filepath.Join(e.Dir, n+".csv")
		rows, err := exportFile(file, func(w io.Writer) (int, error) {
			return sheet.Export(ctx, c, n, w, dialect, e.Corrections, func(more int) { meter.count(n, more) })
		})
		if err != nil {
			return errors.New(n + ": " + sheet.TextOf(err, e.Lang))
		}
		meter.end()
		if _, err := fmt.Fprintf(s.out, e.tell("%s: %d dòng\n", "%s: %d rows\n"), file, rows); err != nil {
			return err
		}
	}
	return nil
}

func (e exportCommand) tell(vi, en string) string { return importCommand{Lang: e.Lang}.tell(vi, en) }

// free makes the folder and sees that no file would be written over.
func (e exportCommand) free(wanted []string) error {
	if err := os.MkdirAll(e.Dir, 0o750); err != nil {
		return err
	}
	if e.Force {
		return nil
	}
	for _, n := range wanted {
		file := filepath.Join(e.Dir, n+".csv")
		if _, err := os.Stat(file); err == nil {
			return fmt.Errorf(e.tell("%s đã có; hãy chọn thư mục khác bằng --dir, hoặc ghi đè bằng --force", "%s is there already; choose another folder with --dir, or write over it with --force"), file)
		}
	}
	return nil
}

// exportFile writes a file beside its place and moves it there when it is whole.
func exportFile(file string, write func(io.Writer) (int, error)) (rows int, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".export-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriter(f)
	rows, err = write(w)
	err = errors.Join(err, w.Flush(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	return rows, err
}
