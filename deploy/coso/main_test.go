package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func run(t *testing.T, args ...string) (out, log string, err error) {
	t.Helper()
	var o, l bytes.Buffer
	err = execute(t.Context(), args, streams{out: &o, err: &l})
	return o.String(), l.String(), err
}

func TestDemoCommand(t *testing.T) {
	out, log, err := run(t, "demo", "hanoi-2020")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"100/70", "142,86%", "4.857/4.511", "Huyện ủy Mỹ Đức", "Đề nghị khen thưởng: 71"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
	if !strings.Contains(log, "organisations.csv: 766 of 766 rows") {
		t.Errorf("loading says %q", log)
	}
}

// One organisation less: the demo says which figure is wrong and fails.
func TestDemoCommandFailsOnAnotherFigure(t *testing.T) {
	dir := t.TempDir()
	files, err := filepath.Glob("../demo/hanoi-2020/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(f) == "organisations.csv" {
			before, rest, _ := strings.Cut(string(raw), "minh-hoa-010-cau-giay-chi-bo-co-so,")
			_, after, _ := strings.Cut(rest, "\n")
			raw = []byte(before + after)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, _, err := run(t, "demo", "--from", dir)
	if err == nil || !strings.Contains(err.Error(), "ha-noi, party-organisations: 99/70") || !strings.Contains(out, "99/70") {
		t.Errorf("says %v", err)
	}
}

func TestBadCommandLines(t *testing.T) {
	t.Setenv("COSO_API_TOKEN", "coso_x")
	t.Setenv("COSO_LANG", "en")
	t.Setenv("COSO_API_TOKEN", "of-nobody") // else nothing is asked of a server
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dem"}, "unexpected argument dem, did you mean \"demo\"?; `coso --help` tells more"},
		{[]string{"demo", "saigon"}, "no demo is called"},
		{[]string{"progress", "--unit", "ha-noi"}, "missing flags: --period=PERIOD; `coso progress --help` tells more"},
		{[]string{"progress", "ha-noi"}, "unexpected argument ha-noi; `coso progress --help` tells more"},
		{[]string{"progress", "--unit", "ha-noi", "--period", "2020", "--server", "http://127.0.0.1:1", "--lang", "vi"}, "không có máy chủ nào trả lời ở http://127.0.0.1:1"},
		{[]string{"progress", "--unit", "ha-noi", "--period", "2020", "--server", "127.0.0.1:8080"}, `--server: "127.0.0.1:8080" is no address of a server; write it like http://127.0.0.1:8080`},
		{[]string{"import", "main.go", "--server", ""}, `--server: "" is no address of a server`},
		{[]string{"import", "not-there.csv"}, "there is no file " + filepath.Join(here, "not-there.csv")},
		{[]string{"import", "testdata"}, filepath.Join(here, "testdata") + " is no file"},
		{[]string{"demo", "--from", "main.go"}, filepath.Join(here, "main.go") + " is no folder"},
		{[]string{"up", "--data", ""}, `--data: "" names no folder`},
		{[]string{"up", "--data="}, `--data: "" names no folder`},
		{[]string{"verify", "--data", " "}, `--data: " " names no folder`},
		{[]string{"feed", "status", "--data", ""}, `--data: "" names no folder`},
		{[]string{"backup", "", "--data", t.TempDir()}, `"" names no folder`},
		{[]string{"feed", "status", "--data", t.TempDir()}, "registry does not answer: no coso runs on the data in "},
		{[]string{"feed", "skip", "planning", "registry", "x", "--reason", "y"}, `<number>: "x" is no whole number; write one in digits, e.g. 42`},
		{[]string{"up", "--data", t.TempDir(), "--http", "0.0.0.0:0"}, `--http: "0.0.0.0:0": only addresses of this machine are used: `},
	} {
		_, _, err := run(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("coso %s says %v, want %s", strings.Join(c.args, " "), err, c.want)
		}
	}
}

