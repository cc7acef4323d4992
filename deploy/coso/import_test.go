package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// office starts a coso with the demo and answers its address and a folder.
func office(t *testing.T) (base, dir string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	dir = t.TempDir()
	out := &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, []string{"up", "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0", "--demo", "hanoi-2020"}, streams{out: out, err: io.Discard})
	}()
	base = out.address(t, ended)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	})
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
		!strings.Contains(out, "dòng/giây") || !strings.Contains(log, "bang.rejected.csv") {
		t.Errorf("import says %q, %q, %v", out, log, err)
	}
	rejected := filepath.Join(dir, "bang.rejected.csv")
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
