package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// office starts a coso with the demo and answers its address and a folder.
func office(t *testing.T) (base, dir string) {
	t.Helper()
	dir = t.TempDir()
	base, _ = asAdmin(t, "--data", filepath.Join(dir, "data"), "--demo", "hanoi-2020")
	return base, dir
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A clerk's sheet out of Excel with a bad row: the dry run says so, the import takes the good one, the file of the bad one
// is mended and sent.
func TestImportMendExport(t *testing.T) {
	base, dir := office(t)
	t.Chdir(t.TempDir())
	excel := "\ufeffid;kind;display_name;enterprise;unit;founded_on\r\n" +
		"x1;BASE_CELL;Chi bộ X1;minh-hoa-001-ba-dinh;ba-dinh;2020-03-01\r\n" +
		"x2;BASE_CELL;Chi bộ X2;minh-hoa-001-ba-dinh;ba-dinh;2021-02-29\r\n;;;;;\r\n"
	file := write(t, filepath.Join(dir, "bang.csv"), excel)
	out, log, err := run(t, "import", "--server", base, "--dry-run", file)
	if err == nil || !strings.Contains(out, "sẽ ghi mới 1, đã có 0, sẽ từ chối 1") || !strings.Contains(out, "chưa ghi gì") ||
		!strings.Contains(log, `bang.csv, dòng 3, cột founded_on, giá trị "2021-02-29"`) {
		t.Errorf("dry run says %q, %q, %v", out, log, err)
	}
	out, log, err = run(t, "import", "--server", base, file)
	if err == nil || err.Error() != "1 dòng bị từ chối" || !strings.Contains(out, "2 dòng — ghi mới 1, đã có 0, từ chối 1") ||
		strings.Contains(out, "dòng/giây") || !strings.Contains(log, "bang.rejected.csv (ở thư mục hiện tại)") {
		t.Errorf("import says %q, %q, %v", out, log, err)
	}
	rejected := "bang.rejected.csv" // where one works, wherever the sheet lies
	raw, err := os.ReadFile(rejected)
	if err != nil || !strings.HasPrefix(string(raw), "\ufeffid;kind;display_name;enterprise;unit;founded_on;reason\r\nx2;BASE_CELL;Chi bộ X2;") {
		t.Fatalf("the refused rows are %q, %v", raw, err)
	}
	write(t, rejected, strings.Replace(string(raw), ";2021-02-29;", ";2021-02-28;", 1))
	if out, _, err := run(t, "import", "--server", base, "--lang", "en", rejected); err != nil || !strings.Contains(out, "1 rows: 1 new, 0 there already, 0 refused") {
		t.Errorf("the mended file: %q, %v", out, err)
	}
	if out, _, err := run(t, "import", "--server", base, rejected); err != nil || !strings.Contains(out, "ghi mới 0, đã có 1") {
		t.Errorf("again: %q, %v", out, err)
	}
	exportEverything(t, base, filepath.Join(dir, "ra"))
}

func exportEverything(t *testing.T, base, dir string) {
	t.Helper()
	out, _, err := run(t, "export", "--server", base, "--dir", dir)
	if err != nil || !strings.Contains(out, "organisations.csv: 768 dòng") || !strings.Contains(out, "targets.csv: 124 dòng") {
		t.Errorf("export says %q, %v", out, err)
	}
	if _, _, err := run(t, "export", "--server", base, "--dir", dir); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("over the files: %v", err)
	}
	if _, _, err := run(t, "export", "--server", base, "--dir", dir, "--force", "--excel", "periods"); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "periods.csv"))
	if err != nil || string(raw) != "\ufeffid;display_name;kind;start_date;end_date;cut_off_date;withdrawal_reason\r\n2020;năm 2020;CALENDAR_YEAR;2020-01-01;2020-12-31;2020-11-30;\r\n" {
		t.Errorf("periods are %q, %v", raw, err)
	}
	out, _, err = run(t, "export", "--server", base, "--dir", "-", "periods")
	if err != nil || out != "id,display_name,kind,start_date,end_date,cut_off_date,withdrawal_reason\n2020,năm 2020,CALENDAR_YEAR,2020-01-01,2020-12-31,2020-11-30,\n" {
		t.Errorf("to standard output: %q, %v", out, err)
	}
	for want, args := range map[string][]string{
		"không có bảng":     {"chi-bo"},
		"chỉ xuất được một": {"--dir", "-"},
	} {
		if _, _, err := run(t, append([]string{"export", "--server", base}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".export-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A file that is no sheet is named with what to do, and nothing of the others is sent.
func TestImportOfWhatIsNoSheet(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "a.csv"), "id,unit,indicator,period\n")
	bad := write(t, filepath.Join(dir, "published.csv"), "unit,indicator,period,as_of,actual,target,percent,status,below_plan\n")
	wide := write(t, filepath.Join(dir, "b.csv"), "\xff\xfei\x00d\x00")
	_, _, err := run(t, "import", "--server", "http://127.0.0.1:1", good, bad, wide)
	if err == nil || !strings.Contains(err.Error(), "published.csv, dòng 1: đây không phải bảng để nhập") ||
		!strings.Contains(err.Error(), "b.csv: tệp được lưu ở dạng UTF-16") || !strings.Contains(err.Error(), "Chưa gửi gì.") {
		t.Errorf("says %v", err)
	}
	if _, _, err = run(t, "import", "--lang", "fr", good); err == nil || !strings.Contains(err.Error(), "--lang") {
		t.Errorf("in French: %v", err)
	}
}

// The numbers of an import of all or nothing add up, and it says nothing of a rate when it is small.
func TestAtomicCountsAddUp(t *testing.T) {
	base, dir := office(t)
	t.Chdir(t.TempDir())
	file := write(t, filepath.Join(dir, "to-chuc.csv"), "id,kind,display_name,enterprise,unit,founded_on\n"+
		"y1,BASE_CELL,Chi bộ Y1,minh-hoa-001-ba-dinh,ba-dinh,2020-03-01\n"+
		"y2,BASE_CELL,Chi bộ Y2,minh-hoa-001-ba-dinh,ba-dinhh,2020-03-01\n"+
		"y3,BASE_CELL,Chi bộ Y3,minh-hoa-001-ba-dinh,ba-dinh,2020-03-01\n")
	out, log, err := run(t, "import", "--server", base, "--atomic", file)
	if err == nil || !strings.Contains(out, "3 dòng — ghi mới 0, đã có 0, từ chối 1, không ghi 2 dòng còn lại vì nhập kiểu tất cả hoặc không gì") || strings.Contains(out, "giây") {
		t.Errorf("says %q, %v", out, err)
	}
	if !strings.Contains(log, "units/ba-dinh (Quận ủy Ba Đình)") {
		t.Errorf("the unit that is meant is not told: %q", log)
	}
}

// A row that is there and says otherwise in several columns is answered with all of them.
func TestARowThatSaysOtherwiseNamesAllColumns(t *testing.T) {
	base, dir := office(t)
	t.Chdir(t.TempDir())
	head := "id,kind,display_name,enterprise,unit,founded_on\n"
	if _, _, err := run(t, "import", "--server", base, write(t, filepath.Join(dir, "a.csv"), head+"z1,BASE_CELL,Chi bộ Z,minh-hoa-001-ba-dinh,ba-dinh,2020-03-01\n")); err != nil {
		t.Fatal(err)
	}
	_, log, err := run(t, "import", "--server", base, write(t, filepath.Join(dir, "b.csv"), head+"z1,CELL,Chi bộ Z,minh-hoa-001-ba-dinh,ba-dinh,2020-03-02\n"))
	if err == nil || !strings.Contains(log, "cột kind") || !strings.Contains(log, "cột founded_on") {
		t.Errorf("says %q, %v", log, err)
	}
}
