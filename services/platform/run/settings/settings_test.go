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
	Bus    string        `help:"Where the bus is." default:"nats://127.0.0.1:4222"`
	MaxAge time.Duration `help:"How old." default:"5m"`
	Limit  int           `help:"How many." default:"3"`
	Names  []string      `help:"Who."`
	Loud   bool          `help:"Speak up."`
	settings.Flags
}

// read parses a command line with the process's prefix TRY_.
func read(t *testing.T, args ...string) (model, []settings.Setting, error) {
	t.Helper()
	var m model
	r := &settings.Reader{Prefix: "TRY_", Every: true, Others: []string{"TRY_OTHER_"}}
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
		{"twice", `{"limit": 1, "limit": 2}`, `"limit" is there twice`},
		{"no duration", `{"max-age": "3x"}`, `try.json: expected duration but got "3x"`},
		{"no number", `{"limit": "many"}`, `try.json: expected a valid 64 bit int but got "many"`},
		{"no whole number", `{"limit": 1.5}`, `try.json: expected a valid 64 bit int but got "1.5"`},
		{"null", `{"limit": null}`, `"limit": a value is a text, a number, true, false or a list of texts`},
		{"object", `{"limit": {"is": 1}}`, `"limit": a value is a text`},
		{"list of numbers", `{"names": [1]}`, `"names": a list holds texts`},
		{"no object", `[]`, "it is no JSON object"},
		{"empty", ``, "it is no JSON object"},
		{"broken", "{\n\"limit\": 1,\n}", "line 3: "},
		{"more behind", `{} {}`, "something follows the JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := read(t, "--config", write(t, c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "try.json") {
				t.Errorf("says %v, want %s", err, c.want)
			}
		})
	}
	if _, _, err := read(t, "--config", "/not/there.json"); err == nil || !strings.Contains(err.Error(), "/not/there.json: no such file") {
		t.Errorf("a file that is not there: %v", err)
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

func TestTable(t *testing.T) {
	var m model
	r := &settings.Reader{Prefix: "TRY_", Every: true}
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
