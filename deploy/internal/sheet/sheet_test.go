package sheet

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	registrypb "coso/proto/gen/coso/registry/v1"
)

const header = "id,kind,display_name,enterprise,unit,founded_on,founding_decision\n"

func TestWhatASheetHoldsIsSeenFromItsColumns(t *testing.T) {
	for head, want := range map[string]string{
		header: "organisations",
		"unit,founded_on,kind,id,display_name,enterprise\n":                             "organisations",
		"id,display_name,level,tree,parent,valid_from\n":                                "units",
		"id,tax_code,display_name,legal_form,unit\n":                                    "enterprises",
		"id,unit,kind,admitted_on,member_count\n":                                       "intakes",
		"id,unit,indicator,period\n":                                                    "targets",
		"id,display_name,kind,start_date,end_date,cut_off_date\n":                       "periods",
		"id,display_name,measure,kinds,comparator,result_verb,counted_noun\n":           "indicators",
		"\ufeffid , unit , indicator , period , assigned_value , assigned_decision\r\n": "targets",
	} {
		s, err := Parse("x.csv", []byte(head))
		if err != nil || s.Noun != want {
			t.Errorf("%q: %v, %v; want %s", head, s, err, want)
		}
	}
}

// Ten things that go wrong in real sheets: each is named with its place, its value and what to do.
func TestSheetsWithErrors(t *testing.T) {
	good := "a,BASE_CELL,Chi bộ A,e,tay-ho,2020-01-02,1-QĐ/QU\n"
	for _, c := range []struct{ name, raw, want string }{
		{"empty", "", "x.csv:1: the sheet is empty; its first row names the columns"},
		{"not UTF-8", header + "a,BASE_CELL,Chi b\xf4\n", "x.csv:2: the file is not UTF-8 but some old code"},
		{"unknown column", "id,kind,display_name,enterprise,unit,founded_on,ghi_chu\n", `x.csv:1: organisations have no column "ghi_chu"`},
		{"missing column", "id,kind,display_name,enterprise,unit\n", "would need founded_on too"},
		{"column twice", "id,id,kind\n", `the column "id" is there twice`},
		{"too few cells", header + "a,BASE_CELL\n", "x.csv:2: 2 cells, the header has 7 columns"},
		{"open quote", header + good + "b,\"BASE_CELL\n", `x.csv:3: quotation marks (") that do not match`},
		{"unknown word", header + good + "b,CHI_BO,Chi bộ B,e,tay-ho,2020-01-02,\n", `x.csv:3: kind "CHI_BO": not a known word; did you mean CELL (chi bộ), BASE_CELL (chi bộ cơ sở)?`},
		{"empty cell", header + "b,BASE_CELL,,e,tay-ho,2020-01-02,\n", `x.csv:2: display_name "": must not be empty`},
		{
			"thousands separator", "id,unit,kind,admitted_on,member_count\nx,tay-ho,PARTY_MEMBER,2020-01-02,29.793\n",
			`x.csv:2: member_count "29.793": a number has neither thousands separators nor decimals; if 29793 is meant, write it so`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse("x.csv", []byte(c.raw))
			if err == nil {
				err = check(s)
			}
			var e *Error
			if err == nil || !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("says %v, want %s", err, c.want)
			}
		})
	}
}

