package sheet

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"coso/deploy/internal/client"
	"coso/services/platform/fault"
)

// Lang is a language in which refusals are told.
type Lang string

// The languages.
const (
	Vietnamese Lang = "vi"
	English    Lang = "en"
)

// phrase is a refusal of this package, in both languages.
type phrase struct{ vi, en string }

// Error is the English text.
func (p *phrase) Error() string { return p.en }

// say fills the arguments into both texts.
func say(vi, en string, args ...any) error {
	return &phrase{vi: fmt.Sprintf(vi, args...), en: fmt.Sprintf(en, args...)}
}

// Error is what is wrong with a sheet, and where.
type Error struct {
	File string
	// Line is where the row begins, from 1; 0: the sheet as a whole.
	Line int
	// Column and Value are the cell at fault; empty if no single one is.
	Column, Value string
	Err           error

	row Row
}

// Error is `organisations.csv:12: founded_on "30/11/2020": …`, in English.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Column != "" {
		fmt.Fprintf(&b, "%s %q: ", e.Column, shortened(e.Value))
	}
	b.WriteString(e.Reason(English))
	return b.String()
}

// Text is Error in a language.
func (e *Error) Text(lang Lang) string {
	if lang == English {
		return e.Error()
	}
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ", dòng %d", e.Line)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ", cột %s, giá trị %q", e.Column, shortened(e.Value))
	}
	return b.String() + ": " + e.Reason(lang)
}

// Unwrap is what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Reason says what is wrong without the place, in a language.
func (e *Error) Reason(lang Lang) string {
	reason := TextOf(e.Err, lang)
	if f, ok := errors.AsType[*fault.Error](e.Err); ok && f.Field != "" && e.Column != "" {
		// A service names the field of its request; a person sees the column.
		reason = strings.ReplaceAll(reason, f.Field, e.Column)
	}
	return inRequest.ReplaceAllString(reason, "")
}

var inRequest = regexp.MustCompile(`requests\[\d+\]\.?`)

// TextOf is an error in a language, as far as its words are known in it.
func TextOf(err error, lang Lang) string {
	if e, ok := errors.AsType[*Error](err); ok && error(e) == err { //nolint:errorlint // whether err is e itself
		return e.Text(lang)
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok { // joined errors are told one by one
		var lines []string
		for _, one := range all.Unwrap() {
			lines = append(lines, TextOf(one, lang))
		}
		return strings.Join(lines, "\n")
	}
	if p, ok := errors.AsType[*phrase](err); ok && lang == Vietnamese {
		return p.vi
	}
	if u, ok := errors.AsType[*client.UnreachableError](err); ok && lang == Vietnamese {
		if u.Refused {
			return "không có máy chủ nào trả lời ở " + u.Base + "; hãy khởi động bằng `coso up`, hoặc chỉ máy chủ khác bằng --server"
		}
		return "không liên lạc được với máy chủ " + u.Base + " (" + u.Err.Error() + ")"
	}
	if n, ok := errors.AsType[*client.NobodyError](err); ok && lang == Vietnamese {
		return "chưa đăng nhập vào " + n.Base + "; hãy đăng nhập bằng `coso sign-in TÊN --server " + n.Base + "`, hoặc đặt mã truy cập API vào biến COSO_API_TOKEN"
	}
	if errors.Is(err, context.Canceled) && lang == Vietnamese {
		return "đã dừng theo yêu cầu"
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		if lang == Vietnamese && f.MsgVi != "" {
			return f.MsgVi
		}
		return f.Msg
	}
	return err.Error()
}

// columnError is an error in one cell.
type columnError struct {
	column, value string
	err           error
}

func (e *columnError) Error() string { return e.err.Error() }
func (e *columnError) Unwrap() error { return e.err }

// maxShown is how much of a value a message repeats, in characters.
const maxShown = 60

func shortened(value string) string {
	n := 0
	for i := range value {
		if n++; n > maxShown {
			return value[:i] + "…"
		}
	}
	return value
}

// at says where an error of a row is: the row, and the column that the field of a refusal stands for. A refusal of several
// fields becomes several errors.
func (s *Sheet) at(r Row, err error) []*Error {
	one := &Error{File: s.File, Line: r.Line, Err: err, row: r}
	if cell, ok := errors.AsType[*columnError](err); ok {
		one.Column, one.Value = cell.column, cell.value
		return []*Error{one}
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return []*Error{one}
	}
	if len(f.Violations) <= 1 {
		one.Column = s.noun.columnOf(f.Field)
		one.Value = r.Cell(one.Column)
		one.Err = s.noun.hinted(err, f, one.Column, one.Value)
		return []*Error{one}
	}
	out := make([]*Error, 0, len(f.Violations))
	for _, v := range f.Violations {
		part := &fault.Error{Kind: f.Kind, Reason: v.Reason, Field: v.Field, Msg: v.Msg, MsgVi: v.MsgVi, Params: f.Params}
		column := s.noun.columnOf(v.Field)
		value := r.Cell(column)
		out = append(out, &Error{File: s.File, Line: r.Line, Column: column, Value: value, Err: s.noun.hinted(part, part, column, value), row: r})
	}
	return out
}

// columnOf is the column that a field of a request stands for: `organisation.foundedOn` is `founded_on`; empty: none.
func (n *noun) columnOf(field string) string {
	last := field[strings.LastIndex(field, ".")+1:]
	if open := strings.IndexByte(last, '['); open >= 0 {
		last = last[:open]
	}
	for _, c := range n.columns {
		if last == lowerCamel(c.name) {
			return c.name
		}
	}
	if column, ok := n.stands[last]; ok {
		return column
	}
	if last == "name" || last == lowerCamel(n.field+"_id") {
		return n.columns[0].name
	}
	return ""
}

// rowsOf reads which requests of a batch of n a refusal is about.
func rowsOf(err error, n int) []int {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	fields := []string{f.Field}
	for _, v := range f.Violations {
		fields = append(fields, v.Field)
	}
	var out []int
	seen := map[int]bool{}
	for _, field := range fields {
		m := requestsAt.FindStringSubmatch(field)
		if m == nil {
			continue
		}
		if i, err := strconv.Atoi(m[1]); err == nil && i < n && !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

var requestsAt = regexp.MustCompile(`^requests\[(\d+)\]`)

func lowerCamel(snake string) string {
	words := strings.Split(snake, "_")
	for i := 1; i < len(words); i++ {
		if words[i] != "" {
			words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
		}
	}
	return strings.Join(words, "")
}

func lineWords(line int) (vi, en string) {
	return "dòng " + strconv.Itoa(line), "line " + strconv.Itoa(line)
}
