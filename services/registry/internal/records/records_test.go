package records

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
	"coso/services/platform/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestSchemaIsGolden(t *testing.T) { storetest.Schema(t, Schema, *update) }

func TestIndexKeysAreGolden(t *testing.T) {
	u := &registrypb.Unit{Placements: []*registrypb.Placement{
		{Tree: "administrative", FromDate: "2020-01-01"}, {Tree: "party", Parent: "units/ha-noi", FromDate: "2020-01-01"},
	}}
	var got []string
	for _, k := range superiors(u) {
		got = append(got, fmt.Sprintf("%q", k))
	}
	want := []string{`"\x00\x01administrative\x00\x01"`, `"units/ha-noi\x00\x01party\x00\x01"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got := fmt.Sprintf("%q", one((*registrypb.Enterprise).GetTaxCode)(&registrypb.Enterprise{TaxCode: "0100109106"})); got != `["0100109106\x00\x01"]` {
		t.Errorf("tax code: %s", got)
	}
}

// Whatever was put, moved and put again: an index built anew from the records holds the same, in the same order, as the
// one that followed every change.
func TestRebuiltIndexesEqualLiveOnes(t *testing.T) {
	dir := t.TempDir()
	s := storetest.Open(t, dir, "registry", Schema)
	r := rand.New(rand.NewPCG(2020, 11)) // a script that is the same every time
	for i := range 150 {
		script(t, s, r, i)
	}
	live := []string{
		storetest.Walk(t, s, Units, UnitsBelow),
		storetest.Walk(t, s, Enterprises, EnterprisesByTaxCode), storetest.Walk(t, s, Enterprises, EnterprisesByUnit),
		storetest.Walk(t, s, Organisations, OrganisationsByUnit), storetest.Walk(t, s, Organisations, OrganisationsByEnterprise),
	}
	storetest.Shut(t, s)

	// An index of another name is a new one: Open builds it.
	below := store.NewIndex("below-anew", superiors)
	code := store.NewIndex("tax-code-anew", one((*registrypb.Enterprise).GetTaxCode))
	area := store.NewIndex("unit-anew", one((*registrypb.Enterprise).GetUnit))
	unit := store.NewIndex("unit-anew", one((*registrypb.Organisation).GetUnit))
	site := store.NewIndex("enterprise-anew", one((*registrypb.Organisation).GetEnterprise))
	units := store.NewTable("units", (*registrypb.Unit).GetName, below)
	enterprises := store.NewTable("enterprises", (*registrypb.Enterprise).GetName, code, area)
	organisations := store.NewTable("organisations", (*registrypb.Organisation).GetName, unit, site)
	s = storetest.Open(t, dir, "registry", store.NewSchema(units, enterprises, organisations))
	rebuilt := []string{
		storetest.Walk(t, s, units, below), storetest.Walk(t, s, enterprises, code), storetest.Walk(t, s, enterprises, area),
		storetest.Walk(t, s, organisations, unit), storetest.Walk(t, s, organisations, site),
	}
	storetest.Shut(t, s)
	if diff := cmp.Diff(live, rebuilt); diff != "" {
		t.Errorf("indexes (-live +rebuilt):\n%s", diff)
	}
}

// script records or changes one record of each table at random; references need not be sound here.
func script(t *testing.T, s *store.Store, r *rand.Rand, i int) {
	t.Helper()
	name := func(collection string, n int) string { return fmt.Sprintf("%s/n%d", collection, r.IntN(n)) }
	u := &registrypb.Unit{Name: name("units", 15), DisplayName: "Đơn vị", Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
	for day := range r.IntN(4) {
		tree := []string{"party", "administrative"}[r.IntN(2)]
		u.Placements = append(u.Placements, &registrypb.Placement{
			Tree: tree, Parent: []string{"", name("units", 15)}[r.IntN(2)], FromDate: fmt.Sprintf("2020-01-%02d", day+1),
		})
	}
	e := &registrypb.Enterprise{
		Name: name("enterprises", 15), DisplayName: "Công ty", LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC,
		TaxCode: fmt.Sprintf("%010d", i), Unit: name("units", 4),
	}
	o := &registrypb.Organisation{
		Name: name("organisations", 15), DisplayName: "Chi bộ", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		Unit: name("units", 4), Enterprise: name("enterprises", 4), FoundedOn: "2020-01-01",
	}
	_, err := store.Update(storetest.Caller(), s, u, func(tx *store.Tx) (*registrypb.Unit, error) {
		if _, err := storetest.Put(tx, Enterprises, e, &registrypb.EnterpriseUpdated{}, &registrypb.EnterpriseUpdated{}); err != nil {
			return nil, err
		}
		if _, err := storetest.Put(tx, Organisations, o, &registrypb.OrganisationUpdated{}, &registrypb.OrganisationUpdated{}); err != nil {
			return nil, err
		}
		return storetest.Put(tx, Units, u, &registrypb.UnitUpdated{}, &registrypb.UnitUpdated{})
	})
	if err != nil {
		t.Fatal(err)
	}
}
