package records

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/platform/store"
	"coso/services/platform/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

func TestSchemaIsGolden(t *testing.T) { storetest.Schema(t, Schema, *update) }

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
	s := storetest.Open(t, dir, "membership", Schema)
	r := rand.New(rand.NewPCG(2020, 11))
	for range 150 {
		put(t, s, &membershippb.Intake{
			Name: fmt.Sprintf("intakes/n%d", r.IntN(20)), Unit: fmt.Sprintf("units/n%d", r.IntN(4)),
			Organisation: []string{"", fmt.Sprintf("organisations/n%d", r.IntN(12))}[r.IntN(2)],
			Kind:         membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER, AdmittedOn: "2020-06-15", MemberCount: 1,
		})
	}
	live := []string{storetest.Walk(t, s, Intakes, IntakesByUnit), storetest.Walk(t, s, Intakes, IntakesByOrganisation)}
	storetest.Shut(t, s)

	// An index of another name is a new one: Open builds it.
	unit := store.NewIndex("unit-anew", known((*membershippb.Intake).GetUnit))
	organisation := store.NewIndex("organisation-anew", known((*membershippb.Intake).GetOrganisation))
	intakes := store.NewTable("intakes", (*membershippb.Intake).GetName, unit, organisation)
	s = storetest.Open(t, dir, "membership", store.NewSchema(intakes, Units, Organisations))
	rebuilt := []string{storetest.Walk(t, s, intakes, unit), storetest.Walk(t, s, intakes, organisation)}
	storetest.Shut(t, s)
	if diff := cmp.Diff(live, rebuilt); diff != "" {
		t.Errorf("indexes (-live +rebuilt):\n%s", diff)
	}
}

// put records an intake, or replaces what has its name; references need not be sound here.
func put(t *testing.T, s *store.Store, in *membershippb.Intake) {
	t.Helper()
	_, err := store.Update(storetest.Caller(), s, in, func(tx *store.Tx) (*membershippb.Intake, error) {
		return storetest.Put(tx, Intakes, in, &membershippb.IntakeReported{}, &membershippb.IntakeUpdated{})
	})
	if err != nil {
		t.Fatal(err)
	}
}
