package settings_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"coso/services/platform/run/settings"
)

// model is a process's settings.
type model struct {
	Bus    string          `help:"Where the bus is." default:"nats://127.0.0.1:4222"`
	MaxAge time.Duration   `help:"How old." default:"5m"`
	Limit  int             `help:"How many." default:"3" example:"7"`
	Names  []string        `help:"Who."`
	Loud   bool            `help:"Speak up."`
	Data   settings.Folder `help:"Where."`
	settings.Flags
}

// read parses a command line with the process's prefix TRY_.
func read(t *testing.T, args ...string) (model, []settings.Setting, error) {
	t.Helper()
	var m model
	r := &settings.Reader{Prefix: "TRY_", Others: []string{"TRY_OTHER_"}}
	parser, err := kong.New(&m, append(r.Options(), kong.Name("try"))...)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err == nil {
		err = r.Check(parsed)
	}
	if err != nil {
		return m, nil, err
	}
	return m, r.InForce(parsed), nil
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "try.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) { // INV-SETTINGS-PRECEDENCE
	file := write(t, `{"bus": "nats://127.0.0.1:2", "max-age": "2m", "limit": 2, "names": ["a", "b"], "loud": true}`)
	t.Setenv("TRY_BUS", "nats://127.0.0.1:1")
	t.Setenv("TRY_MAX_AGE", "1m")
	t.Setenv("TRY_OTHER_THING", "of another process")
	t.Setenv("TRY_CONFIG", file)
	got, in, err := read(t, "--bus", "nats://ann:secret@127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	if got.Bus != "nats://ann:secret@127.0.0.1:9" || got.MaxAge != time.Minute || got.Limit != 2 || !got.Loud || strings.Join(got.Names, " ") != "a b" {
		t.Errorf("%+v", got)
	}
	want := []settings.Setting{
		{"bus", "nats://ann:xxxxx@127.0.0.1:9", "command line"},
		{"max-age", "1m0s", "environment TRY_MAX_AGE"},
		{"limit", "2", "file " + file},
		{"names", "a,b", "file " + file},
		{"loud", "true", "file " + file},
		{"data", `""`, "default"},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}

	got, in, err = read(t, "--config", write(t, `{}`))
	if err != nil || got.Limit != 3 || in[2] != (settings.Setting{Name: "limit", Value: "3", From: "default"}) || in[3].Value != `""` {
		t.Errorf("%+v, %v, %v", got, in, err)
	}
}

func TestNothingIsIgnored(t *testing.T) { // INV-SETTINGS-NOTHING-IGNORED
	for _, c := range []struct{ name, file, want string }{
		{"unknown", `{"max-ages": "1m"}`, `has the unknown setting "max-ages"; is it max-age?`},
		{"unknown, far from all", `{"colour": "red"}`, `has the unknown setting "colour"`},
		{"underscores", `{"max_age": "1m"}`, `has the unknown setting "max_age"; is it max-age?`},
		{"about settings", `{"config": "other.json"}`, `has the unknown setting "config"`},
		{"two at once", `{"limt": 1, "buss": ""}`, "has the unknown setting \"buss\"; is it bus?"},
		{"twice", "{\"limit\": 1,\n \"limit\": 2}", `line 2, column 9: "limit" is there twice`},
		{"no duration", `{"max-age": "3x"}`, `try.json: "3x" is no length of time; write a number and its unit (ms, s, m or h), e.g. 90s or 5m`},
		{"no unit", `{"max-age": 300}`, `--max-age: in `},
		{"no number", `{"limit": "many"}`, `try.json: "many" is no whole number; write one in digits, e.g. 7`},
		{"no whole number", `{"limit": 1.5}`, `try.json: "1.5" is no whole number`},
		{"a number too large", `{"limit": 99999999999999999999}`, `try.json: "99999999999999999999" is no whole number`},
		{"no text", `{"bus": true}`, `--bus: in `},
		{"no folder", `{"data": " "}`, `try.json: " " names no folder; give its path`},
		{"null", `{"limit": null}`, `"limit": a value is a text, a number, true, false or a list of texts`},
		{"object", `{"limit": {"is": 1}}`, `"limit": a value is a text`},
		{"list of numbers", `{"names": [1]}`, `"names": a list holds texts`},
		{"no object", `[]`, "it is JSON, but no object; write one JSON object"},
		{"empty", " \n", "it is empty; write one JSON object"},
		{"no JSON", "bus = x", `line 1, column 1: 'b' cannot stand there`},
		{"a comma too many", "{\n\"limit\": 1,\n }", `line 3, column 2: '}' cannot stand there`},
		{"a letter of two bytes before", "{\"bùs\": \"\" \"limit\": 1}", `line 1, column 12: '"' cannot stand there`},
		{"cut off", "{\n\"limit\": ", "line 2, column 10: it ends in the middle"},
		{"more behind", `{} {}`, `line 1, column 4: '{' cannot stand there`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, "--config", write(t, c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "try.json") || strings.Contains(err.Error(), "invalid") {
				t.Errorf("says %v, want %s", err, c.want)
			}
		})
	}
	if _, _, err := read(t, "--limit", "1", "--config", write(t, `{"limit": "many"}`)); err == nil || !strings.Contains(err.Error(), `--limit: in `) {
		t.Errorf("a bad value that is overruled: %v", err)
	}
	t.Run("environment", func(t *testing.T) {
		t.Setenv("TRY_MAXAGE", "1m")
		if _, _, err := read(t); err == nil || !strings.Contains(err.Error(), "the environment has the unknown setting TRY_MAXAGE; is it TRY_MAX_AGE?") {
			t.Errorf("says %v", err)
		}
	})
	t.Run("value in the environment", func(t *testing.T) {
		t.Setenv("TRY_LIMIT", "many")
		if _, _, err := read(t); err == nil || !strings.Contains(err.Error(), `TRY_LIMIT="many"`) {
			t.Errorf("says %v", err)
		}
	})
}

