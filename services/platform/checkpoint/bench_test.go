package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/checkpoint"
	"coso/services/platform/store"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// bench is a real store with its signer.
type bench struct {
	*store.Store
	*checkpoint.Signer

	units *store.Table[*registrypb.Unit]
	dir   string
	now   time.Time
}

// open opens a service's store in a folder; the key lies there, and the checkpoints where file says.
func open(t *testing.T, dir, service, file string) *bench {
	t.Helper()
	b := &bench{dir: dir, now: time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)}
	b.units = store.NewTable("units", (*registrypb.Unit).GetName)
	logger := slog.New(slog.DiscardHandler)
	clock := func() time.Time { return b.now }
	s, err := store.Open(store.Options{Dir: dir, Service: service, Schema: store.NewSchema(b.units), MapSize: 16 << 20, Clock: clock, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
	b.Signer = checkpoint.New(s, checkpoint.Options{File: file, Logger: logger, Clock: clock}.In(dir))
	t.Cleanup(func() { b.close(t) })
	return b
}

func (b *bench) close(t *testing.T) {
	t.Helper()
	if b.Store == nil {
		return
	}
	b.Signer.Close()
	if err := b.Store.Close(); err != nil {
		t.Error(err)
	}
	b.Store = nil
}

// add adds entries to the journal, one unit each.
func (b *bench) add(t *testing.T, names ...string) {
	t.Helper()
	ctx := access.WithMethod(access.With(context.Background(), access.Principal{Name: "principals/lan"}), "/test/Method")
	for _, name := range names {
		b.now = b.now.Add(time.Minute)
		_, err := store.Update(ctx, b.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
			u := &registrypb.Unit{Name: "units/" + name, DisplayName: "Đơn vị " + name, Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
			return b.units.Create(tx, u, &registrypb.UnitCreated{})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// numbered are names of entries.
func numbered(prefix string, from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprintf("%s%04d", prefix, i))
	}
	return out
}

func (b *bench) sign(t *testing.T) checkpoint.Signed {
	t.Helper()
	signed, err := b.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// copyFolder copies the files of a folder, as a kill leaves them.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	all, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		write(t, filepath.Join(to, f.Name()), read(t, filepath.Join(from, f.Name())))
	}
	return to
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func write(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// verdicts walks the journal of a stopped registry and judges every note of a file; the number of the entry that is damaged, or 0.
func verdicts(t *testing.T, dir string, notes []checkpoint.Note, backup bool) (out []checkpoint.Verdict, from []uint64, damaged uint64) {
	t.Helper()
	trail := checkpoint.NewTrail(notes)
	trail.Backup = backup
	found, err := store.Walk{Dir: dir, Service: "registry", Backup: backup, Tell: trail.Tell}.Run(t.Context())
	trail.Whole = err == nil
	for _, n := range notes {
		v, at := trail.Judge(n.Checkpoint)
		out, from = append(out, v), append(from, at)
	}
	return out, from, found.Damaged
}

// notesIn reads the notes of a file, all of which must be signed well.
func notesIn(t *testing.T, file, verifier string) []checkpoint.Note {
	t.Helper()
	f := checkpoint.Parse(read(t, file))
	keys, err := checkpoint.NewKeys(verifier)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range f.Notes {
		if got := keys.Check(n); got != checkpoint.SignedWell {
			t.Fatalf("the note in line %d: %v\n%s", n.Line, got, n.Text)
		}
	}
	if len(f.Fragments) > 0 {
		t.Fatalf("fragments: %v", f.Fragments)
	}
	return f.Notes
}

func backUp(t *testing.T, b *bench) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, b.Service()+".db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Backup(t.Context(), f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}
