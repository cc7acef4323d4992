package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"dem"}, "unexpected argument dem"},
		{[]string{"demo", "saigon"}, "no demo is called"},
		{[]string{"progress", "--unit", "ha-noi"}, "--period"},
		{[]string{"progress", "--unit", "ha-noi", "--period", "2020", "--server", "http://127.0.0.1:1"}, "no server answers at http://127.0.0.1:1"},
		{[]string{"import", "not-there.csv"}, "not-there.csv"},
		{[]string{"up", "--data", t.TempDir(), "--http", "0.0.0.0:0"}, "not a loopback address"},
	} {
		_, _, err := run(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("coso %s says %v, want %s", strings.Join(c.args, " "), err, c.want)
		}
	}
}

func TestVersionCommand(t *testing.T) {
	out, _, err := run(t, "version")
	if err != nil || !strings.HasPrefix(out, "coso ") {
		t.Errorf("%q, %v", out, err)
	}
}
