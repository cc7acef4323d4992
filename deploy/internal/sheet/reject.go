package sheet

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// WriteRefused writes the refused rows as a sheet of the same columns and dialect, with the reasons in one more column,
// which is passed over when the sheet is sent again.
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
	for i := 0; i < len(o.Refused); {
		row := o.Refused[i].row
		var reasons []string
		for ; i < len(o.Refused) && o.Refused[i].Line == row.Line; i++ {
			reasons = append(reasons, o.Refused[i].short(lang))
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

// SaveRefused writes the refused rows beside the file they came from, as `<name>.rejected.csv`, and answers where. It never
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
		return file, errors.Join(err, f.Close())
	}
}
