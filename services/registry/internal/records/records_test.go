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
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

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
	s := open(t, dir, Schema)
	r := rand.New(rand.NewPCG(2020, 11)) // a script that is the same every time
	for i := range 150 {
		script(t, s, r, i)
	}
	live := []string{
		walk(t, s, Units.By, UnitsBelow),
		walk(t, s, Enterprises.By, EnterprisesByTaxCode), walk(t, s, Enterprises.By, EnterprisesByUnit),
		walk(t, s, Organisations.By, OrganisationsByUnit), walk(t, s, Organisations.By, OrganisationsByEnterprise),
	}
	shut(t, s)

	// An index of another name is a new one: Open builds it.
	below := store.NewIndex("below-anew", superiors)
	code := store.NewIndex("tax-code-anew", one((*registrypb.Enterprise).GetTaxCode))
	area := store.NewIndex("unit-anew", one((*registrypb.Enterprise).GetUnit))
	unit := store.NewIndex("unit-anew", one((*registrypb.Organisation).GetUnit))
	site := store.NewIndex("enterprise-anew", one((*registrypb.Organisation).GetEnterprise))
	units := store.NewTable("units", (*registrypb.Unit).GetName, below)
	enterprises := store.NewTable("enterprises", (*registrypb.Enterprise).GetName, code, area)
	organisations := store.NewTable("organisations", (*registrypb.Organisation).GetName, unit, site)
	s = open(t, dir, store.NewSchema(units, enterprises, organisations))
	rebuilt := []string{
		walk(t, s, units.By, below), walk(t, s, enterprises.By, code), walk(t, s, enterprises.By, area),
		walk(t, s, organisations.By, unit), walk(t, s, organisations.By, site),
	}
	shut(t, s)
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
	_, err := store.Update(caller(), s, u, func(tx *store.Tx) (*registrypb.Unit, error) {
		if _, err := put(tx, Enterprises, e, &registrypb.EnterpriseUpdated{}); err != nil {
			return nil, err
		}
		if _, err := put(tx, Organisations, o, &registrypb.OrganisationUpdated{}); err != nil {
			return nil, err
		}
		return put(tx, Units, u, &registrypb.UnitUpdated{})
	})
	if err != nil {
		t.Fatal(err)
	}
}

type record interface {
	proto.Message
	GetName() string
	GetRevision() int64
}

// put records rec, or replaces what has its name.
func put[T record](tx *store.Tx, table *store.Table[T], rec T, event proto.Message) (T, error) {
	old, known, err := table.Find(tx, rec.GetName())
	if err != nil {
		return rec, err
	}
	if !known {
		return table.Create(tx, rec, event)
	}
	m := rec.ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("revision"), old.ProtoReflect().Get(m.Descriptor().Fields().ByName("revision")))
	return table.Put(tx, rec, event)
}

// walk lists an index from end to end: the record of every entry.
func walk[T record](
	t *testing.T, s *store.Store, by func(store.Reader, *store.Index[T], store.Key) func(func(T, error) bool), x *store.Index[T],
) string {
	t.Helper()
	out, err := store.View(caller(), s, func(tx *store.ReadTx) (string, error) {
		out := ""
		for rec, err := range by(tx, x, nil) {
			if err != nil {
				return "", err
			}
			out += rec.GetName() + "\n"
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
		Dir: dir, Service: "registry", Schema: schema, Logger: slog.New(slog.DiscardHandler),
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
