package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"coso/services/platform/access"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// schema is a small schema on messages of the registry: two indexes, one of them unique, a counter and a copy.
type schema struct {
	all         *Schema
	enterprises *Table[*registrypb.Enterprise]
	byUnit      *Index[*registrypb.Enterprise]
	byCode      *Index[*registrypb.Enterprise]
	perUnit     *Derived[*registrypb.Enterprise]
	units       *Copy[*registrypb.Unit]
}

func newSchema() *schema {
	sc := &schema{}
	sc.byUnit = NewIndex("unit", func(e *registrypb.Enterprise) []Key { return []Key{Text(e.GetUnit())} })
	sc.byCode = NewUnique("tax-code", faultpb.Reason_REASON_TAX_CODE_TAKEN, "enterprise.taxCode",
		func(e *registrypb.Enterprise) []Key { return []Key{Text(e.GetTaxCode())} })
	sc.perUnit = NewDerived("per-unit", 1, countPerUnit)
	sc.enterprises = NewTable("enterprises", (*registrypb.Enterprise).GetName, sc.byUnit, sc.byCode, sc.perUnit)
	sc.units = NewCopy("units", (*registrypb.Unit).GetName)
	sc.all = NewSchema(sc.enterprises.Judged(sc.inOpenUnits), sc.units)
	return sc
}

func countPerUnit(s Space, old, new *registrypb.Enterprise) error {
	add := func(unit string, n int) error {
		k := Text(unit)
		count := n
		if v := s.Get(k); v != nil {
			u, _ := Key(v).Split().Uint64()
			count += int(u)
		}
		if count == 0 {
			return s.Delete(k)
		}
		return s.Put(k, Key(nil).Uint64(uint64(count)))
	}
	if old != nil {
		if err := add(old.GetUnit(), -1); err != nil {
			return err
		}
	}
	if new != nil {
		return add(new.GetUnit(), 1)
	}
	return nil
}

func enterprise(id int, unit, code string) *registrypb.Enterprise {
	return &registrypb.Enterprise{
		Name: fmt.Sprintf("enterprises/e%d", id), DisplayName: fmt.Sprintf("Công ty %d", id), TaxCode: code,
		LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: unit,
	}
}

// bench is an open store with its schema.
type bench struct {
	*schema
	*Store
	dir string
	now time.Time
}

func open(t testing.TB, dir string, change ...func(*Options)) *bench {
	t.Helper()
	b := &bench{schema: newSchema(), dir: dir, now: time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC)}
	o := Options{
		Dir: dir, Service: "registry", Schema: b.all, Sources: []string{"membership"},
		Clock: func() time.Time { return b.now }, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b.Store = s
	t.Cleanup(func() { b.check(t) })
	return b
}

// check closes the store and lets bbolt and the chain check themselves.
func (b *bench) check(t testing.TB) {
	t.Helper()
	select {
	case <-b.stopped:
		return
	default:
	}
	if err := b.Verify(context.Background(), nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := b.db.flush(context.Background(), b.stop); err != nil {
		t.Errorf("flush: %v", err)
	}
	errChecked := errors.New("checked, nothing to write")
	if err := b.db.file.Update(func(tx *bolt.Tx) error { // nobody writes meanwhile
		for err := range tx.Check() {
			t.Errorf("bbolt: %v", err)
		}
		return errChecked
	}); !errors.Is(err, errChecked) {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func caller() context.Context {
	return access.WithMethod(access.With(context.Background(), access.Principal{Name: "principals/lan"}), "/test/Method")
}

func create(ctx context.Context, b *bench, e *registrypb.Enterprise, requestID string) (*registrypb.Enterprise, error) {
	req := &registrypb.CreateEnterpriseRequest{Enterprise: e, RequestId: requestID}
	return Update(ctx, b.Store, req, func(tx *Tx) (*registrypb.Enterprise, error) {
		rec := &registrypb.Enterprise{
			Name: e.GetName(), DisplayName: e.GetDisplayName(), TaxCode: e.GetTaxCode(), LegalForm: e.GetLegalForm(), Unit: e.GetUnit(),
		}
		return b.enterprises.Create(tx, rec, &registrypb.EnterpriseCreated{})
	})
}

func rename(ctx context.Context, b *bench, name, display, etag string) (*registrypb.Enterprise, error) {
	return Update(ctx, b.Store, &registrypb.UpdateEnterpriseRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
		cur, err := b.enterprises.Current(tx, name, etag)
		if err != nil {
			return nil, err
		}
		cur.DisplayName = display
		return b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
	})
}

func get(b *bench, name string) (*registrypb.Enterprise, error) {
	return View(caller(), b.Store, func(tx *ReadTx) (*registrypb.Enterprise, error) { return b.enterprises.Get(tx, name) })
}

func putRow(bucket string, key, value []byte) func(*overlay) error {
	return func(w *overlay) error { return w.put(bucket, key, value) }
}

func entryBytes(t *testing.T, b *bench, position uint64) []byte {
	t.Helper()
	var out []byte
	if err := b.db.View(func(in reading) error {
		out = bytes.Clone(in.get(bucketJournal, positionKey(position)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
