package records

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	awardpb "coso/proto/gen/coso/award/v1"
	"coso/services/platform/store"
	"coso/services/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

func TestSchemaIsGolden(t *testing.T) { storetest.Schema(t, Schema, *update) }

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
	s := storetest.Open(t, dir, "award", Schema)
	r := rand.New(rand.NewPCG(2020, 11))
	for range 150 {
		target := r.IntN(20)
		put(t, s, &awardpb.Nomination{
			Name: fmt.Sprintf("nominations/n%d", target), Target: fmt.Sprintf("targets/n%d", target),
			Unit: fmt.Sprintf("units/n%d", r.IntN(4)), Indicator: "indicators/party", Period: fmt.Sprintf("periods/%d", 2020+r.IntN(3)),
		})
	}
	live := []string{storetest.Walk(t, s, Nominations, NominationsByUnit), storetest.Walk(t, s, Nominations, NominationsByPeriod)}
	storetest.Shut(t, s)

	// An index of another name is a new one: Open builds it.
	unit := store.NewIndex("unit-anew", one((*awardpb.Nomination).GetUnit))
	period := store.NewIndex("period-anew", one((*awardpb.Nomination).GetPeriod))
	nominations := store.NewTable("nominations", (*awardpb.Nomination).GetName, unit, period)
	s = storetest.Open(t, dir, "award", store.NewSchema(nominations))
	rebuilt := []string{storetest.Walk(t, s, nominations, unit), storetest.Walk(t, s, nominations, period)}
	storetest.Shut(t, s)
	if diff := cmp.Diff(live, rebuilt); diff != "" {
		t.Errorf("indexes (-live +rebuilt):\n%s", diff)
	}
}

// put records a nomination, or replaces what has its name; references need not be sound here.
func put(t *testing.T, s *store.Store, n *awardpb.Nomination) {
	t.Helper()
	_, err := store.Update(storetest.Caller(), s, n, func(tx *store.Tx) (*awardpb.Nomination, error) {
		return storetest.Put(tx, Nominations, n, &awardpb.NominationOpened{}, &awardpb.NominationReopened{})
	})
	if err != nil {
		t.Fatal(err)
	}
}
