// Package sheet reads CSV sheets, sends them through the public API, and writes what is there as sheets again: one row, one
// resource.
//
// A sheet says what it holds by its header row. Ids are bare (`tay-ho`), enums are the glossary's bare words, dates are
// YYYY-MM-DD, numbers have no thousands separators. Files are UTF-8 with or without byte order mark, separated by comma,
// semicolon or tab, with LF or CR LF.
//
// INV-SHEET-EVERY-BAD-ROW: every row that is refused is named with file, line, column, value and reason; the others come in.
// INV-SHEET-AGAIN: sending a sheet again, with rows added or in another order, changes nothing of what is there: request
// ids are made from the rows, and a resource that is there already is done if it is what its row says.
// INV-SHEET-ROUND-TRIP: what Export writes, imported into an empty coso, is exported as the same bytes.
// INV-SHEET-GUARD-LOSSLESS: no cell that Export writes is run as a formula, and every text comes back as it was.
//
// It leaves what rows mean to the services.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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

	noun    *noun
	head    *head
	dialect Dialect
}

// Row is one row of a sheet.
type Row struct {
	// Line is the line on which the row begins, from 1.
	Line  int
	head  *head
	cells []string
	// unfit says why the row cannot be read; its cells are then what could be.
	unfit error
}

// Cell is the value in a column, without white space around it; empty if the sheet has no such column.
func (r Row) Cell(column string) string {
	if r.head == nil {
		return ""
	}
	at, ok := r.head.at[column]
	if !ok || at >= len(r.cells) {
		return ""
	}
	return r.cells[at]
}

// Read reads a sheet from a file. Errors are of type *Error, or the operating system's.
func Read(path string) (*Sheet, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(filepath.Base(path), raw)
}

// Parse reads a sheet. Errors are of type *Error. A row that cannot be read is no error of Parse: Import refuses it.
func Parse(file string, raw []byte) (*Sheet, error) {
	wrong := func(line int, err error) error { return &Error{File: file, Line: line, Err: err} }
	body, d, skipped, line, err := decode(raw)
	if err != nil {
		return nil, wrong(line, err)
	}
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord, r.Comma = -1, d.Comma
	first, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, wrong(1, say("tệp trống; dòng đầu phải ghi tên các cột", "the sheet is empty; its first row names the columns"))
	}
	if err != nil {
		return nil, quoting(file, err, skipped)
	}
	line, _ = r.FieldPos(0)
	h, err := parseHead(first)
	if err != nil {
		return nil, wrong(line+skipped, err)
	}
	n, err := nounOf(h)
	if err != nil {
		return nil, wrong(line+skipped, err)
	}
	s := &Sheet{File: file, Noun: n.name, noun: n, head: h, dialect: d}
	if err := s.readRows(r, skipped); err != nil {
		return nil, err
	}
	if oldFont(s.Rows) {
		return nil, wrong(0, say(
			"chữ trong tệp gõ bằng phông TCVN3 (.VnTime) hoặc VNI, không phải Unicode; hãy đổi sang Unicode (Unikey: Ctrl+Shift+F6) rồi lưu lại “CSV UTF-8”",
			"the texts were typed in a TCVN3 (.VnTime) or VNI font, not in Unicode; convert them to Unicode (Unikey: Ctrl+Shift+F6) and save as `CSV UTF-8` again"))
	}
	return s, nil
}

// quoting says where quotation marks do not pair.
func quoting(file string, err error, skipped int) error {
	broken, ok := errors.AsType[*csv.ParseError](err)
	if !ok {
		return err
	}
	return &Error{File: file, Line: broken.StartLine + skipped, Err: say(
		`dấu ngoặc kép (") không khớp; ô có dấu này phải đặt trong ngoặc kép và gõ đôi dấu bên trong: "Công ty ""Sao Mai"""`,
		`quotation marks (") that do not match; a cell with one goes into quotation marks, and those inside are doubled: "Công ty ""Sao Mai"""`)}
}

func (s *Sheet) readRows(r *csv.Reader, skipped int) error {
	columns := len(s.head.names)
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return quoting(s.File, err, skipped)
		}
		line, _ := r.FieldPos(0)
		row := Row{Line: line + skipped, head: s.head, cells: make([]string, 0, columns)}
		for _, c := range cells {
			row.cells = append(row.cells, unguard(c))
		}
		for len(row.cells) > columns && row.cells[len(row.cells)-1] == "" {
			row.cells = row.cells[:len(row.cells)-1]
		}
		if !slices.ContainsFunc(row.cells, func(c string) bool { return c != "" }) {
			continue // a row that a spreadsheet left behind
		}
		if len(row.cells) != columns {
			row.unfit = say("dòng có %d ô, còn dòng đầu có %d cột; hãy kiểm tra dấu ngăn cách thừa hoặc thiếu",
				"%d cells, the header has %d columns; look for a separator too many or too few", len(row.cells), columns)
			row.cells = row.cells[:min(len(row.cells), columns)]
		}
		if len(s.Rows) == maxRows {
			return &Error{File: s.File, Line: row.Line, Err: say("quá %d dòng; hãy chia thành nhiều tệp", "more than %d rows; split the sheet", maxRows)}
		}
		s.Rows = append(s.Rows, row)
	}
}

// Order puts sheets into an order in which they can be loaded: what is referred to before what refers to it.
func Order(sheets []*Sheet) {
	slices.SortStableFunc(sheets, func(a, b *Sheet) int {
		return slices.Index(nouns, a.noun) - slices.Index(nouns, b.noun)
	})
}