func TestEveryRowWithAnErrorIsNamed(t *testing.T) {
	s, err := Parse("x.csv", []byte(header+"a,CHI_BO,A,e,u,2020-01-02,\nb,BASE_CELL,B,e,u,2020-01-02,\nc,BASE_CELL,C,,u,2020-01-02,\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(s); err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "x.csv:4: enterprise") {
		t.Errorf("says %v", err)
	}
}

// check is every refusal that needs no server.
func check(s *Sheet) error {
	im, out := newImporter(nil, []*Sheet{s}, Options{})
	for _, i := range im.gather(s.noun, []*Sheet{s}) {
		im.prepare(s.noun, i)
	}
	var errs []error
	for _, e := range out[0].Refused {
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

func parse(t testing.TB, raw string) *Sheet {
	t.Helper()
	s, err := Parse("x.csv", []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARowBecomesARequest(t *testing.T) {
	s, err := Parse("x.csv", []byte(header+"a,BASE_CELL, Chi bộ A ,e,tay-ho,2020-01-02,\n"))
	if err != nil {
		t.Fatal(err)
	}
	req, wrong := s.noun.request(s.Rows[0])
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	got, ok := req.(*registrypb.CreateOrganisationRequest)
	o := got.GetOrganisation()
	if !ok || got.GetOrganisationId() != "a" || o.GetDisplayName() != "Chi bộ A" || o.GetUnit() != "units/tay-ho" ||
		o.GetEnterprise() != "enterprises/e" || o.GetKind() != registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL || o.GetFoundedOn() != "2020-01-02" {
		t.Errorf("request %s", protojson.Format(req))
	}
}

func TestUnitsComeAfterTheirParents(t *testing.T) {
	s := parse(t, "id,display_name,level,parent,valid_from\nc,C,X,b,2020-01-01\nb,B,X,a,2020-01-01\na,A,X,,2020-01-01\nd,D,X,c,2020-01-01\ne,E,X,a,2020-01-01\n")
	im, _ := newImporter(nil, []*Sheet{s}, Options{})
	var order []string
	for _, level := range levels(s.noun, im.gather(s.noun, []*Sheet{s})) {
		var ids []string
		for _, i := range level {
			ids = append(ids, i.row.Cell("id"))
		}
		order = append(order, strings.Join(ids, " "))
	}
	if got := strings.Join(order, " | "); got != "a | b e | c | d" {
		t.Errorf("order %s", got)
	}
}

func TestUnitsInACircle(t *testing.T) {
	s := parse(t, "id,display_name,level,parent,valid_from\na,A,X,b,2020-01-01\nb,B,X,c,2020-01-01\nc,C,X,a,2020-01-01\nd,D,X,a,2020-01-01\ne,E,X,e,2020-01-01\n")
	err := check(s)
	if err == nil || strings.Count(err.Error(), "in a circle") != 4 || !strings.Contains(err.Error(), `x.csv:2: parent "b": these rows stand above each other in a circle (the one above this is in line 3)`) {
		t.Errorf("says %v", err)
	}
}

func TestTwins(t *testing.T) {
	s := parse(t, header+"a,BASE_CELL,A,e,u,2020-01-02,\nb,BASE_CELL,B,e,u,2020-01-02,\na,BASE_CELL,Another,e,u,2020-01-02,\nb,BASE_CELL,B,e,u,2020-01-02,\n")
	err := check(s)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Fatalf("says %v", err)
	}
	for _, want := range []string{
		`x.csv:2: id "a": id the same as in line 4; keep one of the rows`, // they contradict each other: neither may stay
		`x.csv:4: id "a": id the same as in line 2; keep one of the rows`,
		`x.csv:5: id "b": id the same as in line 3; keep one of the rows`, // the first says the same and stays
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("does not say %s:\n%v", want, err)
		}
	}
}

func TestATaxCodeTwice(t *testing.T) {
	s := parse(t, "id,tax_code,display_name,legal_form,unit\na,0199000017,A,LLC,u\nb,0199000017,B,LLC,u\n")
	err := check(s)
	if err == nil || err.Error() != `x.csv:3: tax_code "0199000017": tax_code the same as in line 2; keep one of the rows` {
		t.Errorf("says %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header + "a,BASE_CELL,Chi bộ A,e,tay-ho,2020-01-02,1-QĐ/QU\n"))
	f.Add([]byte("\xef\xbb\xbfid\r\n\"\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := Parse("x.csv", raw)
		if err != nil {
			return
		}
		if err := check(s); err != nil {
			return
		}
		for _, r := range s.Rows {
			if r.Line < 2 || r.Cell("id") == "" {
				t.Fatalf("row %v passed the check", r)
			}
		}
	})
}
