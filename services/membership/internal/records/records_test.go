package records

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

// The schema is final: a change of this file is a change of stored data, and its commit says why.
func TestSchemaIsGolden(t *testing.T) {
	const golden = "testdata/schema.txt"
	got := Schema.String()
	if *update {
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

func TestIndexKeysAreGolden(t *testing.T) {
	in := &membershippb.Intake{Unit: "units/tay-ho", Organisation: "organisations/chi-bo"}
	got := fmt.Sprintf("%q %q %q", known((*membershippb.Intake).GetUnit)(in), known((*membershippb.Intake).GetOrganisation)(in),
		known((*membershippb.Intake).GetOrganisation)(&membershippb.Intake{}))
	if want := `["units/tay-ho\x00\x01"] ["organisations/chi-bo\x00\x01"] []`; got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
}

// Whatever was reported and moved: an index built anew from the records holds the same, in the same order, as the one
// that followed every change.
func TestRebuiltIndexesEqualLiveOnes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Schema)
	r := rand.New(rand.NewPCG(2020, 11))
	for range 150 {
		put(t, s, &membershippb.Intake{
			Name: fmt.Sprintf("intakes/n%d", r.IntN(20)), Unit: fmt.Sprintf("units/n%d", r.IntN(4)),
			Organisation: []string{"", fmt.Sprintf("organisations/n%d", r.IntN(12))}[r.IntN(2)],
			Kind:         membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER, AdmittedOn: "2020-06-15", MemberCount: 1,
		})
	}
	live := []string{walk(t, s, Intakes, IntakesByUnit), walk(t, s, Intakes, IntakesByOrganisation)}
	shut(t, s)

	// An index of another name is a new one: Open builds it.
	unit := store.NewIndex("unit-anew", known((*membershippb.Intake).GetUnit))
	organisation := store.NewIndex("organisation-anew", known((*membershippb.Intake).GetOrganisation))
	intakes := store.NewTable("intakes", (*membershippb.Intake).GetName, unit, organisation)
	s = open(t, dir, store.NewSchema(intakes, Units, Organisations))
	rebuilt := []string{walk(t, s, intakes, unit), walk(t, s, intakes, organisation)}
	shut(t, s)
	if diff := cmp.Diff(live, rebuilt); diff != "" {
		t.Errorf("indexes (-live +rebuilt):\n%s", diff)
	}
}

// put records an intake, or replaces what has its name; references need not be sound here.
func put(t *testing.T, s *store.Store, in *membershippb.Intake) {
	t.Helper()
	_, err := store.Update(caller(), s, in, func(tx *store.Tx) (*membershippb.Intake, error) {
		old, there, err := Intakes.Find(tx, in.GetName())
		if err != nil {
			return nil, err
		}
		if !there {
			return Intakes.Create(tx, in, &membershippb.IntakeReported{})
		}
		in.Revision = old.GetRevision()
		return Intakes.Put(tx, in, &membershippb.IntakeUpdated{})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// walk lists an index from end to end: the record of every entry.
func walk(
	t *testing.T, s *store.Store, table *store.Table[*membershippb.Intake], x *store.Index[*membershippb.Intake],
) string {
	t.Helper()
	out, err := store.View(caller(), s, func(tx *store.ReadTx) (string, error) {
		out := ""
		for in, err := range table.By(tx, x, nil) {
			if err != nil {
				return "", err
			}
			out += in.GetName() + "\n"
		}
		return out, nil
	})
	if err != nil || out == "" {
		t.Fatalf("index of %d bytes, %v", len(out), err)
	}
	return out
}

func open(t *testing.T, dir string, schema *store.Schema) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{
		Dir: dir, Service: "membership", Schema: schema, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shut closes a store that is sound.
func shut(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Verify(context.Background(), nil); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func caller() context.Context {
	return access.WithMethod(access.With(context.Background(), access.Principal{Name: "principals/lan"}), "/test/Put")
}
