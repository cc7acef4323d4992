package store

import (
	"bytes"
	"iter"

	bolt "go.etcd.io/bbolt"
)

// reading is what closures, reducers and readers see of the buckets. Keys and values are valid until the transaction
// ends and must not be changed.
type reading interface {
	// get answers nil if the key is not there.
	get(bucket string, key []byte) []byte
	// ascend walks the keys that are ≥ from and begin with prefix, in order.
	ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte]
}

// writing is what reducers change: an overlay, or bbolt while a store is opened.
type writing interface {
	reading
	put(bucket string, key, value []byte) error
	del(bucket string, key []byte) error
}

// boltSpace is a bbolt transaction as a space. Buckets exist: Open makes them.
type boltSpace struct{ tx *bolt.Tx }

func (b boltSpace) get(bucket string, key []byte) []byte {
	return b.tx.Bucket([]byte(bucket)).Get(key)
}

func (b boltSpace) ascend(bucket string, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		c := b.tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func (b boltSpace) put(bucket string, key, value []byte) error {
	return b.tx.Bucket([]byte(bucket)).Put(key, value)
}

func (b boltSpace) del(bucket string, key []byte) error {
	return b.tx.Bucket([]byte(bucket)).Delete(key)
}
