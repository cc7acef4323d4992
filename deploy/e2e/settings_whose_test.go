package e2e

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// settingRow begins the row of a setting in a table of settings.
var settingRow = regexp.MustCompile("^\\| `--([a-z0-9-]+)` \\|")

// The table of which process has which setting in deploy/README.md is that of the tables below it, which are the processes' own.
func TestWhoseSettingsAreInTheREADME(t *testing.T) {
	raw, err := os.ReadFile(settingsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	processes := append([]string{"coso up"}, names()[1:]...)
	var order []string
	whose := map[string][]string{}
	for _, process := range processes {
		_, after, found := strings.Cut(text, "### "+process+"\n\n")
		if !found {
			t.Fatalf("%s has no settings of %s", settingsFile, process)
		}
		table, _, _ := strings.Cut(after, "\n\n")
		for line := range strings.SplitSeq(table, "\n") {
			found := settingRow.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			if whose[found[1]] == nil {
				order = append(order, found[1])
			}
			whose[found[1]] = append(whose[found[1]], process)
		}
	}
	want := matrix(processes, order, whose)
	const heading = "### Which process has which setting\n\n"
	before, after, found := strings.Cut(text, heading)
	if !found {
		t.Fatalf("%s has no part %q", settingsFile, strings.TrimSpace(heading))
	}
	have, rest, _ := strings.Cut(after, "\n\n")
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("the table is another; go test ./deploy/e2e -run Settings -update writes it:\n%s", want)
	}
	if err := os.WriteFile(settingsFile, []byte(before+heading+want+"\n\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
}

// matrix is a table of settings that the same processes have, in the order in which they first appear.
func matrix(processes, order []string, whose map[string][]string) string {
	var rows []string
	settings := map[string][]string{}
	for _, setting := range order {
		row := strings.Join(whose[setting], ", ")
		if settings[row] == nil {
			rows = append(rows, row)
		}
		settings[row] = append(settings[row], "`--"+setting+"`")
	}
	lines := []string{"| settings | " + strings.Join(processes, " | ") + " |", "|---" + strings.Repeat("|:-:", len(processes)) + "|"}
	for _, row := range rows {
		line := "| " + strings.Join(settings[row], " ")
		for _, process := range processes {
			cell := " "
			if slices.Contains(strings.Split(row, ", "), process) {
				cell = " ● "
			}
			line += " |" + strings.TrimRight(cell, " ")
		}
		lines = append(lines, line+" |")
	}
	return strings.Join(lines, "\n")
}

func TestMatrixOfSettings(t *testing.T) {
	got := matrix([]string{"a", "b"}, []string{"x", "y", "z"}, map[string][]string{"x": {"a", "b"}, "y": {"b"}, "z": {"a", "b"}})
	want := fmt.Sprintf("| settings | a | b |\n|---|:-:|:-:|\n| %s | ● | ● |\n| %s | | ● |", "`--x` `--z`", "`--y`")
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
