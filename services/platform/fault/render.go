package fault

import (
	"strings"

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
	en = fill(strings.ReplaceAll(row.en, formHole, form.en), fieldEn, params, missingEn)
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
		if name == fieldParam {
			value = field
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
