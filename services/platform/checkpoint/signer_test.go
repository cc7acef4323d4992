package checkpoint_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/checkpoint"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// INV-CHECKPOINT-ONCE: what has not changed is not signed again, by another process neither; a clock that is set changes
// nothing about that.
func TestAnEndIsSignedOnce(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "registry", "")
	file := filepath.Join(dir, checkpoint.FileName)
	if signed := b.sign(t); signed.Note != "" || signed.Fresh {
		t.Errorf("of an empty journal it signs %+v", signed)
	}
	b.add(t, "a", "b")
	first := b.sign(t)
	if !first.Fresh || first.File != file {
		t.Errorf("signs %+v", first)
	}
	b.now = b.now.Add(-3 * time.Hour)
	if again := b.sign(t); again.Fresh || again.Note != first.Note {
		t.Errorf("signs again: %+v", again)
	}
	b.close(t)
	b = open(t, dir, "registry", "")
	if again := b.sign(t); again.Fresh || again.Note != first.Note || again.Verifier != first.Verifier {
		t.Errorf("signs again after a start: %+v", again)
	}
	b.now = b.now.Add(time.Hour)
	b.add(t, "c")
	b.now = b.now.Add(-24 * time.Hour) // within the moments of the journal, the signer's clock may go back
	second := b.sign(t)
	notes := notesIn(t, file, first.Verifier)
	if !second.Fresh || len(notes) != 2 || notes[0].Text != first.Note || notes[1].Text != second.Note || !notes[1].Time.Before(notes[0].Time) {
		t.Errorf("%d notes, the second %+v", len(notes), second)
	}
	if n := notes[1]; n.Service != "registry" || n.End.Position != 3 || n.End.Incarnation != b.Incarnation() || !bytes.Equal(n.End.Hash[:], b.Head().GetHash()) {
		t.Errorf("the note says %+v", n.Checkpoint)
	}
	if text := string(read(t, file)); strings.Count(text, "# key: "+first.Verifier+"\n") != 1 {
		t.Errorf("the file begins\n%s", text)
	}
	b.close(t)
	if got, _, _ := verdicts(t, dir, notes, false); got[0] != checkpoint.Fits || got[1] != checkpoint.Fits {
		t.Errorf("verdicts %v", got)
	}
}

// A file that was taken away begins anew; another key is announced in the file, and old notes stay good with the old one.
func TestAnotherFileAnotherKey(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "registry", "")
	file := filepath.Join(dir, checkpoint.FileName)
	b.add(t, "a")
	first := b.sign(t)
	kept := read(t, file)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if again := b.sign(t); !again.Fresh || len(notesIn(t, file, first.Verifier)) != 1 {
		t.Errorf("into a new file it signs %+v", again)
	}
	write(t, file, kept[:len(kept)/2]) // as a copying rotation does
	if again := b.sign(t); !again.Fresh {
		t.Errorf("into a file that was cut it signs %+v", again)
	}
	if f := checkpoint.Parse(read(t, file)); len(f.Notes) != 1 || len(f.Fragments) > 1 {
		t.Errorf("the cut file holds %+v", f)
	}
	write(t, file, kept)
	k, err := checkpoint.NewKey(filepath.Join(dir, checkpoint.KeyName), "thanh-uy-ha-noi")
	if err != nil {
		t.Fatal(err)
	}
	second := b.sign(t)
	f := checkpoint.Parse(read(t, file))
	if !second.Fresh || second.Verifier != k.Verifier || len(f.Keys) != 2 || f.Keys[1] != k.Verifier || f.Notes[1].Installation != "thanh-uy-ha-noi" {
		t.Errorf("with another key it signs %+v; the file shows %v", second, f.Keys)
	}
	for _, c := range []struct {
		keys []string
		want [2]checkpoint.Signature
	}{
		{[]string{first.Verifier}, [2]checkpoint.Signature{checkpoint.SignedWell, checkpoint.SignedByOther}},
		{[]string{second.Verifier}, [2]checkpoint.Signature{checkpoint.SignedByOther, checkpoint.SignedWell}},
		{[]string{first.Verifier, second.Verifier, first.Verifier}, [2]checkpoint.Signature{checkpoint.SignedWell, checkpoint.SignedWell}},
	} {
		keys, err := checkpoint.NewKeys(c.keys...)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]checkpoint.Signature{keys.Check(f.Notes[0]), keys.Check(f.Notes[1])}; got != c.want {
			t.Errorf("with %v: %v, want %v", c.keys, got, c.want)
		}
	}
	other, err := checkpoint.NewKey(filepath.Join(t.TempDir(), "key"), "thanh-uy-ha-noi")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := checkpoint.NewKeys(other.Verifier)
	if err != nil || keys.Check(f.Notes[1]) != checkpoint.SignedWithOther {
		t.Errorf("another key of the same name: %v, %v", keys.Check(f.Notes[1]), err)
	}
}

