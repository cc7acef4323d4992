package house

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// invariant is the name of one.
var invariant = regexp.MustCompile(`\bINV(-[A-Z0-9]+)+\b`)

// Every invariant that the product or its documents name is named by a test that proves it, and no test names one that nobody
// else does: a name that was misspelt or given up would look kept.
func TestEveryInvariantIsNamedByATest(t *testing.T) {
	said, proved := map[string]bool{}, map[string]bool{}
	for _, m := range modules {
		if err := invariants(filepath.Join(top, m), said, proved); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) < 100 {
		t.Fatalf("only %d invariants are found", len(said))
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !proved[name] {
			t.Errorf("%s is promised, and no test names it: name it in the comment of the test that proves it", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(proved)) {
		if !said[name] {
			t.Errorf("%s is proved, and no package says it: say it in the comment of the package that keeps it", name)
		}
	}
}

func TestInvariantsAreFound(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "a", "a.go"), "// Package a adds.\n//\n// INV-A-SUM: see INV-A-B2, INVENTORY-X and INV-lower.\npackage a\n")
	write(t, filepath.Join(root, "a", "a_test.go"), "// INV-A-SUM.\npackage a\n")
	write(t, filepath.Join(root, "a", "README.md"), "INV-A-DOC\n")
	write(t, filepath.Join(root, "a", "testdata", "x.go"), "INV-A-DATA\n")
	said, proved := map[string]bool{}, map[string]bool{}
	if err := invariants(root, said, proved); err != nil {
		t.Fatal(err)
	}
	want := []string{"INV-A-B2", "INV-A-DOC", "INV-A-SUM"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(said))); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"INV-A-SUM"}, slices.Sorted(maps.Keys(proved))); diff != "" {
		t.Errorf("proved (-want +got):\n%s", diff)
	}
}

// invariants adds the names in the module at root to said, and those in its tests to proved.
func invariants(root string, said, proved map[string]bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && outside(path, d.Name()), d.IsDir() && filepath.Base(root) == "deploy" && d.Name() == "house":
			return fs.SkipDir
		case d.IsDir(), !slices.Contains([]string{".go", ".md", ".proto"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		into := said
		if strings.HasSuffix(path, "_test.go") {
			into = proved
		}
		for _, name := range invariant.FindAllString(string(text), -1) {
			into[name] = true
		}
		return err
	})
}
