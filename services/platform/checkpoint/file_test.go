package checkpoint_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coso/services/platform/checkpoint"
)

// kept is a file of notes with its key.
func kept(t *testing.T) (raw []byte, verifier string) {
	t.Helper()
	dir := t.TempDir()
	b := open(t, dir, "registry", "")
	for _, name := range numbered("u", 1, 3) {
		b.add(t, name)
		verifier = b.sign(t).Verifier
	}
	return read(t, filepath.Join(dir, checkpoint.FileName)), verifier
}

// texts are what is signed.
func texts(notes []checkpoint.Note) (out []string) {
	for _, n := range notes {
		text, _, _ := strings.Cut(n.Text, "\n\n")
		out = append(out, text)
	}
	return out
}

// Whatever happens to one line, no other note is lost, and nothing passes for signed that was not.
func TestDamagedLines(t *testing.T) {
	raw, verifier := kept(t)
	keys, err := checkpoint.NewKeys(verifier)
	if err != nil {
		t.Fatal(err)
	}
	whole := texts(checkpoint.Parse(raw).Notes)
	lines := strings.SplitAfter(string(raw), "\n")
	for i, line := range lines {
		for what, instead := range map[string]string{
			"gone": "", "twice": line + line, "cut": line[:len(line)/2] + "\n", "flipped": flipped(line), "empty": "\n", "joined": strings.TrimSuffix(line, "\n"),
			"foreign": "x\n" + line,
		} {
			damaged := strings.Join(lines[:i], "") + instead + strings.Join(lines[i+1:], "")
			f := checkpoint.Parse([]byte(damaged))
			good := slices.DeleteFunc(f.Notes, func(n checkpoint.Note) bool { return keys.Check(n) != checkpoint.SignedWell })
			for _, text := range texts(good) {
				if !slices.Contains(whole, text) {
					t.Fatalf("line %d %s: signed is\n%s", i+1, what, text)
				}
			}
			if len(good) < 2 {
				t.Errorf("line %d %s: %d notes are left", i+1, what, len(good))
			}
			if len(good) == 2 && len(f.Notes) == 2 && len(f.Fragments) == 0 {
				t.Errorf("line %d %s: nothing is said about the note that is lost\n%s", i+1, what, damaged)
			}
		}
	}
}

// flipped changes a letter in the middle.
func flipped(line string) string {
	if len(line) < 2 {
		return "x" + line
	}
	b := []byte(line)
	if b[len(b)/2] ^= 1; b[len(b)/2] == '\n' {
		b[len(b)/2] ^= 2
	}
	return string(b)
}

func TestWhatMailDoes(t *testing.T) {
	raw, _ := kept(t)
	whole := texts(checkpoint.Parse(raw).Notes)
	for what, sent := range map[string][]byte{
		"line ends of mail": bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")),
		"a mark before it":  append([]byte("\ufeff"), raw...),
		"no last line end":  bytes.TrimRight(raw, "\n"),
		"more empty lines":  bytes.ReplaceAll(raw, []byte("\n\n"), []byte("\n\n\n\n")),
	} {
		f := checkpoint.Parse(sent)
		if !slices.Equal(texts(f.Notes), whole) || len(f.Fragments) > 0 {
			t.Errorf("%s: %d notes, %v", what, len(f.Notes), f.Fragments)
		}
	}
	for _, nothing := range []string{"", "\n", "\n\n\n", "# a comment\n"} {
		if f := checkpoint.Parse([]byte(nothing)); len(f.Notes)+len(f.Fragments) > 0 {
			t.Errorf("%q holds %+v", nothing, f)
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	_, verifier := kept(t)
	for _, bad := range []string{"", "x", verifier[:len(verifier)-1], verifier + "A", strings.Replace(verifier, "coso", "cose", 1)} {
		if _, err := checkpoint.NewKeys(bad); err == nil || !strings.Contains(err.Error(), "no verifier key") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := checkpoint.NewKeys(" " + verifier + "\n"); err != nil {
		t.Error(err)
	}
}

// The parser takes anything, and finds again what it has found.
func FuzzParse(f *testing.F) {
	f.Add([]byte("# key: x\ncoso-1/registry\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nincarnation 0198f0c2-0000-7000-8000-000000000001\n" +
		"continues 0198f0c2-0000-7000-8000-000000000002 1\ntime 2026-11-20T14:00:00+07:00\n\n— coso-1 " + strings.Repeat("A", 90) + "==\n\n"))
	f.Add([]byte("coso-1/registry\n3\n"))
	f.Add([]byte("— a b\n— a b\n\n\n\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file := checkpoint.Parse(raw)
		for _, n := range file.Notes {
			again := checkpoint.Parse([]byte(n.Text))
			if len(again.Notes) != 1 || again.Notes[0].Text != n.Text || len(again.Fragments) > 0 {
				t.Fatalf("%q is read again as %+v", n.Text, again)
			}
			if n.End.Position == 0 || n.Time.Equal(time.Time{}) || n.Service == "" {
				t.Fatalf("%q is taken for %+v", n.Text, n.Checkpoint)
			}
		}
		last := 0
		for _, g := range file.Fragments {
			if g.First > g.Last || g.First <= last || g.Why == nil {
				t.Fatalf("fragment %+v behind line %d", g, last)
			}
			last = g.Last
		}
	})
}
