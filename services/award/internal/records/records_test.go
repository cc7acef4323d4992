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

	awardpb "coso/proto/gen/coso/award/v1"
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
	n := &awardpb.Nomination{Unit: "units/tay-ho", Period: "periods/2020"}
	got := fmt.Sprintf("%q %q", one((*awardpb.Nomination).GetUnit)(n), one((*awardpb.Nomination).GetPeriod)(n))
	if want := `["units/tay-ho\x00\x01"] ["periods/2020\x00\x01"]`; got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
}

// Whatever was opened and changed: an index built anew from the records holds the same, in the same order, as the one
// that followed every change.
func TestRebuiltIndexesEqualLiveOnes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Schema)
	r := rand.New(rand.NewPCG(2020, 11))
	for range 150 {
		target := r.IntN(20)
		put(t, s, &awardpb.Nomination{
			Name: fmt.Sprintf("nominations/n%d", target), Target: fmt.Sprintf("targets/n%d", target),
			Unit: fmt.Sprintf("units/n%d", r.IntN(4)), Indicator: "indicators/party", Period: fmt.Sprintf("periods/%d", 2020+r.IntN(3)),
		})
	}
	live := []string{walk(t, s, Nominations, NominationsByUnit), walk(t, s, Nominations, NominationsByPeriod)}
	shut(t, s)

	// An index of another name is a new one: Open builds it.
	unit := store.NewIndex("unit-anew", one((*awardpb.Nomination).GetUnit))
	period := store.NewIndex("period-anew", one((*awardpb.Nomination).GetPeriod))
	nominations := store.NewTable("nominations", (*awardpb.Nomination).GetName, unit, period)
	s = open(t, dir, store.NewSchema(nominations))
	rebuilt := []string{walk(t, s, nominations, unit), walk(t, s, nominations, period)}
	shut(t, s)
	if diff := cmp.Diff(live, rebuilt); diff != "" {
		t.Errorf("indexes (-live +rebuilt):\n%s", diff)
	}
}

// put records a nomination, or replaces what has its name; references need not be sound here.
func put(t *testing.T, s *store.Store, n *awardpb.Nomination) {
	t.Helper()
	_, err := store.Update(caller(), s, n, func(tx *store.Tx) (*awardpb.Nomination, error) {
		old, there, err := Nominations.Find(tx, n.GetName())
		if err != nil {
			return nil, err
		}
		if !there {
			return Nominations.Create(tx, n, &awardpb.NominationOpened{})
		}
		n.Revision = old.GetRevision()
		return Nominations.Put(tx, n, &awardpb.NominationReopened{})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// walk lists an index from end to end: the record of every entry.
func walk(
	t *testing.T, s *store.Store, table *store.Table[*awardpb.Nomination], x *store.Index[*awardpb.Nomination],
) string {
	t.Helper()
	out, err := store.View(caller(), s, func(tx *store.ReadTx) (string, error) {
		out := ""
		for n, err := range table.By(tx, x, nil) {
			if err != nil {
				return "", err
			}
			out += n.GetName() + "\n"
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
		Dir: dir, Service: "award", Schema: schema, Logger: slog.New(slog.DiscardHandler),
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
