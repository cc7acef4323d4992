package sheet_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const (
	unitsHead        = "id,display_name,level,tree,parent,valid_from,closed_on\n"
	enterprisesHead  = "id,tax_code,display_name,legal_form,unit\n"
	organisationHead = "id,kind,display_name,enterprise,unit,superior,founded_on,founding_decision\n"
)

// small is a province with one district and one enterprise.
func small(t testing.TB) *client.Client {
	t.Helper()
	c := start(t)
	settle(t, c)
	return c
}

// settle makes them.
func settle(t testing.TB, c *client.Client) {
	t.Helper()
	bring(t, c,
		parse(t, "units.csv", unitsHead+"tinh,Tỉnh ủy,PROVINCIAL_COMMITTEE,party,,2000-01-01,\nhuyen,Huyện ủy,DISTRICT_COMMITTEE,party,tinh,2000-01-01,\n"),
		parse(t, "enterprises.csv", enterprisesHead+"sao-mai,0199000017,Công ty Sao Mai,LLC,huyen\n"))
}

func code(n int) string {
	weights := [9]int{31, 29, 23, 19, 17, 13, 7, 5, 3}
	for ; ; n += 7 {
		nine := fmt.Sprintf("%09d", n)
		sum := 0
		for i, w := range weights {
			sum += w * int(nine[i]-'0')
		}
		if digit := 10 - sum%11; digit < 10 {
			return nine + fmt.Sprint(digit)
		}
	}
}

// INV-SHEET-AGAIN: the demo comes in whole, sheets in any order; again it changes nothing, whole or cut up otherwise.
func TestImportAgain(t *testing.T) {
	c := start(t)
	sheets := city(t)
	for i, j := 0, len(sheets)-1; i < j; i, j = i+1, j-1 {
		sheets[i], sheets[j] = sheets[j], sheets[i]
	}
	rows := 0
	for _, o := range bring(t, c, sheets...) {
		if o.New != len(o.Sheet.Rows) {
			t.Errorf("%s: %d of %d rows new", o.Sheet.File, o.New, len(o.Sheet.Rows))
		}
		rows += o.New
	}
	before := contents(t, c, sheet.Plain())
	for _, o := range bring(t, c, city(t)...) {
		if o.There != len(o.Sheet.Rows) {
			t.Errorf("%s again: %d of %d rows there already", o.Sheet.File, o.There, len(o.Sheet.Rows))
		}
	}
	same(t, contents(t, c, sheet.Plain()), before)
	for _, one := range city(t) {
		one.Rows = one.Rows[1:] // every batch is another one
		for _, o := range bring(t, c, one) {
			if o.There != len(one.Rows) && len(one.Rows) > 0 {
				t.Errorf("%s without its first row: %d of %d rows there already", one.File, o.There, len(one.Rows))
			}
		}
	}
	same(t, contents(t, c, sheet.Plain()), before)
	if rows != 2451 {
		t.Errorf("the demo has %d rows", rows)
	}
}

