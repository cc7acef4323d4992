// Package lockout slows down who guesses passwords. It counts failures and says when the next try may be; it computes no
// password and keeps nothing but in memory, from which its owner takes what a restart must not forget.
//
// Three things are counted: failures with one user name from one source address (pair), with one user name from anywhere
// (account), and from one source address with any user name (source). Each has a rule: so many failures are free, then
// the next try has to wait a second, and twice as long with each failure after it, up to the rule's longest wait.
//
//   - pair bears the weight: 5 free, 15 minutes at most. Who guesses from one place gets about 100 tries a day.
//   - account is for who guesses from many places: 50 free, 1 minute at most.
//   - source is for who tries one password with many user names: 100 free, 1 minute at most. It is mild because an office
//     or a proxy may be one source.
//
// Nobody can lock somebody else out for good. From another address an attacker can make the owner of an account wait for a
// minute (account); only from the owner's own address for 15. A try that is refused is not counted and prolongs nothing, so
// after the wait the owner's chance is that of the attacker; and who has a session keeps it, for refreshing asks for no
// password. An administrator whose machine is shared with the attacker signs in from another; an operator resets passwords on
// the server itself. User names that do not exist are treated like those that do.
//
// INV-LOCKOUT-COUNTED-FIRST: a try counts as a failure from its beginning, so that tries made at once do not pass uncounted; a
// success takes it back.
// INV-LOCKOUT-BOUNDED: memory and what is to be kept are bounded, however many names and addresses come: few failures are
// forgotten before many.
package lockout

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// rule says what failures of one sort cost.
type rule struct {
	free    int32
	longest time.Duration
}

// The sorts of failures. The numbers are stored.
const (
	pair int32 = iota
	account
	source
)

var rules = map[int32]rule{
	pair:    {free: 5, longest: 15 * time.Minute},
	account: {free: 50, longest: time.Minute},
	source:  {free: 100, longest: time.Minute},
}

const (
	// forgotten is how long after the last failure all are.
	forgotten = 24 * time.Hour
	// maxRows bounds what is counted at once.
	maxRows = 20_000
	// maxPicked is how many rows are looked at to find the one to forget.
	maxPicked = 64
	// keepEvery is how often what a restart must not forget may be taken, keepRows how much of it at a time: under an attack
	// that goes on for ever the journal grows by some megabytes a day and not more. A restart forgets a minute at most.
	keepEvery = time.Minute
	keepRows  = 64
)

// wait is how long the next try must wait after so many failures.
func (r rule) wait(failures int32) time.Duration {
	if failures < r.free {
		return 0
	}
	return min(time.Second<<min(failures-r.free, 20), r.longest)
}

// row are the failures of one key.
type row struct {
	rule  int32
	count int32
	last  time.Time
}

func (r *row) until() time.Time { return r.last.Add(rules[r.rule].wait(r.count)) }

func (r *row) old(now time.Time) bool { return now.Sub(r.last) > forgotten }

// Book counts failures. Safe for concurrent use.
type Book struct {
	now func() time.Time

	mu    sync.Mutex
	rows  map[string]*row
	dirty map[string]bool
	taken time.Time
}

// NewBook returns a book that goes by a clock and begins with what was kept of another.
func NewBook(now func() time.Time, kept []*identitypb.FailuresPrivate) *Book {
	b := &Book{now: now, rows: map[string]*row{}, dirty: map[string]bool{}}
	for _, k := range kept {
		if _, known := rules[k.GetRule()]; known {
			b.rows[k.GetKey()] = &row{rule: k.GetRule(), count: k.GetCount(), last: k.GetLastTime().AsTime()}
		}
	}
	return b
}

// Try is one try, under way. Exactly one of its methods is called when its outcome is known.
type Try struct {
	b    *Book
	keys [3]string
}