// What can be no unit, period or day is refused before the server is asked, and what the server refuses comes in the clerk's
// language.
func TestBadProgress(t *testing.T) {
	t.Setenv("COSO_API_TOKEN", "coso_x")
	nobody := "http://127.0.0.1:1" // nothing answers there
	for _, c := range []struct{ unit, period, day, want string }{
		{"", "2020", "", `--unit: "" không thể là mã`},
		{"Hà Nội", "2020", "", `--unit: "Hà Nội" không thể là mã; mã chỉ gồm chữ thường không dấu`},
		{"HA-NOI", "2020", "", `--unit: "HA-NOI" không thể là mã`},
		{"ha-noi-", "2020", "", `--unit: "ha-noi-" không thể là mã`},
		{"../ha-noi", "2020", "", `--unit: "../ha-noi" không thể là mã`},
		{"units/", "2020", "", `--unit: "units/" không thể là mã`},
		{"periods/2020", "2020", "", `--unit: "periods/2020" không thể là mã`},
		{strings.Repeat("a", 64), "2020", "", "không thể là mã"},
		{"ha-noi", "năm 2020", "", "--period: \"năm 2020\" không thể là mã; mã chỉ gồm chữ thường không dấu, chữ số và gạch nối, dài tối đa 63 ký tự, ví dụ 2020; `coso export --dir - periods`"},
		{"ha-noi", "", "", `--period: "" không thể là mã`},
		{"ha-noi", "units/2020", "", `--period: "units/2020" không thể là mã`},
		{"ha-noi", "2020", "30/11/2020", `--as-of: "30/11/2020" không phải là một ngày`},
		{"ha-noi", "2020", "2021-02-29", `--as-of: "2021-02-29" không phải là một ngày`},
		{"units/ha-noi", "periods/2020", "2020-11-30", "không có máy chủ nào trả lời ở " + nobody},
	} {
		_, _, err := run(t, "progress", "--server", nobody, "--unit="+c.unit, "--period="+c.period, "--as-of="+c.day)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: says %v", c, err)
		}
	}
	if _, _, err := run(t, "progress", "--server", nobody, "--unit=Hà Nội", "--period=2020", "--lang=en"); err == nil || !strings.Contains(err.Error(), "can be no id; an id is of small letters without marks") {
		t.Errorf("in English it says %v", err)
	}
}

func TestNoCommandIsHelped(t *testing.T) {
	out, _, err := run(t)
	if err != nil || !strings.Contains(out, "Usage: coso <command>") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestVersionCommand(t *testing.T) {
	out, _, err := run(t, "version")
	if err != nil || !strings.HasPrefix(out, "coso ") {
		t.Errorf("%q, %v", out, err)
	}
}

// The clerk's day: start, import a sheet, look at the progress, stop.
func TestUpImportProgress(t *testing.T) {
	base, dir := office(t)
	file := filepath.Join(dir, "sheet.csv")
	rows := "id,kind,display_name,enterprise,unit,founded_on\nx1,BASE_CELL,Chi bộ X,minh-hoa-001-ba-dinh,ba-dinh,2020-03-01\n"
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := run(t, "import", "--server", base, file); err != nil || !strings.Contains(got, "sheet.csv (organisations): 1 dòng — ghi mới 1, đã có 0, từ chối 0") {
		t.Errorf("import says %q, %v", got, err)
	}
	got, _, err := run(t, "progress", "--server", base, "--unit", "ha-noi", "--period", "2020", "--as-of", "2020-11-30")
	if err != nil || !strings.Contains(got, "thành lập được 101/70 tổ chức đảng, đạt 144,29% kế hoạch năm 2020.") {
		t.Errorf("progress says %q, %v", got, err)
	}
	for lang, want := range map[string]string{"vi": "Không tìm thấy units/noi-khac", "en": "units/noi-khac does not exist"} {
		if _, _, err := run(t, "progress", "--server", base, "--unit", "noi-khac", "--period", "2020", "--lang", lang); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of a unit that is not there it says %v, want %s", err, want)
		}
	}
}

// said keeps what a command printed while it runs.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// address waits until up says where it answers.
func (s *said) address(t *testing.T, ended <-chan error) string {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		s.mu.Lock()
		_, after, found := strings.Cut(s.text.String(), "coso answers at ")
		s.mu.Unlock()
		if found {
			base, _, _ := strings.Cut(after, "\n")
			return base
		}
		select {
		case <-tick.C:
		case err := <-ended:
			t.Fatalf("up ended with %v", err)
		case <-deadline:
			t.Fatal("up did not say where it answers")
		}
	}
}
