package storetest

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/store"
)

// Record is what tables hold.
type Record interface {
	proto.Message
	GetName() string
	GetRevision() int64
}

// Schema holds a schema against testdata/schema.txt, which it writes first if update is set. A schema is final: a change of that file
// is a change of stored data, and its commit says why.
func Schema(t testing.TB, s *store.Schema, update bool) {
	t.Helper()
	const golden = "testdata/schema.txt"
	got := s.String()
	if update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

// Open opens a store of a service in a folder, without a word.
func Open(t testing.TB, dir, service string, schema *store.Schema) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Service: service, Schema: schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Shut closes a store that is sound.
func Shut(t testing.TB, s *store.Store) {
	t.Helper()
	if err := s.Verify(context.Background(), nil); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Caller is a context of somebody who asks for something.
func Caller() context.Context {
	return access.WithMethod(access.With(context.Background(), access.Principal{Name: "principals/lan"}), "/test/Put")
}

// Put creates a record, telling created, or replaces what has its name, telling changed. References need not be sound.
func Put[T Record](tx *store.Tx, table *store.Table[T], rec T, created, changed proto.Message) (T, error) {
	old, there, err := table.Find(tx, rec.GetName())
	if err != nil {
		return rec, err
	}
	if !there {
		return table.Create(tx, rec, created)
	}
	m := rec.ProtoReflect()
	revision := m.Descriptor().Fields().ByName("revision")
	m.Set(revision, old.ProtoReflect().Get(revision))
	return table.Put(tx, rec, changed)
}

// Walk lists an index from end to end: the name of the record of every entry, a line each. An empty one ends the test.
func Walk[T Record](t testing.TB, s *store.Store, table *store.Table[T], x *store.Index[T]) string {
	t.Helper()
	out, err := store.View(Caller(), s, func(tx *store.ReadTx) (string, error) {
		var out strings.Builder
		for rec, err := range table.By(tx, x, nil) {
			if err != nil {
				return "", err
			}
			out.WriteString(rec.GetName() + "\n")
		}
		return out.String(), nil
	})
	if err != nil || out == "" {
		t.Fatalf("index of %d bytes, %v", len(out), err)
	}
	return out
}
