// Package sheet reads CSV sheets and sends them through the public API: one row, one resource.
//
// A sheet says what it holds by its header row. Ids are bare (`tay-ho`), enums are the glossary's bare words, dates are
// YYYY-MM-DD, numbers have no thousands separators. It guarantees that every row is checked for form before anything is
// sent, that an error names file, line, column and value, and that sending a sheet again, with rows added
// or in another order, changes nothing of what is there: request ids are made from the rows, and a resource that is there
// already is done if it is what its row says. It leaves what rows mean to the services.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxRows bounds a sheet.
const maxRows = 1_000_000

// Sheet is a CSV file whose header was recognised.
type Sheet struct {
	// File is the file's name, for messages.
	File string
	// Noun is what it holds: `organisations`.
	Noun string
	// Rows are its rows.
	Rows []Row

	noun *noun
}

// Row is one row of a sheet.
type Row struct {
	// Line is the line on which the row begins, from 1.
	Line  int
	cells map[string]string
}

// Cell is the value in a column, without white space around it; empty if the sheet has no such column.
func (r Row) Cell(column string) string { return r.cells[column] }

// Error is what is wrong with a sheet, and where.
type Error struct {
	File   string
	Line   int
	Column string
	Value  string
	Err    error
}

// Error is `organisations.csv:12: founded_on "30/11/2020": …`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Column != "" {
		fmt.Fprintf(&b, "%s %q: ", e.Column, e.Value)
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap is what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Read reads a sheet from a file.
func Read(path string) (*Sheet, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), raw)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Parse reads a sheet. Errors are of type *Error.
func Parse(file string, raw []byte) (*Sheet, error) {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	if i := brokenAt(raw); i > 0 {
		return nil, &Error{File: file, Line: i, Err: errors.New("not UTF-8; save the sheet as `CSV UTF-8`")}
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, &Error{File: file, Line: 1, Err: errors.New("the sheet is empty; its first row names the columns")}
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	n, err := nounOf(header)
	if err != nil {
		return nil, &Error{File: file, Line: 1, Err: err}
	}
	s := &Sheet{File: file, Noun: n.name, noun: n}
	if err := s.readRows(r, header); err != nil {
		return nil, err
	}
	return s, nil
}

// brokenAt is the line of the first byte that is no UTF-8; 0: none.
func brokenAt(raw []byte) int {
	for line := 1; len(raw) > 0; line++ {
		row, rest, _ := bytes.Cut(raw, []byte("\n"))
		if !utf8.Valid(row) {
			return line
		}
		raw = rest
	}
	return 0
}

func (s *Sheet) readRows(r *csv.Reader, header []string) error {
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			return &Error{File: s.File, Line: broken.StartLine, Err: broken.Err}
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if len(cells) != len(header) {
			return &Error{File: s.File, Line: line, Err: fmt.Errorf("%d cells, the header has %d columns", len(cells), len(header))}
		}
		if len(s.Rows) == maxRows {
			return &Error{File: s.File, Line: line, Err: fmt.Errorf("more than %d rows; split the sheet", maxRows)}
		}
		row := Row{Line: line, cells: make(map[string]string, len(header))}
		for i, c := range cells {
			row.cells[header[i]] = strings.TrimSpace(c)
		}
		s.Rows = append(s.Rows, row)
	}
}

// nounOf finds the noun whose columns the header names.
func nounOf(header []string) (*noun, error) {
	for i, c := range header {
		if slices.Contains(header[:i], c) {
			return nil, fmt.Errorf("the column %q is there twice", c)
		}
	}
	best, missing := closest(header)
	if len(missing) == 0 {
		for _, c := range header {
			if best.column(c) == nil {
				return nil, fmt.Errorf("%s have no column %q; their columns are %s", best.name, c, strings.Join(best.names(), ", "))
			}
		}
		return best, nil
	}
	var known []string
	for _, n := range nouns {
		known = append(known, fmt.Sprintf("%s (%s)", n.name, strings.Join(n.names(), ",")))
	}
	return nil, fmt.Errorf("the columns are those of no sheet; %s would need %s too. Sheets are: %s",
		best.name, strings.Join(missing, ", "), strings.Join(known, "; "))
}

// closest is the noun that shares most columns with the header, and the columns it lacks.
func closest(header []string) (best *noun, missing []string) {
	most := math.MinInt
	for _, n := range nouns {
		var lacks []string
		shared := 0
		for _, c := range n.columns {
			switch {
			case slices.Contains(header, c.name):
				shared++
			case c.required:
				lacks = append(lacks, c.name)
			}
		}
		if score := 2*shared - len(lacks); score > most {
			best, missing, most = n, lacks, score
		}
	}
	return best, missing
}
