package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// kept makes a store with some entries and answers its folder.
func kept(t *testing.T, entries int) (dir string, s *Store) {
	t.Helper()
	dir = t.TempDir()
	units := NewTable("units", (*registrypb.Unit).GetName)
	s, err := Open(Options{Dir: dir, Service: "registry", Schema: NewSchema(units), MapSize: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		_, err := Update(caller(), s, nil, func(tx *Tx) (*registrypb.Unit, error) {
			u := &registrypb.Unit{Name: fmt.Sprintf("units/u%d", i), DisplayName: fmt.Sprintf("Đơn vị số %04d", i), Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
			return units.Create(tx, u, &registrypb.UnitCreated{})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, s
}

func TestVerifyFile(t *testing.T) {
	dir, s := kept(t, 20)
	began := time.Now()
	if _, err := VerifyFile(t.Context(), dir, "registry", nil); fault.ReasonOf(err) != faultpb.Reason_REASON_DATA_LOCKED {
		t.Errorf("of a store in use it says %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s to say so", took)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "registry.db")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var last, all uint64
	found, err := VerifyFile(t.Context(), dir, "registry", func(d, a uint64) { last, all = d, a })
	if err != nil || found != (Verified{Entries: 20, Events: 20, Rows: 20, Counted: true}) || last != 20 || all != 20 {
		t.Errorf("found %v, told %d of %d, %v", found, last, all, err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("verifying changed the file, or %v", err)
	}
	if _, err := VerifyFile(t.Context(), dir, "award", nil); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("without a file it says %v", err)
	}
	if err := os.Rename(path, filepath.Join(dir, "award.db")); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyFile(t.Context(), dir, "award", nil); fault.KindOf(err) != fault.KindFailedPrecondition {
		t.Errorf("of another service's file it says %v", err)
	}
}

func TestVerifyFileFindsDamage(t *testing.T) {
	dir, s := kept(t, 20)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var fifth [sha256.Size]byte
	walk := Walk{Dir: dir, Service: "registry", Tell: func(l Link) {
		if l.Position == 5 {
			fifth = l.Hash
		}
	}}
	if _, err := walk.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "registry.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, new string) []byte { return bytes.ReplaceAll(whole, []byte(old), []byte(new)) }
	for name, c := range map[string]struct {
		raw     []byte
		entries uint64 // that fit; the one after is where the chain breaks
		damaged uint64
	}{
		"an entry in the middle":     {swap("số 0007", "số 0009"), 8, 8},
		"the first entry":            {swap("số 0000", "số 0001"), 1, 1},
		"the last entry":             {swap("số 0019", "số 0018"), 20, 20},
		"the hash of the one before": {bytes.Replace(whole, fifth[:], bytes.Repeat([]byte{7}, len(fifth)), 1), 5, 6},
		"cut short":                  {whole[:16<<10], 0, 0},
		"not a store at all":         {bytes.Repeat([]byte("x"), 32<<10), 0, 0},
		"empty":                      {nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, c.raw, 0o600); err != nil {
				t.Fatal(err)
			}
			found, err := VerifyFile(t.Context(), dir, "registry", nil)
			if fault.KindOf(err) != fault.KindDataLoss || found.Entries != c.entries || found.Damaged != c.damaged {
				t.Errorf("%+v fit, %v; want %d, entry %d damaged and DataLoss", found, err, c.entries, c.damaged)
			}
		})
	}
}
