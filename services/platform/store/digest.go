package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	journalpb "coso/proto/gen/coso/journal/v1"
)

// INV-STORE-DIGEST: the digest of a store's record and copy tables depends on their rows alone: however they came to be there,
// in whatever order, on whichever replica, with whatever restarts, rebuilds and activations in between, it equals a recount.
//
// It is a lattice sum (LtHash, 1,024 lanes of 16 bits): each row is hashed, the hash drawn out to 2 KiB, and the lanes of all
// rows added up, so that a row is taken out by subtracting. A plain sum of 256 bits would be 1 µs a row cheaper, and rows that
// leave it as it is can be found by who wants to change a file unseen (a generalised birthday search); here that is out of
// reach. It does not help against who can also make a process lie.
type lanes [laneBytes / 8]uint64

const (
	// digestVersion is the version of how rows are summed up; a sum of another one is counted anew.
	digestVersion = 1
	laneBytes     = 2048
	// laneTops are the highest bits of the four lanes in a word.
	laneTops = 0x8000_8000_8000_8000
	// tablePrefix begins the buckets that are summed up.
	tablePrefix = "table/"
)

// keyDigest holds, in meta, the sum as of the last checkpoint: version, position, hash of the entry there, lanes.
var keyDigest = []byte("digest")

// add adds each lane; no lane carries into the next.
func (l *lanes) add(r *lanes) {
	for i, y := range r {
		x := l[i]
		l[i] = ((x &^ laneTops) + (y &^ laneTops)) ^ ((x ^ y) & laneTops)
	}
}

// sub takes out what add has added.
func (l *lanes) sub(r *lanes) {
	for i, y := range r {
		x := l[i]
		l[i] = ((x | laneTops) - (y &^ laneTops)) ^ ((x ^ ^y) & laneTops)
	}
}

func (l *lanes) bytes() []byte {
	b := make([]byte, 0, laneBytes)
	for _, w := range l {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// sum is the digest as it is shown and compared.
func (l *lanes) sum() [sha256.Size]byte { return sha256.Sum256(l.bytes()) }

// drawer makes lanes of rows. It is not safe for concurrent use.
type drawer struct {
	row   []byte
	drawn [laneBytes]byte
	out   lanes
}

// zeros are what the key stream is laid over; nobody writes them.
var zeros [laneBytes]byte

// draw answers the lanes of one row, valid until the next: AES-256 in counter mode under the key SHA-256(lengths, table, key,
// value).
func (d *drawer) draw(bucket string, key, value []byte) *lanes {
	table := bucket[len(tablePrefix):]
	d.row = binary.BigEndian.AppendUint32(d.row[:0], uint32(len(table))) //nolint:gosec // names are short
	d.row = append(d.row, table...)
	d.row = binary.BigEndian.AppendUint32(d.row, uint32(len(key))) //nolint:gosec // bounded by maxKey
	d.row = append(append(d.row, key...), value...)
	seed := sha256.Sum256(d.row)
	block, err := aes.NewCipher(seed[:])
	if err != nil {
		panic("store: AES refuses a key of 32 bytes: " + err.Error())
	}
	cipher.NewCTR(block, zeros[:aes.BlockSize]).XORKeyStream(d.drawn[:], zeros[:]) //nolint:gosec // the stream of a key used once is the hash
	for i := range d.out {
		d.out[i] = binary.LittleEndian.Uint64(d.drawn[8*i:])
	}
	return &d.out
}

// counting is a recount under way: the sum of all rows before next, which entries keep in step.
type counting struct {
	sum  lanes
	next string
	rows uint64
}

// noteDigest brings the sums in step with an entry whose changes have been made. It goes backwards: the last value of a row is
// what counts.
func (sc *Schema) noteDigest(w *overlay, e *journalpb.Entry) error {
	if w.digest == nil && w.counting == nil {
		return nil
	}
	d := &delta{w: w, seen: map[string]bool{}}
	for _, c := range slices.Backward(e.GetCommands()) {
		if c.GetActivation() != nil { // it comes behind the command's own changes
			for row, err := range sc.finishIn(w, e, c.GetActivation()).rows(0) {
				if err != nil {
					return err
				}
				d.note(row.change)
			}
		}
		for _, ch := range c.GetChanges() {
			d.note(ch)
		}
	}
	w.sumUp(&d.whole, &d.part)
	return nil
}

// delta is by how much an entry changes the sums: that of all rows, and that of those a recount has reached.
type delta struct {
	drawer

	w           *overlay
	whole, part lanes
	seen        map[string]bool
}

// note takes a change; one of the same row that comes later in the entry has been taken before.
func (d *delta) note(ch *journalpb.Change) {
	bucket := tablePrefix + ch.GetTable()
	id := cellKey(bucket, ch.GetKey())
	if d.seen[id] {
		return
	}
	d.seen[id] = true
	old, now := d.w.origin.get(bucket, ch.GetKey()), ch.GetValue()
	if (old == nil) == (now == nil) && bytes.Equal(old, now) {
		return
	}
	reached := d.w.counting != nil && id < d.w.counting.next
	if old != nil {
		r := d.draw(bucket, ch.GetKey(), old)
		if d.whole.sub(r); reached {
			d.part.sub(r)
		}
	}
	if now != nil {
		r := d.draw(bucket, ch.GetKey(), now)
		if d.whole.add(r); reached {
			d.part.add(r)
		}
	}
}

// sumUp adds to the sums of an overlay; those of the version below it stay as they are.
func (o *overlay) sumUp(whole, part *lanes) {
	if o.digest != nil {
		next := *o.digest
		next.add(whole)
		o.digest = &next
	}
	if o.counting != nil {
		next := *o.counting
		next.sum.add(part)
		o.counting = &next
	}
}

// digestCell is the sum as the file keeps it.
func digestCell(head *journalpb.Head, l *lanes) []byte {
	b := make([]byte, 0, 1+8+sha256.Size+laneBytes)
	b = append(b, digestVersion)
	b = binary.BigEndian.AppendUint64(b, head.GetPosition())
	if head.GetPosition() == 0 {
		b = append(b, make([]byte, sha256.Size)...)
	}
	b = append(b, head.GetHash()...)
	return append(b, l.bytes()...)
}

// readDigest reads the sum that a file keeps; nil if it has none of this version that goes with its head, so that it must be
// counted: an earlier version of the program knew of none.
func readDigest(in reading, head *journalpb.Head) *lanes {
	if head.GetPosition() == 0 {
		return &lanes{}
	}
	b := in.get(bucketMeta, keyDigest)
	l := &lanes{}
	if len(b) != 1+8+sha256.Size+laneBytes {
		return nil
	}
	for i := range l {
		l[i] = binary.LittleEndian.Uint64(b[len(b)-laneBytes+8*i:])
	}
	if !bytes.Equal(b, digestCell(head, l)) {
		return nil
	}
	return l
}

// summedBuckets are the names of the tables in a file, in order; those of versions that this one does not know too.
func summedBuckets(tx *bolt.Tx) (names []string, err error) {
	err = tx.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if strings.HasPrefix(string(name), tablePrefix) {
			names = append(names, string(name))
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