// INV-CHECKPOINT-APPEND: several services write one file at once, and a power cut leaves half a note between them.
func TestManyWriteOneFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "kept.txt")
	var wg sync.WaitGroup
	var verifiers sync.Map
	for _, service := range []string{"registry", "membership", "planning", "award"} {
		b := open(t, dir, service, file)
		wg.Go(func() {
			for _, name := range numbered("u", 1, 10) {
				b.add(t, name)
				signed, err := b.Sign(context.Background())
				if err != nil || !signed.Fresh {
					t.Errorf("signs %+v, %v", signed, err)
				}
				verifiers.Store(signed.Verifier, true)
			}
		})
	}
	wg.Wait()
	var all []string
	verifiers.Range(func(k, _ any) bool { all = append(all, k.(string)); return true }) //nolint:forcetypeassert // what was stored
	if len(all) != 1 {
		t.Fatalf("%d keys were made at once", len(all))
	}
	if notes := notesIn(t, file, all[0]); len(notes) != 40 {
		t.Errorf("%d notes", len(notes))
	}
}

func TestHalfANote(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "registry", "")
	file := filepath.Join(dir, checkpoint.FileName)
	b.add(t, "a")
	first := b.sign(t)
	before := len(read(t, file))
	b.add(t, "b")
	second := b.sign(t)
	whole := read(t, file)
	keys, err := checkpoint.NewKeys(first.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	for cut := before + 1; cut < before+len(second.Note)-1; cut++ {
		f := checkpoint.Parse(whole[:cut])
		if len(f.Notes) != 1 || f.Notes[0].Text != first.Note || len(f.Fragments) != 1 || !f.Fragments[0].Cut {
			t.Fatalf("cut after %d bytes of %d: %d notes, %+v", cut-before, len(second.Note), len(f.Notes), f.Fragments)
		}
		if cut%29 != 0 {
			continue
		}
		write(t, file, whole[:cut])
		b.add(t, "c"+string(rune('a'+cut%26))+strings.Repeat("x", cut%50+1)+string(rune('a'+cut/26%26)))
		third := b.sign(t)
		f = checkpoint.Parse(read(t, file))
		if len(f.Notes) != 2 || f.Notes[1].Text != third.Note || keys.Check(f.Notes[1]) != checkpoint.SignedWell ||
			len(f.Fragments) != 1 || f.Fragments[0].Cut || f.Fragments[0].First != f.Notes[0].Line+8 {
			t.Fatalf("behind half a note of %d bytes: %d notes, %+v\n%s", cut-before, len(f.Notes), f.Fragments, read(t, file))
		}
	}
}

// INV-CHECKPOINT-NEVER-FATAL: what cannot be written or signed is an alarm that ends by itself.
func TestAlarm(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "registry", filepath.Join(dir, "share", "kept.txt"))
	b.add(t, "a")
	wrong := func(what, says string) {
		t.Helper()
		_, err := b.Sign(t.Context())
		if fault.ReasonOf(err) != faultpb.Reason_REASON_CHECKPOINT_UNWRITTEN || fault.KindOf(err) != fault.KindUnavailable ||
			!strings.Contains(err.Error(), says) || !errors.Is(b.Signer.Healthy(), err) {
			t.Errorf("%s: %v; healthy says %v", what, err, b.Signer.Healthy())
		}
		b.add(t, strings.ReplaceAll(what, " ", "-")) // the service goes on
	}
	wrong("no such folder", "kept.txt: no such file")
	if err := os.Mkdir(filepath.Join(dir, "share"), 0o700); err != nil {
		t.Fatal(err)
	}
	if signed := b.sign(t); !signed.Fresh || b.Signer.Healthy() != nil {
		t.Errorf("after the folder is there: %+v, %v", signed, b.Signer.Healthy())
	}
	key := filepath.Join(dir, checkpoint.KeyName)
	kept := read(t, key)
	write(t, key, []byte("PRIVATE+KEY+x"))
	wrong("a damaged key", "no signer key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(key, 0o700); err != nil {
		t.Fatal(err)
	}
	wrong("a folder for a key", "checkpoint.key: is a directory")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	write(t, key, bytes.Replace(kept, []byte("coso-"), []byte("caso-"), 1))
	wrong("a key of another name", "no signer key")
	write(t, key, kept)
	if err := os.Chmod(key, 0o640); err != nil { //nolint:gosec // the test's point
		t.Fatal(err)
	}
	wrong("an open key", "others may read the key; set its mode to 0600")
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.sign(t)
	if _, err := checkpoint.NewKey(key, "Thành ủy"); err == nil {
		t.Error("a name with spaces is taken")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Sign(gone)
	if alarm := b.Signer.Healthy(); alarm != nil {
		t.Errorf("who does not wait hears %v and makes an alarm: %v", err, alarm)
	}
}

// A signer that runs signs what changes, by the time that passes, and ends with its context.
func TestSignerRuns(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, "registry", "")
	b.add(t, "a")
	fast := checkpoint.New(b.Store, checkpoint.Options{Every: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler), Clock: func() time.Time { return time.Unix(0, 0) }}.In(dir))
	defer fast.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { fast.Run(ctx); close(ended) }()
	deadline := time.After(10 * time.Second)
	for want := 1; want <= 3; want++ {
		for tick := time.Tick(5 * time.Millisecond); ; {
			raw, err := os.ReadFile(filepath.Join(dir, checkpoint.FileName))
			if n := len(checkpoint.Parse(raw).Notes); err == nil && n == want {
				break
			}
			select {
			case <-tick:
			case <-deadline:
				t.Fatalf("%d notes are not there", want)
			}
		}
		b.add(t, numbered("n", want, want)...)
	}
	stop()
	<-ended
}
