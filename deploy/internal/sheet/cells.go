package sheet

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"coso/services/platform/fault"
	"coso/services/platform/text"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// request makes the create request of a row; all errors of form that can be seen without the server.
func (n *noun) request(r Row) (proto.Message, []error) {
	if r.unfit != nil {
		return nil, []error{r.unfit}
	}
	res := n.resource.ProtoReflect().New()
	var wrong []error
	for _, c := range n.columns {
		value := r.Cell(c.name)
		if err := failure(value); err != nil && !c.told {
			wrong = append(wrong, &columnError{column: c.name, value: value, err: err})
			continue
		}
		if value == "" && !c.empty {
			wrong = append(wrong, &columnError{column: c.name, err: say("không được để trống", "must not be empty")})
		}
		if value == "" || c.apart || c.name == "id" || n.create == nil {
			continue
		}
		if err := set(res, c, value); err != nil {
			wrong = append(wrong, &columnError{column: c.name, value: value, err: err})
		}
	}
	if n.create == nil {
		return nil, wrong
	}
	if n.finish != nil {
		n.finish(res, r)
	}
	req := n.create.ProtoReflect().New()
	fields := req.Descriptor().Fields()
	req.Set(fields.ByName(protoreflect.Name(n.field)), protoreflect.ValueOfMessage(res))
	req.Set(fields.ByName(protoreflect.Name(n.field+"_id")), protoreflect.ValueOfString(r.Cell("id")))
	return req.Interface(), append(wrong, n.unnamed(wrong, fault.Validate(req.Interface()))...)
}

// unnamed is what Validate says of columns that are not named already.
func (n *noun) unnamed(named []error, err error) []error {
	f, ok := err.(*fault.Error) //nolint:errorlint // Validate answers it bare
	if !ok {
		if err != nil {
			return []error{err}
		}
		return nil
	}
	left := *f
	left.Violations = slices.DeleteFunc(slices.Clone(f.Violations), func(v fault.Violation) bool { return names(named, n.columnOf(v.Field)) })
	if len(left.Violations) == 0 {
		return nil
	}
	first := left.Violations[0]
	left.Field, left.Reason, left.Msg, left.MsgVi = first.Field, first.Reason, first.Msg, first.MsgVi
	return []error{&left}
}

// names says whether one of errors is about a column.
func names(errs []error, column string) bool {
	return slices.ContainsFunc(errs, func(e error) bool {
		cell, ok := e.(*columnError) //nolint:errorlint // they are made bare
		return ok && cell.column == column
	})
}

// set puts a cell into the resource's field of the column's name.
func set(m protoreflect.Message, c column, value string) error {
	f := m.Descriptor().Fields().ByName(protoreflect.Name(c.name))
	switch {
	case f.IsList():
		list := m.Mutable(f).List()
		for word := range strings.FieldsSeq(value) {
			list.Append(protoreflect.ValueOfString(word))
		}
	case f.Kind() == protoreflect.EnumKind:
		v, err := enum(f.Enum(), value)
		if err != nil {
			return err
		}
		m.Set(f, protoreflect.ValueOfEnum(v))
	case f.Kind() == protoreflect.Int64Kind:
		n, err := integer(value)
		if err != nil {
			return err
		}
		m.Set(f, protoreflect.ValueOfInt64(n))
	case c.to != "":
		m.Set(f, protoreflect.ValueOfString(name(c.to, value)))
	default:
		m.Set(f, protoreflect.ValueOfString(text.NFC(value)))
	}
	return nil
}

// cells writes a resource as the cells of its row, in the columns named.
func (n *noun) cells(m proto.Message, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = n.cell(m, *n.column(name))
	}
	return out
}

func (n *noun) cell(m proto.Message, c column) string {
	r := m.ProtoReflect()
	fields := r.Descriptor().Fields()
	if c.name == "id" {
		return bare(r.Get(fields.ByName("name")).String())
	}
	f := fields.ByName(protoreflect.Name(c.name))
	if f == nil {
		return n.show(m, c.name)
	}
	v := r.Get(f)
	switch {
	case f.IsList():
		words := make([]string, v.List().Len())
		for i := range words {
			words[i] = v.List().Get(i).String()
		}
		return strings.Join(words, " ")
	case f.HasPresence() && !r.Has(f):
		return ""
	case f.Kind() == protoreflect.EnumKind:
		return word(f.Enum(), v.Enum())
	case f.Kind() == protoreflect.Int64Kind:
		return strconv.FormatInt(v.Int(), 10)
	case c.to != "":
		return bare(v.String())
	}
	return v.String()
}

// bare takes the collection from a name.
func bare(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// enum finds the value that a bare word names, or what it is called in Vietnamese.
func enum(d protoreflect.EnumDescriptor, word string) (protoreflect.EnumNumber, error) {
	words, prefix := fault.Words(d)
	bare := strings.TrimPrefix(strings.ToUpper(ungloss(word, words)), prefix)
	v := d.Values().ByName(protoreflect.Name(prefix + bare))
	if v != nil && v.Number() != 0 {
		return v.Number(), nil
	}
	return 0, unknownWord(word, bare, words)
}

// fewWords is how many words a refusal lists where none is near.
const fewWords = 6

// unknownWord refuses a word, with those that are nearly it: as they are written or as they are called.
func unknownWord(given, bare string, words []string) error {
	const most = 3
	near := text.Near(bare, words, most)
	var calls []string
	for _, w := range words {
		calls = append(calls, dashes(gloss[w]))
	}
	for _, called := range text.Near(dashes(given), calls, most) {
		if w := words[slices.Index(calls, called)]; len(near) < most && !slices.Contains(near, w) {
			near = append(near, w)
		}
	}
	switch {
	case len(near) > 0:
		return say("không phải từ trong danh mục; có phải là %s?", "not a known word; did you mean %s?", glossed(near))
	case len(words) > fewWords:
		return say("không phải từ trong danh mục; hãy dùng một trong các từ %s, … (đủ danh mục: deploy/demo/SHEETS.md)",
			"not a known word; use one of %s, … (all of them: deploy/demo/SHEETS.md)", glossed(words[:fewWords]))
	}
	return say("không phải từ trong danh mục; hãy dùng một trong các từ %s", "not a known word; use one of %s", glossed(words))
}

// dashes is what something is called as a name whose parts are known.
func dashes(called string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text.Fold(called), "_", " ")), "-")
}

// word is the bare word of a value; a value of a newer version has its number.
func word(d protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	if v := d.Values().ByNumber(n); v != nil {
		_, prefix := fault.Words(d)
		return strings.TrimPrefix(string(v.Name()), prefix)
	}
	return strconv.Itoa(int(n))
}

// integer reads digits only: `29.793` could be twenty-nine thousand or twenty-nine.
func integer(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, say("số quá lớn", "the number is too large")
	}
	switch {
	case err == nil:
		return n, nil
	case grouped.MatchString(s):
		plain := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r == '-' {
				return r
			}
			return -1
		}, s)
		return 0, say("số không được có dấu ngăn cách hàng nghìn hay phần thập phân; nếu là %s thì hãy viết liền như vậy",
			"a number has neither thousands separators nor decimals; if %s is meant, write it so", plain)
	}
	return 0, say("không phải số nguyên; hãy nhập số chỉ gồm chữ số, như 1200", "not a whole number; write it in digits only, like 1200")
}

// grouped is a number with separators every three digits.
var grouped = regexp.MustCompile(`^-?\d{1,3}(([.,]|\s|\x{a0})\d{3})+$`)
