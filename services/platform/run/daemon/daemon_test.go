package daemon_test

import (
	"bytes"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coso/services/platform/run/daemon"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test

// flags are those of a service that follows another.
type flags struct {
	daemon.Service   `embed:""`
	daemon.Following `embed:""`

	Registry string `help:"Address of registry." default:"127.0.0.1:8101"`
}

func (f *flags) Sources() map[string]string { return map[string]string{"registry": f.Registry} }

// execute runs the command line of a service that must not be opened. It has certificates where the arguments name none.
func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if !slices.Contains(args, "--tls-cert") {
		args = append(proofs(issued(t, t.TempDir(), time.Now()), "planning"), args...)
	}
	return bare(t, args...)
}

// bare is execute without certificates beside the arguments.
func bare(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := daemon.Execute(t.Context(), daemon.Of("planning", nil, 8103, "1.2.3", &flags{}), args, &out, &out)
	return out.String(), err
}

// same holds an output against a golden file; a temporary folder is called DIR in it.
func same(t *testing.T, golden, dir, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, dir, "DIR")
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		if name, rest, ok := strings.Cut(l, "  "); ok { // columns are as wide as the folder's name
			lines[i] = name + "  " + strings.Join(strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' }), " ")
		}
	}
	got = strings.Join(lines, "\n")
	path := filepath.Join("testdata", golden)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

func TestCheckConfigShowsWhatIsSetAndWhereFrom(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "planningd.json")
	if err := os.WriteFile(file, []byte(`{"nats": "nats://coso:secret@127.0.0.1:4333", "max-copy-age": "2m"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COSO_PLANNINGD_ASK_EVERY", "1s")
	data := filepath.Join(dir, "data", "coso")
	issued(t, filepath.Join(data, "certs"), time.Now())
	got, err := bare(t, "--check-config", "--config", file, "--data", data)
	if err != nil {
		t.Error(err)
	}
	same(t, "check-config.golden", dir, got)
	if there, err := os.ReadDir(data); err != nil || len(there) != 1 {
		t.Errorf("a check made something in the data folder: %v, %v", there, err)
	}
}

func TestCheckConfigNamesEveryWrongSetting(t *testing.T) { // INV-DAEMON-CHECKED
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := execute(t, "--check-config", "--data", filepath.Join(file, "data"), "--grpc", "planning", "--ops", "127.0.0.1", "--nats", "http://ann:secret@127.0.0.1:80",
		"--registry", "192.0.2.1:http", "--ask-every", "10m", "--checkpoint-every", "0s")
	if err == nil {
		t.Fatal("all is well")
	}
	same(t, "check-config-wrong.golden", dir, err.Error()+"\n")
	if _, started := execute(t, "--grpc", "planning"); started == nil || !strings.Contains(started.Error(), "--grpc") {
		t.Errorf("started without a check: %v", started)
	}
}

// Two settings with one address are named, both of them, before a port is found taken or a service calls itself.
func TestCheckConfigNamesTwoSettingsWithOneAddress(t *testing.T) { // INV-DAEMON-CHECKED
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--ops", "127.0.0.1:8103"}, "--grpc and --ops are both 127.0.0.1:8103; give each an address of its own"},
		{[]string{"--registry", "localhost:8103"}, "--grpc and --registry are both 127.0.0.1:8103;"},
		{[]string{"--registry", "127.0.0.1:8203"}, "--ops and --registry are both 127.0.0.1:8203;"},
		{[]string{"--nats", "nats://127.0.0.1:9,nats://ann:secret@localhost:8103"}, "--nats and --grpc are both 127.0.0.1:8103;"},
		{[]string{"--grpc", "127.0.0.1:4222"}, "--nats and --grpc are both 127.0.0.1:4222;"},
	} {
		_, err := execute(t, append(c.args, "--check-config", "--data", t.TempDir())...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
	}
	free := []string{"--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--nats", "nats://localhost:4222,nats://127.0.0.1:4222", "--check-config", "--data", t.TempDir()}
	if _, err := execute(t, free...); err != nil {
		t.Errorf("any free ports: %v", err)
	}
}

// What stands in the way of a start is said by the setting that is to be changed, and nothing is made in the data folder.
func TestAStartThatCannotBe(t *testing.T) {
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	at := lis.Addr().String()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--data", ""}, `--data: "" names no folder; give its path, or leave this out for the default`},
		{[]string{"--data", file}, "--data: the data folder " + file + " cannot be: " + file + " is a file; name a folder"},
		{[]string{"--data", data, "--grpc", at, "--ops", "127.0.0.1:0"}, "--grpc: another program listens on port "},
		{[]string{"--data", data, "--grpc", "127.0.0.1:0", "--ops", at}, "--ops: another program listens on port "},
		{[]string{"--data", data, "--ops", "coso.example:8203"}, `--ops: "coso.example:8203" has the name of a machine, and names are not looked up`},
		{[]string{"--data", data, "--config", filepath.Join(dir, "none.json")}, "the file of settings " + filepath.Join(dir, "none.json") + ": it is not there"},
		{[]string{"--data", data, "--max-copy-age", "300"}, `--max-copy-age: "300" is no length of time; write a number and its unit`},
	} {
		if _, err := execute(t, c.args...); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: says %v, want %s", c.args, err, c.want)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a start that could not be made the data folder")
	}
}

func TestHelpAndVersion(t *testing.T) {
	for arg, wants := range map[string][]string{
		"--help":     {"by certificates that coso certs makes", "--max-copy-age=5m", "$COSO_PLANNINGD_MAX_COPY_AGE", `--grpc="127.0.0.1:8103"`, `--ops="127.0.0.1:8203"`},
		"--version":  {"planningd 1.2.3\n"},
		"--settings": {"| `--registry` | `COSO_PLANNINGD_REGISTRY` | `127.0.0.1:8101` | Address of registry. |\n"},
	} {
		got, err := execute(t, arg)
		if err != nil {
			t.Error(err)
		}
		for _, want := range wants {
			if !strings.Contains(strings.Join(strings.Fields(got), " "), strings.TrimSpace(strings.Join(strings.Fields(want), " "))) {
				t.Errorf("%s does not say %q:\n%s", arg, want, got)
			}
		}
	}
	if _, err := execute(t, "--nast", "nats://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), `--nast, did you mean "--nats"`) || !strings.Contains(err.Error(), "planningd --help") {
		t.Errorf("an unknown flag: %v", err)
	}
}
