package fault

import (
	"maps"
	"strings"
	"time"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// What stands in a text for a value that is missing or empty.
const (
	missingEn = "(not given)"
	missingVi = "(không có)"
)

// formHole stands in a text for how to write the value: one of forms, in the text's language.
const formHole = "{" + formParam + "}"

// What stands for the field where all of the request is at fault.
const (
	wholeEn = "the request"
	wholeVi = "yêu cầu"
)

// fieldParam is the placeholder that every text may use: the JSON path of the field at fault.
const fieldParam = "field"

// idParam is the placeholder for param `name` without its collection, for texts that say what it is: `kỳ báo cáo 2020`.
const idParam = "id"

// daysVN are params with their days as people in Việt Nam write them, 30/11/2020.
func daysVN(params map[string]string) map[string]string {
	out := maps.Clone(params)
	for name, value := range params {
		if day, err := time.Parse(time.DateOnly, value); err == nil {
			out[name] = day.Format("02/01/2006")
		}
	}
	return out
}

// entry is the catalogue's row of one reason: its texts, with `{name}` for a param and `{field}` for the field.
type entry struct{ vi, en string }

// render returns the texts of reason in English and Vietnamese. A reason without an entry (one of a newer version) has
// the general texts of UNSPECIFIED.
func render(reason faultpb.Reason, field string, params map[string]string) (en, vi string) {
	row, known := catalogue[reason]
	if !known {
		row = catalogue[faultpb.Reason_REASON_UNSPECIFIED]
	}
	form, ok := forms[params[formParam]]
	if !ok {
		form = forms[FormDocumented]
	}
	fieldEn, fieldVi := field, field
	if field == "" {
		fieldEn, fieldVi = wholeEn, wholeVi
	}
	if params[nearParam] != "" {
		row = entry{row.vi + nearly.vi, row.en + nearly.en}
	}
	en = fill(strings.ReplaceAll(row.en, formHole, form.en), fieldEn, params, missingEn)
	if !strings.Contains(row.vi, formHole) { // a value of the wrong form stays as it was sent
		params = daysVN(params)
	}
	return en, fill(strings.ReplaceAll(row.vi, formHole, form.vi), fieldVi, params, missingVi)
}

// rerender renders again for another field; texts from another process, whose params are not known, stay as they are.
func rerender(reason faultpb.Reason, field string, params map[string]string, en, vi string) (newEn, newVi string) {
	if _, ok := catalogue[reason]; !ok || params == nil {
		return en, vi
	}
	return render(reason, field, params)
}

// fill replaces every `{name}` in one pass, so that braces in a value stay text.
func fill(template, field string, params map[string]string, missing string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		value := params[name]
		switch name {
		case fieldParam:
			value = field
		case idParam:
			value = params["name"][strings.LastIndexByte(params["name"], '/')+1:]
		}
		if value == "" {
			value = missing
		}
		b.WriteString(value)
		template = after
	}
}

// isControl reports whether r may not stand in a text: a control character other than line feed and tab.
func isControl(r rune) bool {
	return (r < ' ' || 0x7f <= r && r <= 0x9f) && r != '\n' && r != '\t'
}
