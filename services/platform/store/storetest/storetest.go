// Package storetest looks into the data files of stopped stores, and damages them, as no program of coso's does: for tests of what
// is made of it. It leaves to others what a file should hold.
package storetest

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// in runs fn on the file of a store that does not run, and keeps what it changes. Failures end the test.
func in(t testing.TB, dir, service string, fn func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, service+".db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// Journal answers the entries that the file holds, in order.
func Journal(t testing.TB, dir, service string) (entries [][]byte) {
	t.Helper()
	in(t, dir, service, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("journal")).ForEach(func(_, v []byte) error {
			entries = append(entries, bytes.Clone(v))
			return nil
		})
	})
	return entries
}

// ChangeRow changes the last byte of the first row of a table, and lets the file forget its digest, so that it is no wonder to the
// store itself: only other replicas can tell.
func ChangeRow(t testing.TB, dir, service, table string) {
	t.Helper()
	in(t, dir, service, func(tx *bolt.Tx) error {
		rows := tx.Bucket([]byte("table/" + table))
		k, v := rows.Cursor().First()
		k, v = bytes.Clone(k), bytes.Clone(v)
		v[len(v)-1] ^= 1
		return errors.Join(rows.Put(k, v), tx.Bucket([]byte("meta")).Delete([]byte("digest")))
	})
}
