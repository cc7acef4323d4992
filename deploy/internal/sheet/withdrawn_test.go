package sheet_test

import (
	"bytes"
	"strings"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// mistakes are rows of which some were entered in error: of one plan two targets one after the other
// before the third holds; a catalogue that nothing rests on but what is withdrawn itself.
var mistakes = map[string]string{
	"indicators": "id,display_name,measure,kinds,comparator,result_verb,counted_noun,withdrawal_reason\n" +
		"a-nham,Nhầm,MEMBERS_ADMITTED,PARTY_MEMBER,AT_LEAST,kết nạp,người,\"nhập nhầm, hai lần\"\n" +
		"that,Thật,MEMBERS_ADMITTED,PARTY_MEMBER,AT_LEAST,kết nạp,người,\n",
	"periods": "id,display_name,kind,start_date,end_date,cut_off_date,withdrawal_reason\n" +
		"2020,năm 2020,CALENDAR_YEAR,2020-01-01,2020-12-31,2020-11-30,\n" +
		"202o,năm 202O,CALENDAR_YEAR,2020-01-01,2020-12-31,2020-11-30,gõ chữ O thay số 0\n",
	"targets": "id,unit,indicator,period,registered_value,assigned_value,assigned_decision,proposed_value,proposed_decision,withdrawal_reason\n" +
		"t1,xa,that,2020,5,,,,,sai số đăng ký\n" +
		"t2,xa,that,2020,6,,,,,sai lần nữa\n" +
		"t3,xa,that,2020,7,8,13-QĐ/TU,,,\n" +
		"t4,xa,a-nham,2020,1,,,,,nhầm chỉ tiêu\n" +
		"t5,xa,that,202o,1,,,,,nhầm kỳ\n",
	"units": "id,display_name,level,tree,parent,valid_from,closed_on\nxa,Xã,COMMUNE_COMMITTEE,,,2010-01-01,\n",
}

func mistaken(t testing.TB) (all []*sheet.Sheet) {
	t.Helper()
	for n, raw := range mistakes {
		all = append(all, parse(t, n+".csv", raw))
	}
	return all
}

// INV-SHEET-ROUND-TRIP for what was withdrawn, with the reasons; and again, in one import and sheet by sheet.
func TestWithdrawnGoRound(t *testing.T) {
	from, fromLan := signedIn(t)
	decided(t, from, fromLan, mistaken(t)...)
	want := contents(t, from, sheet.Plain())
	if got := want["targets"]; got != mistakes["targets"] {
		t.Fatalf("exported %q, imported %q", got, mistakes["targets"])
	}
	to, toLan := signedIn(t)
	var sheets []*sheet.Sheet
	for n, raw := range want {
		sheets = append(sheets, parse(t, n+".csv", raw))
	}
	decided(t, to, toLan, sheets...)
	same(t, contents(t, to, sheet.Plain()), want)
	bring(t, to, sheets...)
	for _, n := range sheet.Nouns() {
		// Rows cut in another way are other requests: nothing is replayed.
		if head, rows, _ := strings.Cut(want[n], "\n"); rows != "" {
			for _, row := range strings.SplitAfter(strings.TrimSuffix(rows, "\n"), "\n") {
				for _, o := range bring(t, to, parse(t, n+".csv", head+"\n"+row)) {
					if o.New != 0 || o.There != 1 {
						t.Errorf("%s, %q: %d new, %d there", n, row, o.New, o.There)
					}
				}
			}
		}
	}
	same(t, contents(t, to, sheet.Plain()), want)
}

// What rests on it hinders a withdrawal by a sheet as any other; the row says so.
func TestWithdrawnByASheetWhileInUse(t *testing.T) {
	c := start(t)
	bring(t, c, mistaken(t)...)
	raw := strings.Replace(mistakes["indicators"], "that,Thật,MEMBERS_ADMITTED,PARTY_MEMBER,AT_LEAST,kết nạp,người,", "that,Thật,MEMBERS_ADMITTED,PARTY_MEMBER,AT_LEAST,kết nạp,người,nhầm", 1)
	outcomes, err := sheet.Import(t.Context(), c, []*sheet.Sheet{parse(t, "indicators.csv", raw)}, sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if bad := outcomes[0].Refused; len(bad) != 1 || bad[0].Line != 3 || !strings.Contains(bad[0].Reason(sheet.English), "targets/t3") {
		t.Errorf("refused: %v", bad)
	}
}

// Why something was corrected is exported when asked for; an import passes it over and says so.
func TestCorrectionsAreToldAndPassedOver(t *testing.T) {
	c := start(t)
	bring(t, c, mistaken(t)...)
	post(t, c, "/v1/units/xa:close", `{"name":"units/xa","closedOn":"2024-01-01"}`, &registrypb.CloseUnitRequest{}, &registrypb.Unit{})
	post(t, c, "/v1/units/xa:correctClosing", `{"name":"units/xa","closedOn":"2024-02-01","reason":"sai ngày"}`, &registrypb.CorrectUnitClosingRequest{}, &registrypb.Unit{})
	told := corrections(t, c, "units")
	if want := "id,display_name,level,tree,parent,valid_from,closed_on,correction_reason\nxa,Xã,COMMUNE_COMMITTEE,party,,2010-01-01,2024-02-01,sai ngày\n"; told != want {
		t.Fatalf("%q, want %q", told, want)
	}
	to := start(t)
	if o := bring(t, to, parse(t, "units.csv", told))[0]; o.Told != 1 || o.New != 1 {
		t.Errorf("%d rows say why they were corrected, %d are new", o.Told, o.New)
	}
	if got := corrections(t, to, "units"); got != strings.Replace(told, "sai ngày", "", 1) {
		t.Errorf("brought %q", got)
	}
}

func corrections(t testing.TB, c *client.Client, noun string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := sheet.Export(t.Context(), c, noun, &b, sheet.Plain(), true, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
