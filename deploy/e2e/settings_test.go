package e2e

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of settings into deploy/README.md") //nolint:gochecknoglobals // a flag of the test

// settingsFile is where an operator reads of all settings.
const settingsFile = "../README.md"

// The tables of settings in deploy/README.md are those of the processes; that of `coso up` is held by its own test.
func TestSettingsAreInTheREADME(t *testing.T) {
	raw, err := os.ReadFile(settingsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, name := range names()[1:] {
		table, err := exec.CommandContext(t.Context(), filepath.Join(binaries(t), name), "--settings").Output()
		if err != nil {
			t.Fatalf("%s --settings: %v", name, err)
		}
		heading := "### " + name + "\n\n"
		before, after, found := strings.Cut(text, heading)
		if !found {
			t.Fatalf("%s has no part %q", settingsFile, strings.TrimSpace(heading))
		}
		end := strings.Index(after+"\n\n", "\n\n")
		if have := after[:min(end+1, len(after))]; have != string(table) && !*update {
			t.Errorf("the table of %s is another; go test ./deploy/e2e -run Settings -update writes it:\n%s", name, table)
		}
		text = before + heading + string(table) + after[min(end+1, len(after)):]
	}
	if *update {
		if err := os.WriteFile(settingsFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