// INV-SHEET-EVERY-BAD-ROW: in a batch of many, each bad row is found, named in both languages and written to a file; the
// others come in; the mended file brings the rest.
func TestEveryBadRowIsNamedAndTheOthersComeIn(t *testing.T) {
	c := small(t)
	raw := organisationHead
	for i := range 60 {
		raw += fmt.Sprintf("o%d,BASE_CELL,Chi bộ %d,sao-mai,huyen,,2020-01-02,%d-QĐ/HU\n", i, i, i)
	}
	raw += "bad-date,BASE_CELL,Chi bộ,sao-mai,huyen,,2021-02-29,\n" + // 62
		"bad-day,BASE_CELL,Chi bộ,sao-mai,huyen,,30/11/2020,\n" +
		"Bad Id,BASE_CELL,Chi bộ,sao-mai,huyen,,2020-01-02,\n" +
		"no-unit,BASE_CELL,Chi bộ,sao-mai,o-dau,,2020-01-02,\n" +
		"no-enterprise,BASE_CELL,Chi bộ,o-dau,huyen,,2020-01-02,\n" +
		"early,BASE_CELL,Chi bộ,sao-mai,huyen,,1999-12-31,\n" +
		"future,BASE_CELL,Chi bộ,sao-mai,huyen,,2999-01-01,\n" +
		"no-kind,CHI_BO,Chi bộ,sao-mai,huyen,,2020-01-02,\n" +
		"blank,BASE_CELL,\u00a0,sao-mai,huyen,,2020-01-02,\n" +
		"hidden,BASE_CELL,Chi\u200bbộ,sao-mai,huyen,,2020-01-02,\n" +
		"two,CHI_BO,,sao-mai,huyen,,2020-01-02,\n" +
		"below,CELL,Chi bộ dưới,sao-mai,huyen,no-unit,2020-01-02,\n" +
		"short,BASE_CELL\n" +
		"last,BASE_CELL,Chi bộ cuối,sao-mai,huyen,o1,2020-01-02,\n" // 75
	s := parse(t, "organisations.csv", raw)
	outcomes, err := sheet.Import(t.Context(), c, []*sheet.Sheet{s}, sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := outcomes[0]
	var vi, en []string
	for _, e := range o.Refused {
		vi, en = append(vi, e.Text(sheet.Vietnamese)), append(en, e.Text(sheet.English))
	}
	if o.New != 61 || o.Bad() != 13 || len(o.Refused) != 14 {
		t.Errorf("%d new, %d refused, %d errors:\n%s", o.New, o.Bad(), len(o.Refused), strings.Join(vi, "\n"))
	}
	for _, want := range []string{
		`organisations.csv, dòng 62, cột founded_on, giá trị "2021-02-29": không có ngày 29 trong tháng 2 năm 2021, tháng này có 28 ngày`,
		`organisations.csv, dòng 63, cột founded_on, giá trị "30/11/2020": ngày phải viết theo thứ tự năm-tháng-ngày; hãy viết lại là 2020-11-30`,
		`organisations.csv, dòng 64, cột id, giá trị "Bad Id": mã chỉ gồm chữ thường không dấu, chữ số và gạch nối`,
		`organisations.csv, dòng 65, cột unit, giá trị "o-dau": Không có đơn vị units/o-dau`,
		`organisations.csv, dòng 66, cột enterprise, giá trị "o-dau": Không có doanh nghiệp enterprises/o-dau`,
		`organisations.csv, dòng 67, cột unit, giá trị "huyen": Đơn vị units/huyen không tồn tại vào ngày 31/12/1999`,
		`organisations.csv, dòng 68, cột founded_on, giá trị "2999-01-01": Ngày 01/01/2999 của founded_on ở tương lai`,
		`organisations.csv, dòng 69, cột kind, giá trị "CHI_BO": không phải từ trong danh mục`,
		`organisations.csv, dòng 70, cột display_name, giá trị "": không được để trống`,
		`organisations.csv, dòng 71, cột display_name`, `ký tự không nhìn thấy được (U+200B`,
		`organisations.csv, dòng 72, cột kind, giá trị "CHI_BO"`, `organisations.csv, dòng 72, cột display_name, giá trị "": không được để trống`,
		`organisations.csv, dòng 73, cột superior, giá trị "no-unit": dòng của organisations/no-unit trong lần nhập này bị từ chối`,
		`organisations.csv, dòng 74: dòng có 2 ô, còn dòng đầu có 8 cột`,
	} {
		if !strings.Contains(strings.Join(vi, "\n"), want) {
			t.Errorf("does not say %s:\n%s", want, strings.Join(vi, "\n"))
		}
	}
	if !strings.Contains(strings.Join(en, "\n"), `organisations.csv:65: unit "o-dau": The unit units/o-dau does not exist; check the unit's name.`) {
		t.Errorf("in English:\n%s", strings.Join(en, "\n"))
	}
	mendRefused(t, c, o)
}

// mendRefused saves the refused rows, mends two of them as a clerk would, and sends the file.
func mendRefused(t *testing.T, c *client.Client, o *sheet.Outcome) {
	t.Helper()
	dir := t.TempDir()
	file, err := o.SaveRefused(filepath.Join(dir, "organisations.csv"), sheet.Vietnamese)
	if err != nil || filepath.Base(file) != "organisations.rejected.csv" {
		t.Fatalf("saved as %s, %v", file, err)
	}
	again, err := o.SaveRefused(filepath.Join(dir, "organisations.csv"), sheet.Vietnamese)
	if err != nil || again != file {
		t.Errorf("the same rows saved again as %s, %v", again, err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(string(raw), "\n"); head != strings.TrimSpace(organisationHead)+",reason" {
		t.Errorf("its header is %s", head)
	}
	mended := strings.NewReplacer("2021-02-29", "2021-02-28", "o-dau,,2020", "huyen,,2020").Replace(string(raw))
	if err := os.WriteFile(file, []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := o.SaveRefused(filepath.Join(dir, "organisations.csv"), sheet.Vietnamese)
	if err != nil || filepath.Base(other) != "organisations.rejected-2.csv" {
		t.Errorf("written over the mended file: %s, %v", other, err)
	}
	s, err := sheet.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := sheet.Import(t.Context(), c, []*sheet.Sheet{s}, sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes[0]; got.New != 3 || got.Bad() != 10 { // bad-date, no-unit and below, which rests on it
		t.Errorf("mended: %d new, %d refused", got.New, got.Bad())
	}
	third, err := outcomes[0].SaveRefused(file, sheet.English)
	if err != nil || filepath.Base(third) != "organisations.rejected-3.csv" {
		t.Errorf("what is still refused is in %s, %v", third, err)
	}
}

// A dry run names what an import would, and leaves nothing.
func TestDryRun(t *testing.T) {
	c := start(t)
	sheets := city(t)
	before := contents(t, c, sheet.Plain())
	outcomes, err := sheet.Import(t.Context(), c, sheets, sheet.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if len(o.Refused) > 0 || o.New != len(o.Sheet.Rows) {
			t.Errorf("%s: %d of %d would be new, refused %v", o.Sheet.File, o.New, len(o.Sheet.Rows), errors.Join(errorsOf(o)...))
		}
	}
	same(t, contents(t, c, sheet.Plain()), before)
	bad := parse(t, "more.csv", enterprisesHead+
		"x1,0199000018,Sai số kiểm tra,LLC,ba-dinh\n"+ // its unit is there only after the import
		"x2,0199000017,Trùng,LLC,ba-dinh\n"+
		"x3,"+code(5)+",Không đơn vị,LLC,nowhere\n"+
		"x4,"+code(50)+",Tốt,LLC,ba-dinh\n")
	outcomes, err = sheet.Import(t.Context(), c, append(sheets, bad), sheet.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	last := outcomes[len(outcomes)-1]
	if got := errors.Join(errorsOf(last)...); last.New != 1 || last.Leaning != 1 || last.Bad() != 3 ||
		!strings.Contains(got.Error(), `more.csv:2: tax_code "0199000018": The check digit`) ||
		!strings.Contains(got.Error(), `more.csv:3: tax_code "0199000017": tax_code the same as in line 2 of enterprises.csv`) ||
		!strings.Contains(got.Error(), `more.csv:4: unit "nowhere": The unit units/nowhere does not exist`) {
		t.Errorf("%d would be new, %d lean, refused:\n%v", last.New, last.Leaning, got)
	}
	same(t, contents(t, c, sheet.Plain()), before)
	bring(t, c, sheets...)
	outcomes, err = sheet.Import(t.Context(), c, sheets, sheet.Options{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.There != len(o.Sheet.Rows) {
			t.Errorf("%s: %d of %d there already", o.Sheet.File, o.There, len(o.Sheet.Rows))
		}
	}
}

func errorsOf(o *sheet.Outcome) []error {
	var out []error
	for _, e := range o.Refused {
		out = append(out, e)
	}
	return out
}

// The longest names that may be: batches are cut so that a service takes each of them.
func TestLargeRowsFitTheirBatches(t *testing.T) {
	c := small(t)
	var b strings.Builder
	for i := range 700 {
		fmt.Fprintf(&b, "m%d,BASE_CELL,%s%03d,sao-mai,huyen,,2020-01-02,%s\n", i, strings.Repeat("ệ", 297), i, strings.Repeat("Ứ", 100))
	}
	if o := bring(t, c, parse(t, "o.csv", organisationHead+b.String()))[0]; o.New != 700 {
		t.Errorf("%d rows new", o.New)
	}
}

// Below before above, across sheets: superior and subordinate in two files, in the wrong order.
func TestAboveBeforeBelow(t *testing.T) {
	c := small(t)
	below := parse(t, "below.csv", organisationHead+"c,CELL,C,sao-mai,huyen,b,2020-01-02,\nb,CELL,B,sao-mai,huyen,a,2020-01-02,\n")
	above := parse(t, "above.csv", organisationHead+"a,BASE_PARTY_ORGANISATION,A,sao-mai,huyen,,2020-01-02,\n")
	units := parse(t, "units.csv", unitsHead+"xa,Đảng ủy xã,COMMUNE_COMMITTEE,,phong,2010-01-01,\nphong,Phòng,DISTRICT_COMMITTEE,,tinh,2010-01-01,\n")
	bring(t, c, below, above, units)
}

// A server that goes away is told as that, with what is recorded.
func TestNoServer(t *testing.T) {
	s := parse(t, "o.csv", organisationHead+"a,CELL,A,e,u,,2020-01-02,\n")
	_, err := sheet.Import(t.Context(), client.New("http://127.0.0.1:1"), []*sheet.Sheet{s}, sheet.Options{})
	if err == nil || !strings.Contains(err.Error(), "no server answers at http://127.0.0.1:1") {
		t.Errorf("says %v", err)
	}
}

// validate_only over HTTP: judged like the real request, and nothing stays.
func TestValidateOnly(t *testing.T) {
	c := small(t)
	in := &registrypb.BatchCreateEnterprisesRequest{ValidateOnly: true, Requests: []*registrypb.CreateEnterpriseRequest{{
		EnterpriseId: "new", Enterprise: &registrypb.Enterprise{DisplayName: "Mới", TaxCode: code(77), LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: "units/huyen"},
	}}}
	out := &registrypb.BatchCreateEnterprisesResponse{}
	if err := c.Post(t.Context(), "/v1/enterprises:batchCreate", nil, in, out); err != nil || len(out.GetEnterprises()) != 1 {
		t.Errorf("%v, %v", out, err)
	}
	if err := c.Get(t.Context(), "/v1/enterprises/new", nil, &registrypb.Enterprise{}); fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
		t.Errorf("afterwards: %v", err)
	}
	in.ValidateOnly, in.Requests[0].ValidateOnly = false, true
	if err := c.Post(t.Context(), "/v1/enterprises:batchCreate", nil, in, out); fault.ReasonOf(err) != faultpb.Reason_REASON_VALIDATE_ONLY_IN_BATCH {
		t.Errorf("in the batch: %v", err)
	}
	if err := c.Post(t.Context(), "/v1/targets/none:assign", nil, &planningpb.AssignTargetRequest{
		Name: "targets/none", AssignedValue: new(int64(1)), AssignedDecision: "1", ValidateOnly: true,
	}, nil); fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
		t.Errorf("assign: %v", err)
	}
}
