package sheet

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// notIn are all rows that are not known to be in as their sheet says, in order of lines.
func (o *Outcome) notIn() []*Error {
	if o.Rest == nil {
		return o.Refused
	}
	all := slices.Concat(o.Refused, o.Rest.rows)
	slices.SortStableFunc(all, func(a, b *Error) int { return a.Line - b.Line })
	return all
}

// WriteRefused writes the refused rows as a sheet of the same columns and dialect, with the reasons in one more column,
// which is passed over when the sheet is sent again; after an import that broke off, all rows that are not known to be in.
func (o *Outcome) WriteRefused(w io.Writer, lang Lang) error {
	s := o.Sheet
	var columns []int
	var header []string
	for i, c := range s.head.names {
		if c != "" {
			columns, header = append(columns, i), append(header, c)
		}
	}
	out, err := newWriter(w, s.dialect, append(header, reasonColumn))
	if err != nil {
		return err
	}
	rows := o.notIn()
	for i := 0; i < len(rows); {
		row := rows[i].row
		var reasons []string
		for ; i < len(rows) && rows[i].Line == row.Line; i++ {
			reasons = append(reasons, rows[i].short(lang))
		}
		cells := make([]string, 0, len(columns)+1)
		for _, at := range columns {
			cell := ""
			if at < len(row.cells) {
				cell = row.cells[at]
			}
			cells = append(cells, cell)
		}
		if err := out.write(append(cells, strings.Join(reasons, " | "))); err != nil {
			return err
		}
	}
	return out.flush()
}

// short is the reason with its column.
func (e *Error) short(lang Lang) string {
	if e.Column == "" {
		return e.Reason(lang)
	}
	return e.Column + ": " + e.Reason(lang)
}

var refusedName = regexp.MustCompile(`^(.*\.rejected)(?:-(\d+))?$`)

// SaveRefused writes the refused rows as if they lay beside a file of the name of their sheet, as `<name>.rejected.csv`, and answers where. It never
// writes over a file, for somebody may be mending it: it counts up (`<name>.rejected-2.csv`) unless the same is there.
func (o *Outcome) SaveRefused(source string, lang Lang) (string, error) {
	var content bytes.Buffer
	if err := o.WriteRefused(&content, lang); err != nil {
		return "", err
	}
	base := strings.TrimSuffix(source, filepath.Ext(source))
	number := 1
	if m := refusedName.FindStringSubmatch(base); m != nil {
		base = m[1]
		if number, _ = strconv.Atoi(m[2]); number == 0 {
			number = 1
		}
		number++
	} else {
		base += ".rejected"
	}
	for ; ; number++ {
		file := base + ".csv"
		if number > 1 {
			file = base + "-" + strconv.Itoa(number) + ".csv"
		}
		if there, err := os.ReadFile(file); err == nil && bytes.Equal(there, content.Bytes()) {
			return file, nil
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(content.Bytes())
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(file)) // half a file is worse than none
		}
		return file, err
	}
}
