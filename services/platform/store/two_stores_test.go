package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"coso/services/platform/fault"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// ledger is what two stores were told: the judge of what they must hold.
type ledger struct {
	mu      sync.Mutex
	created map[string]string // acknowledged: name to tax code
	changed map[string]int64  // acknowledged changes per name
	holder  map[string]string // tax code to the name that was told it has it
	retries int
}

// insist sends a request, short of time, until it has a definite answer.
func (l *ledger) insist(t *testing.T, r *rand.Rand, send func(context.Context) error) error {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(caller(), time.Duration(2+r.IntN(60))*time.Millisecond)
		err := send(ctx)
		cancel()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, context.DeadlineExceeded), fault.KindOf(err) == fault.KindUnavailable:
			l.mu.Lock()
			l.retries++
			l.mu.Unlock()
		default:
			return err
		}
	}
}

// office is one user of one store, with commands of its own and commands that others compete for.
type office struct {
	*ledger
	b    *bench
	name string
	rand *rand.Rand
}

func (o *office) work(t *testing.T, steps int) {
	t.Helper()
	for i := range steps {
		id := fmt.Sprintf("%s-%d", o.name, i)
		switch o.rand.IntN(3) {
		case 0:
			o.create(t, "enterprises/x"+id, "code-"+id, id)
		case 1: // one of the two stores, and one of its users, may have it
			o.create(t, "enterprises/c"+id, fmt.Sprintf("common-%d", o.rand.IntN(6)), id)
		case 2:
			o.change(t, fmt.Sprintf("enterprises/e%d", o.rand.IntN(4)), id)
		}
	}
}

func (o *office) create(t *testing.T, name, code, id string) {
	t.Helper()
	err := o.insist(t, o.rand, func(ctx context.Context) error {
		e := enterprise(0, "units/u", code)
		e.Name = name
		_, err := create(ctx, o.b, e, id)
		return err
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		o.created[name] = code
		if other := o.holder[code]; other != "" {
			t.Errorf("%s and %s were both told that %s is theirs", other, name, code)
		}
		o.holder[code] = name
	case fault.KindOf(err) != fault.KindAlreadyExists:
		t.Errorf("create %s: %v", name, err)
	}
}

func (o *office) change(t *testing.T, name, id string) {
	t.Helper()
	err := o.insist(t, o.rand, func(ctx context.Context) error {
		req := &registrypb.UpdateEnterpriseRequest{Enterprise: &registrypb.Enterprise{Name: name, DisplayName: id}, RequestId: id}
		_, err := Update(ctx, o.b.Store, req, func(tx *Tx) (*registrypb.Enterprise, error) {
			cur, err := o.b.enterprises.Get(tx, name)
			if err != nil {
				return nil, err
			}
			cur.DisplayName = id
			return o.b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
		})
		return err
	})
	if err != nil {
		t.Errorf("change %s: %v", name, err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed[name]++
}

// INV-STORE-ONE-JOURNAL: two stores that write on one faulty log, one of them away for a while, end with the same bytes in
// every bucket: records, indexes, counters, history, request ids, journal. Every acknowledged command took effect once,
// however often it was sent; none is lost; of two that exclude each other one was acknowledged.
func TestTwoStoresOnOneLog(t *testing.T) {
	r := seeded(t)
	log := newFaultyLog(rand.New(rand.NewPCG(r.Uint64(), 0)), bad)
	dirs := []string{t.TempDir(), t.TempDir()}
	stores := []*bench{open(t, dirs[0], log.on), open(t, dirs[1], log.on)}
	l := &ledger{created: map[string]string{}, changed: map[string]int64{}, holder: map[string]string{}}
	first := &office{ledger: l, b: stores[0], name: "first", rand: r}
	for i := range 4 {
		first.create(t, fmt.Sprintf("enterprises/e%d", i), fmt.Sprintf("shared-%d", i), fmt.Sprintf("first-%d", i))
	}
	phase := func(name string, steps int, at ...*bench) {
		var wg sync.WaitGroup
		for i, b := range at {
			for w := range 3 {
				o := &office{ledger: l, b: b, name: fmt.Sprintf("%s-%d-%d", name, i, w), rand: rand.New(rand.NewPCG(r.Uint64(), 0))}
				wg.Go(func() { o.work(t, steps) })
			}
		}
		wg.Wait()
	}
	phase("both", 16, stores...)
	stores[1].check(t)
	phase("alone", 6, stores[0])
	stores[1] = open(t, dirs[1], log.on)
	phase("again", 6, stores...)
	log.set(func() { log.odds = odds{} })
	for _, b := range stores { // a read barrier: whoever has passed it has everything before it
		if err := l.insist(t, r, func(ctx context.Context) error { return barrier(ctx, b) }); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "both stores have the same end", func() bool { return proto.Equal(stores[0].Head(), stores[1].Head()) })
	l.judge(t, stores[0])
	if diff := cmp.Diff(dump(t, stores[0]), dump(t, stores[1])); diff != "" {
		t.Errorf("the stores differ: %s", diff)
	}
	for _, b := range stores {
		if err := b.Healthy(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d entries, %d events, %d requests sent again", stores[0].Head().GetPosition(), stores[0].Head().GetEvents(), l.retries)
}

func barrier(ctx context.Context, b *bench) error {
	_, err := Update(ctx, b.Store, &registrypb.GetUnitRequest{}, func(*Tx) (*registrypb.Enterprise, error) {
		return &registrypb.Enterprise{}, nil
	})
	return err
}

// judge holds a store against what its users were told, and the events against both.
func (l *ledger) judge(t *testing.T, b *bench) {
	t.Helper()
	events, err := b.Events(t.Context(), 1, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int64{}
	for i, e := range events {
		if told[e.Subject]++; e.Number != uint64(i)+1 {
			t.Fatalf("event %d has number %d", i+1, e.Number)
		}
	}
	for name, code := range l.created {
		e, err := get(b, name)
		if err != nil || e.GetTaxCode() != code {
			t.Errorf("%s was acknowledged with tax code %s, there is %v (%v)", name, code, e, err)
			continue
		}
		if want := 1 + l.changed[name]; e.GetRevision() != want || told[name] != want {
			t.Errorf("%s: %d acknowledged commands, revision %d, %d events", name, want, e.GetRevision(), told[name])
		}
	}
	if n := count(t, b); n != len(l.created) {
		t.Errorf("%d enterprises, %d were acknowledged", n, len(l.created))
	}
}

// dump is every bucket of a store, key by key.
func dump(t *testing.T, b *bench) map[string]string {
	t.Helper()
	out := map[string]string{}
	if err := b.db.flush(context.Background(), b.stop); err != nil {
		t.Fatal(err)
	}
	if err := b.db.file.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(bucket []byte, _ *bolt.Bucket) error {
			for k, v := range (boltSpace{tx}).ascend(string(bucket), nil, nil) {
				out[string(bucket)+" "+hex.EncodeToString(k)] = hex.EncodeToString(v)
			}
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
