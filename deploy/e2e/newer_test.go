package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt" //nolint:depguard // a file is made to look like one of a newer version

	"coso/deploy/internal/single"
	"coso/gateway/front"
)

// contents are the files of one store by what they hold.
func contents(t *testing.T, dir, service string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, service+".*"))
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sums[filepath.Base(file)] = fmt.Sprintf("%d bytes, %x", len(raw), sha256.Sum256(raw))
	}
	return sums
}

// rewrite changes one value of a stopped store's file and answers what it was.
func rewrite(t *testing.T, file, bucket string, key []byte, change func(value []byte) []byte) (was []byte) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		was = bytes.Clone(b.Get(key))
		if was == nil {
			return fmt.Errorf("%s has no %q", bucket, key)
		}
		return b.Put(key, change(bytes.Clone(was)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return was
}

// A data folder that a newer version has written is refused by name, whichever way coso runs, and stays as it is; the
// version that can read it finds everything.
func TestAFolderOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	s := borough(t, in(dir, start))
	before := s.world(t)
	s.stop()
	for _, service := range single.Services() {
		t.Run(service, func(t *testing.T) {
			file := filepath.Join(dir, service+".db")
			was := rewrite(t, file, "meta", []byte("format"), func(v []byte) []byte { return []byte{v[0] + 1} })
			held := contents(t, dir, service)
			err := single.Run(context.Background(), single.Options{Dir: dir, Front: front.Settings{HTTP: "127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler)},
				func(string) { t.Error("it started") })
			f := newFleet(t, dir)
			m := f.launch(processOf(service))
			f.until("it ends", func() error {
				if m.runs() {
					return fmt.Errorf("it runs: %s", m.log)
				}
				return nil
			})
			for _, said := range []string{fmt.Sprint(err), m.log.String()} {
				if !strings.Contains(said, service) || !strings.Contains(said, "newer than this program; upgrade the program") {
					t.Errorf("says %s", said)
				}
			}
			if diff := cmp.Diff(held, contents(t, dir, service)); diff != "" {
				t.Errorf("the folder changed:\n%s", diff)
			}
			rewrite(t, file, "meta", []byte("format"), func([]byte) []byte { return was })
		})
	}
	start(t, dir).unchanged(t, before)
}

// One record of a newer form stops its reader and nobody else: it is neither shown as if it were understood nor changed.
func TestARecordOfANewerForm(t *testing.T) {
	dir := t.TempDir()
	s := borough(t, in(dir, start))
	before := s.world(t)
	s.stop()
	file := filepath.Join(dir, "registry.db")
	key := recordKey(t, file, "table/organisations", "organisations/thu-nghiem")
	was := rewrite(t, file, "table/organisations", key, func(v []byte) []byte { v[0]++; return v })
	newer := start(t, dir)
	for _, c := range []bad{
		{"read", "GET", "/v1/organisations/thu-nghiem", "", 500, "FORMAT_UNKNOWN"},
		{"list", "GET", "/v1/organisations", "", 500, "FORMAT_UNKNOWN"},
		{"change", "PATCH", "/v1/organisations/thu-nghiem?updateMask=displayName", `{"displayName":"Chi bộ Khác"}`, 500, "FORMAT_UNKNOWN"},
		{"withdraw", "POST", "/v1/organisations/thu-nghiem:withdraw", `{"reason":"nhập nhầm"}`, 500, "FORMAT_UNKNOWN"},
	} {
		t.Run(c.name, func(t *testing.T) { mustRefuse(t, newer.call(t, c.method, c.path, c.body), c.code, c.reason) })
	}
	for _, path := range []string{"/v1/units/tay-ho", "/v1/enterprises/thu-nghiem", "/v1/intakes/dot-1"} {
		if a := newer.call(t, "GET", path, ""); a.code != 200 {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
	newer.stop()
	rewrite(t, file, "table/organisations", key, func([]byte) []byte { return was })
	start(t, dir).unchanged(t, before)
}

// recordKey finds the key under which a table of a stopped store keeps a record.
func recordKey(t *testing.T, file, table, name string) (key []byte) {
	t.Helper()
	db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(table)).ForEach(func(k, _ []byte) error {
			if bytes.Contains(k, []byte(name)) {
				key = bytes.Clone(k)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return key
}
