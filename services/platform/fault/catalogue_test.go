package fault

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	faultpb "coso/proto/gen/coso/fault/v1"
)

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

func placeholders(template string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// knownParams are the placeholders the catalogue's comment explains.
var knownParams = []string{
	fieldParam, requestIDParam, formParam, knownParam, idParam, "line", "column", "batches", "value", "limit", "current", "name", "date", "by", "unit", "parent", "tree", "founded", "from", "today",
}

// params returns what the constructor must be given for the row.
func (e entry) params() []string {
	names := slices.DeleteFunc(placeholders(e.en), func(name string) bool { return name == fieldParam })
	for i, name := range names {
		if name == idParam { // the last part of the name
			names[i] = "name"
		}
	}
	return names
}

// INV-FAULT-TWO-LANGUAGES.
func TestCatalogueTwoLanguages(t *testing.T) {
	for number, name := range faultpb.Reason_name {
		reason := faultpb.Reason(number)
		row, ok := catalogue[reason]
		if !ok {
			t.Errorf("%s has no texts", name)
			continue
		}
		t.Run(name, func(t *testing.T) { checkRow(t, row) })
	}
	if len(catalogue) != len(faultpb.Reason_name) {
		t.Errorf("%d rows for %d reasons", len(catalogue), len(faultpb.Reason_name))
	}
}

func checkRow(t *testing.T, row entry) {
	t.Helper()
	if row.vi == row.en {
		t.Error("both languages have the same text")
	}
	vi, en := placeholders(row.vi), placeholders(row.en)
	if !slices.Equal(vi, en) {
		t.Errorf("placeholders %q in Vietnamese, %q in English", vi, en)
	}
	for _, name := range en {
		if !slices.Contains(knownParams, name) {
			t.Errorf("{%s} is none of the params %q", name, knownParams)
		}
	}
	for _, s := range []string{row.vi, row.en} {
		if !strings.HasSuffix(s, ".") || strings.HasSuffix(s, "..") {
			t.Errorf("%q does not end in one full stop", s)
		}
		if !strings.Contains(s, ";") {
			t.Errorf("%q has no second half that says what to do", s)
		}
		if !norm.NFC.IsNormalString(s) || strings.TrimSpace(s) != s || strings.Contains(s, "  ") {
			t.Errorf("%q is not clean text", s)
		}
		if strings.Count(s, "{") != len(placeholder.FindAllString(s, -1)) || strings.Count(s, "}") != strings.Count(s, "{") {
			t.Errorf("%q has a loose brace", s)
		}
	}
	if !strings.ContainsFunc(row.vi, isVietnameseOnly) {
		t.Errorf("%q is not Vietnamese", row.vi)
	}
	if strings.ContainsFunc(row.en, isVietnameseOnly) {
		t.Errorf("%q is not English", row.en)
	}
}

func isVietnameseOnly(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }

// A text with all its values names each of them; one with none shows no brace.
func TestCatalogueRenders(t *testing.T) {
	for reason, row := range catalogue {
		params := map[string]string{}
		for _, name := range row.params() {
			params[name] = "<" + name + ">"
		}
		row = entry{vi: strings.ReplaceAll(row.vi, formHole, ""), en: strings.ReplaceAll(row.en, formHole, "")}
		en, vi := render(reason, "some.field", params)
		for _, s := range []string{en, vi} {
			for _, name := range row.params() {
				if !strings.Contains(s, "<"+name+">") {
					t.Errorf("%v: %q does not name %s", reason, s, name)
				}
			}
			if strings.ContainsAny(s, "{}") || strings.Contains(s, missingEn) || strings.Contains(s, missingVi) {
				t.Errorf("%v: %q is not filled", reason, s)
			}
		}
		en, vi = render(reason, "", nil)
		if strings.ContainsAny(en+vi, "{}") {
			t.Errorf("%v without values: %q, %q", reason, en, vi)
		}
	}
}

func TestFill(t *testing.T) {
	for _, tc := range []struct {
		template, field string
		params          map[string]string
		want            string
	}{
		{"", "", nil, ""},
		{"plain.", "", nil, "plain."},
		{"{value}", "", map[string]string{"value": "7"}, "7"},
		{"{value} of {field}.", "a.b", map[string]string{"value": "7"}, "7 of a.b."},
		{"{value} and {value}.", "", map[string]string{"value": "7"}, "7 and 7."},
		{"{value}.", "", nil, "(not given)."},
		{"{value}.", "", map[string]string{"value": ""}, "(not given)."},
		{"{field}.", "", nil, "(not given)."},
		{"{value} {limit}.", "", map[string]string{"value": "{limit}", "limit": "{value}"}, "{limit} {value}."}, // one pass only
		{"{field}.", "real", map[string]string{"field": "forged"}, "real."},
	} {
		if got := fill(tc.template, tc.field, tc.params, missingEn); got != tc.want {
			t.Errorf("fill(%q, %v) = %q, want %q", tc.template, tc.params, got, tc.want)
		}
	}
}

func TestRenderTexts(t *testing.T) {
	for _, tc := range []struct {
		err    *Error
		en, vi string
	}{
		{
			InvalidArgument(faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode", "value", "0100109107"),
			"The check digit of tax code 0100109107 is wrong; check its first 10 digits.",
			"Mã số thuế 0100109107 sai chữ số kiểm tra; hãy kiểm tra lại 10 chữ số đầu.",
		},
		{
			NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/ha-noi"),
			"units/ha-noi does not exist; check the name.",
			"Không tìm thấy units/ha-noi; hãy kiểm tra lại tên.",
		},
		{
			InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "organisation.displayName"),
			"organisation.displayName is missing; fill it in.",
			"Thiếu organisation.displayName; hãy điền giá trị.",
		},
		{
			FailedPrecondition(faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "intake.unit", "name", "units/tay-ho", "date", "1990-01-01"),
			"The unit units/tay-ho does not exist on 1990-01-01; check the date or choose another unit.",
			"Đơn vị units/tay-ho không tồn tại vào ngày 01/01/1990; hãy kiểm tra ngày hoặc chọn đơn vị khác.",
		},
		{
			InvalidArgument(faultpb.Reason(999_999), "x"),
			"The request could not be carried out; check it or ask the administrator.",
			"Yêu cầu không thực hiện được; hãy kiểm tra lại yêu cầu hoặc hỏi người quản trị.",
		},
	} {
		if tc.err.Msg != tc.en || tc.err.MsgVi != tc.vi {
			t.Errorf("%v\n got %q\nwant %q\n got %q\nwant %q", tc.err.Reason, tc.err.Msg, tc.en, tc.err.MsgVi, tc.vi)
		}
	}
}
