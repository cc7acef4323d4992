package main

import (
	"strings"
	"testing"
)

// A command line is refused in the language that it, or COSO_LANG, says; Vietnamese otherwise.
func TestCommandLinesAreRefusedInTheReadersLanguage(t *testing.T) {
	for _, c := range []struct {
		env  string
		args []string
		want string
	}{
		{"", []string{"progress", "--unit", "ha-noi"}, "thiếu tham số --period=PERIOD; xem `coso progress --help`"},
		{"en", []string{"progress", "--unit", "ha-noi"}, "missing flags: --period=PERIOD; `coso progress --help` tells more"},
		{"en", []string{"progress", "--unit", "ha-noi", "--lang", "vi"}, "thiếu tham số --period=PERIOD"},
		{"", []string{"dem"}, `không có dem; có phải là "demo"?`},
		{"", []string{"import", "not-there.csv"}, "không có tệp hay thư mục "},
		{"", []string{"import", "main.go", "--server", "x"}, `--server: "x" không phải địa chỉ máy chủ; hãy viết như http://127.0.0.1:8080`},
		{"", []string{"import"}, "thiếu <file> ..."},
		{"", []string{"progress", "--unitt", "x"}, "không có tham số --unitt; có phải là \"--unit\"?"},
		{"", []string{"verify", "--data", t.TempDir()}, "không có dữ liệu coso của"},
	} {
		t.Setenv("COSO_LANG", c.env)
		if c.env == "" {
			t.Setenv("COSO_LANG", "vi")
		}
		_, _, err := run(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("coso %s says %v, want %s", strings.Join(c.args, " "), err, c.want)
		}
	}
}

// Everything that is wrong with the settings of coso up is named at once, with where they are listed; and a start that is refused
// leaves no folder.
func TestUpNamesAllThatIsWrong(t *testing.T) {
	t.Setenv("COSO_HTP", "x")
	_, _, err := run(t, "up", "--data", t.TempDir(), "--http", "0.0.0.0:0", "--nats-port", "70000")
	if err == nil {
		t.Fatal("it started")
	}
	for _, want := range []string{"COSO_HTP; is it COSO_HTTP?", "--http: ", "--nats-port: 70000", "`coso up --help`"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}
