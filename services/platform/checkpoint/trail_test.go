package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"coso/services/platform/checkpoint"
	"coso/services/platform/store"
)

// signedStore is a stopped store of 9 entries, signed at 3, 6 and 9, and copies of its folder at 5 and at the end, both as
// after an orderly stop.
type signedStore struct {
	early, late, backup, killed string
	notes                       []checkpoint.Note
}

func newSignedStore(t *testing.T) signedStore {
	t.Helper()
	var out signedStore
	file := filepath.Join(t.TempDir(), "kept.txt")
	dir := t.TempDir()
	b := open(t, dir, "registry", file)
	b.add(t, numbered("u", 1, 3)...)
	signed := b.sign(t)
	b.add(t, numbered("u", 4, 5)...)
	out.backup = backUp(t, b)
	b.close(t)
	out.early = copyFolder(t, dir)
	b = open(t, dir, "registry", file)
	b.add(t, numbered("u", 6, 6)...)
	b.sign(t)
	b.add(t, numbered("u", 7, 9)...)
	b.sign(t)
	out.killed = copyFolder(t, dir)
	b.close(t)
	out.late = dir
	out.notes = notesIn(t, file, signed.Verifier)
	if len(out.notes) != 3 {
		t.Fatalf("%d notes", len(out.notes))
	}
	return out
}

func want(t *testing.T, what string, got, want []checkpoint.Verdict) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: verdicts %v, want %v", what, got, want)
	}
}

func all(vs ...checkpoint.Verdict) []checkpoint.Verdict { return vs }

func TestVerdicts(t *testing.T) {
	s := newSignedStore(t)
	got, _, _ := verdicts(t, s.late, s.notes, false)
	want(t, "the journal itself", got, all(checkpoint.Fits, checkpoint.Fits, checkpoint.Fits))

	got, from, _ := verdicts(t, copyFolder(t, s.early), s.notes, false)
	want(t, "a journal whose end is cut off", got, all(checkpoint.Fits, checkpoint.Cut, checkpoint.Cut))
	if from[2] != 5 {
		t.Errorf("it ends at %d", from[2])
	}
	got, _, _ = verdicts(t, s.backup, s.notes, true)
	want(t, "an older backup", got, all(checkpoint.Fits, checkpoint.Later, checkpoint.Later))

	again := open(t, copyFolder(t, s.early), "registry", "")
	again.add(t, numbered("other", 6, 10)...)
	again.close(t)
	got, _, _ = verdicts(t, again.dir, s.notes, false)
	want(t, "a journal rewritten behind 5, its chain whole", got, all(checkpoint.Fits, checkpoint.Rewritten, checkpoint.Rewritten))

	other := open(t, t.TempDir(), "registry", "")
	other.add(t, numbered("u", 1, 9)...)
	other.close(t)
	got, _, _ = verdicts(t, other.dir, s.notes, false)
	want(t, "another journal", got, all(checkpoint.Foreign, checkpoint.Foreign, checkpoint.Foreign))
	empty := open(t, t.TempDir(), "registry", "")
	empty.close(t)
	got, _, _ = verdicts(t, empty.dir, s.notes, false)
	want(t, "an empty journal", got, all(checkpoint.Cut, checkpoint.Cut, checkpoint.Cut))
}

func TestVerdictsAfterARestore(t *testing.T) {
	s := newSignedStore(t)
	restore := func() (*bench, string) {
		dir := filepath.Join(t.TempDir(), "restored")
		if _, err := store.Restore(t.Context(), s.backup, dir, []string{"registry"}, s.notes[0].Time); err != nil {
			t.Fatal(err)
		}
		return open(t, dir, "registry", ""), dir
	}
	b, dir := restore()
	b.add(t, numbered("new", 1, 4)...)
	signed := b.sign(t)
	twice := t.TempDir()
	twice, backup := filepath.Join(twice, "again"), backUp(t, b)
	b.close(t)
	got, from, _ := verdicts(t, dir, s.notes, false)
	want(t, "a restored journal", got, all(checkpoint.Fits, checkpoint.Restored, checkpoint.Restored))
	if from[1] != 5 || from[2] != 5 {
		t.Errorf("it goes on behind %v", from)
	}
	notes := notesIn(t, filepath.Join(dir, checkpoint.FileName), signed.Verifier)
	if a := notes[0].End.Ancestors; len(a) != 1 || a[0] != (store.Ancestor{Incarnation: s.notes[0].End.Incarnation, Position: 5}) {
		t.Errorf("the note continues %v", a)
	}
	got, _, _ = verdicts(t, dir, notes, false)
	want(t, "notes of the restored journal", got, all(checkpoint.Fits))

	got, _, _ = verdicts(t, s.late, notes, false)
	want(t, "the journal before the restore, put back", got, all(checkpoint.LeftOut))
	got, from, _ = verdicts(t, s.early, notes, false)
	want(t, "the restored journal without the restore", got, all(checkpoint.Cut))
	if from[0] != 5 {
		t.Errorf("it ends at %v", from)
	}
	c, another := restore()
	c.add(t, "x")
	c.close(t)
	got, from, _ = verdicts(t, another, notes, false)
	want(t, "another restore of the same backup", got, all(checkpoint.LeftOut))
	if from[0] != 5 {
		t.Errorf("they part behind %v", from)
	}
	if _, err := store.Restore(t.Context(), backup, twice, []string{"registry"}, s.notes[0].Time); err != nil {
		t.Fatal(err)
	}
	d := open(t, twice, "registry", "")
	signed = d.sign(t)
	d.close(t)
	last := notesIn(t, filepath.Join(twice, checkpoint.FileName), signed.Verifier)[0]
	if len(last.End.Ancestors) != 2 || last.End.Ancestors[1].Position != 5 || last.End.Ancestors[0].Position != 10 {
		t.Errorf("after two restores the note continues %v", last.End.Ancestors)
	}
	got, _, _ = verdicts(t, twice, append(notes, s.notes...), false)
	want(t, "restored twice", got, all(checkpoint.Fits, checkpoint.Fits, checkpoint.Restored, checkpoint.Restored))
	got, _, _ = verdicts(t, backup, []checkpoint.Note{last}, true)
	want(t, "the backup from before the second restore", got, all(checkpoint.Later))
}