// keyOf is what failures are counted under. It is a hash, so that neither names nor addresses are stored.
func keyOf(sort int32, parts ...string) string {
	h := sha256.New()
	_, _ = h.Write([]byte{byte(sort)}) //nolint:gosec // one of three
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		_, _ = h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Begin begins a try with a user name from a source. ResourceExhausted (SIGN_IN_TOO_OFTEN), with the moment from which on it
// may be, while it has to wait; that is not counted.
func (b *Book) Begin(user, from string) (*Try, error) {
	now := b.now()
	t := &Try{b: b, keys: [3]string{pair: keyOf(pair, user, from), account: keyOf(account, user), source: keyOf(source, from)}}
	b.mu.Lock()
	defer b.mu.Unlock()
	var until time.Time
	for _, key := range t.keys {
		r := b.rows[key]
		if r != nil && r.old(now) {
			b.drop(key)
			r = nil
		}
		if r != nil && r.until().After(until) {
			until = r.until()
		}
	}
	if until.After(now) {
		// To the next full second: the moment named is one at which it works.
		named := until.Add(time.Second - time.Nanosecond).Truncate(time.Second)
		return nil, fault.ResourceExhausted(faultpb.Reason_REASON_SIGN_IN_TOO_OFTEN, "", "value", civil.Moment(named), "current", civil.Moment(now))
	}
	for sort, key := range t.keys {
		r := b.rows[key]
		if r == nil {
			b.makeRoom(now)
			r = &row{rule: int32(sort)}
			b.rows[key] = r
		}
		r.count++
		r.last = now
		b.dirty[key] = true
	}
	return t, nil
}

// Succeeded forgets the failures with this user name, from this source and altogether; those of the source with other
// names stay, or whoever has one account could reset them. It answers the keys of what is forgotten.
func (t *Try) Succeeded() []string {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	t.b.drop(t.keys[pair])
	t.b.drop(t.keys[account])
	t.b.takeBack(t.keys[source])
	return []string{t.keys[pair], t.keys[account]}
}

// Undecided takes a try back that failed for another reason than its password.
func (t *Try) Undecided() {
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	for _, key := range t.keys {
		t.b.takeBack(key)
	}
}

func (b *Book) takeBack(key string) {
	r := b.rows[key]
	if r == nil {
		return
	}
	if r.count--; r.count <= 0 {
		b.drop(key)
	}
}

func (b *Book) drop(key string) {
	delete(b.rows, key)
	delete(b.dirty, key)
}

// makeRoom forgets, if there is no room for another row, what is old or has failed least of some rows picked at random, in
// which order Go walks a map: looking at all with each try would make an attack cheaper than its defence.
func (b *Book) makeRoom(now time.Time) {
	if len(b.rows) < maxRows {
		return
	}
	least, seen := "", 0
	for key, r := range b.rows {
		if least == "" || r.old(now) || r.count < b.rows[least].count {
			least = key
		}
		if seen++; seen == maxPicked || r.old(now) {
			break
		}
	}
	b.drop(least)
}

// Take answers what a restart must not forget and has changed since it was last taken: what has to wait, the most failures
// first. nil while it was taken a moment ago, or if there is nothing.
func (b *Book) Take() []*identitypb.FailuresPrivate {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.taken) < keepEvery {
		return nil
	}
	var out []*identitypb.FailuresPrivate
	for key := range b.dirty {
		if r := b.rows[key]; rules[r.rule].wait(r.count) > 0 {
			out = append(out, &identitypb.FailuresPrivate{Key: key, Count: r.count, LastTime: timestamppb.New(r.last), Rule: r.rule})
		}
	}
	if len(out) == 0 {
		return nil
	}
	slices.SortFunc(out, func(x, y *identitypb.FailuresPrivate) int {
		return cmp.Or(cmp.Compare(y.GetCount(), x.GetCount()), cmp.Compare(x.GetKey(), y.GetKey()))
	})
	out = out[:min(len(out), keepRows)]
	for _, k := range out {
		delete(b.dirty, k.GetKey())
	}
	b.taken = now
	return out
}

// Old reports whether what was kept says nothing any more.
func Old(k *identitypb.FailuresPrivate, now time.Time) bool {
	return now.Sub(k.GetLastTime().AsTime()) > forgotten
}