// A file that cannot be read is blamed by its path, and nothing else is.
func TestTheFileIsBlamed(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.json"): "none.json: it is not there; check the path",
		dir:                             ": it is a folder; name a file in it",
		filepath.Join(write(t, "{}"), "below.json"): "below.json: it cannot be read by the user who runs this: not a directory",
		write(t, strings.Repeat(" ", 1<<20+1)):      "try.json: it is longer than 1048576 bytes",
		write(t, "{,}"):                             "try.json: line 1, column 2: ',' cannot stand there",
	} {
		for _, args := range [][]string{{"--config", path}, {"--limit", "1", "--config", path}} {
			_, _, err := read(t, args...)
			if err == nil || !strings.HasPrefix(err.Error(), "the file of settings "+path) || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: says %v, want %s", args, err, want)
			}
		}
		t.Run("environment", func(t *testing.T) {
			t.Setenv("TRY_CONFIG", path)
			if _, _, err := read(t); err == nil || !strings.HasPrefix(err.Error(), "the file of settings "+path) {
				t.Errorf("says %v", err)
			}
		})
	}
	if got, _, err := read(t, "--config", write(t, "\ufeff{\"limit\": 4}")); err != nil || got.Limit != 4 {
		t.Errorf("with a byte order mark: %v, %v", got, err)
	}
}

// A value that cannot be is refused in words: which, what is wrong, and one that can be.
func TestValuesOnTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--max-age", "3x"}, `--max-age: "3x" is no length of time; write a number and its unit`},
		{[]string{"--max-age="}, `--max-age: "" is no length of time`},
		{[]string{"--limit", "many"}, `--limit: "many" is no whole number; write one in digits, e.g. 7`},
		{[]string{"--limit", "-1"}, `--limit: a value is missing behind it; "-1", which follows, is taken for another flag (if it is the value, put = before it)`},
		{[]string{"--bus"}, "--bus: a value is missing behind it"},
		{[]string{"--bus", "--loud"}, `--bus: a value is missing behind it; "--loud", which follows`},
		{[]string{"--data", ""}, `--data: "" names no folder; give its path, or leave this out for the default`},
		{[]string{"--data= "}, `--data: " " names no folder`},
		{[]string{"--config", ""}, `--config: "" names no file`},
	} {
		if _, _, err := read(t, c.args...); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
	}
	t.Setenv("TRY_DATA", "")
	if _, _, err := read(t); err == nil || !strings.Contains(err.Error(), `--data: "" names no folder`) || !strings.Contains(err.Error(), `TRY_DATA=""`) {
		t.Errorf("an empty variable: %v", err)
	}
	t.Setenv("TRY_DATA", "below")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(t); err != nil || string(got.Data) != filepath.Join(here, "below") {
		t.Errorf("the folder is %q, %v", got.Data, err)
	}
}

func TestTable(t *testing.T) {
	var m model
	r := &settings.Reader{Prefix: "TRY_"}
	parser, err := kong.New(&m, append(r.Options(), kong.Name("try"))...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := settings.Table(&out, parser.Model.Node); err != nil {
		t.Fatal(err)
	}
	want := "| setting | environment | default | meaning |\n|---|---|---|---|\n" +
		"| `--bus` | `TRY_BUS` | `nats://127.0.0.1:4222` | Where the bus is. |\n"
	if !strings.HasPrefix(out.String(), want) || strings.Contains(out.String(), "--help") {
		t.Errorf("the table is\n%s", &out)
	}
}