// One byte of an entry in the data file: the entry is named, what was signed before it fits, what after it is open.
func TestAByteOfTheDataFile(t *testing.T) {
	s := newSignedStore(t)
	file := filepath.Join(s.late, "registry.db")
	whole := read(t, file)
	for entry := 1; entry <= 9; entry++ {
		raw := bytes.ReplaceAll(whole, fmt.Appendf(nil, "Đơn vị u%04d", entry), fmt.Appendf(nil, "Đơn vỉ u%04d", entry))
		if bytes.Equal(raw, whole) {
			t.Fatal("the entry is not in the file")
		}
		write(t, file, raw)
		got, _, damaged := verdicts(t, s.late, s.notes, false)
		if damaged != uint64(entry) {
			t.Errorf("entry %d was changed, %d is named", entry, damaged)
		}
		for i, n := range s.notes {
			switch fits := got[i] == checkpoint.Fits; {
			case n.End.Position < uint64(entry) && !fits, n.End.Position >= uint64(entry) && fits:
				t.Errorf("entry %d was changed: the note of %d is %v", entry, n.End.Position, got[i])
			}
		}
	}
}

// Any byte of the data file: no note fits a journal that is not the one that was signed, and nothing panics.
func TestAnyByteOfTheDataFile(t *testing.T) {
	s := newSignedStore(t)
	file := filepath.Join(s.late, "registry.db")
	whole := read(t, file)
	r := rand.New(rand.NewPCG(1, 2))
	walk := func() (links []store.Link, trail *checkpoint.Trail) {
		trail = checkpoint.NewTrail(s.notes)
		_, err := store.Walk{Dir: s.late, Service: "registry", Tell: func(l store.Link) { links = append(links, l); trail.Tell(l) }}.Run(t.Context())
		trail.Whole = err == nil
		return links, trail
	}
	signed, _ := walk()
	used := len(bytes.TrimRight(whole, "\x00")) // behind it the file is zeros
	for range 500 {
		at := r.IntN(used)
		flip(t, file, at, whole[at]^1<<r.IntN(8))
		now, trail := walk()
		for _, n := range s.notes {
			p := n.End.Position
			got, _ := trail.Judge(n.Checkpoint)
			if same := uint64(len(now)) >= p && now[p-1] == signed[p-1]; (got == checkpoint.Fits) != same {
				t.Errorf("byte %d: the note of %d is %v, its entry the same: %v", at, p, got, same)
			}
		}
		flip(t, file, at, whole[at])
	}
}

// flip sets one byte of a file.
func flip(t *testing.T, file string, at int, to byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte{to}, int64(at))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A byte in the write-ahead log of a store that was killed: the entry is named; in the last one it is as if it were not there.
func TestAByteOfTheLog(t *testing.T) {
	s := newSignedStore(t)
	got, _, _ := verdicts(t, s.killed, s.notes, false)
	want(t, "killed", got, all(checkpoint.Fits, checkpoint.Fits, checkpoint.Fits))
	changed := 0
	for _, name := range []string{"registry.wal0", "registry.wal1"} {
		file := filepath.Join(s.killed, name)
		whole := read(t, file)
		for entry := 6; entry <= 9; entry++ {
			raw := bytes.ReplaceAll(whole, fmt.Appendf(nil, "Đơn vị u%04d", entry), fmt.Appendf(nil, "Đơn vỉ u%04d", entry))
			if bytes.Equal(raw, whole) {
				continue
			}
			changed++
			write(t, file, raw)
			got, _, damaged := verdicts(t, s.killed, s.notes, false)
			switch {
			case entry == 9:
				want(t, "the last entry", got, all(checkpoint.Fits, checkpoint.Fits, checkpoint.Cut))
			case damaged != uint64(entry) || got[0] != checkpoint.Fits || got[2] != checkpoint.Unread:
				t.Errorf("entry %d was changed, %d is named, verdicts %v", entry, damaged, got)
			}
		}
		write(t, file, whole)
	}
	if changed < 3 {
		t.Errorf("%d entries were found in the log", changed)
	}
}
