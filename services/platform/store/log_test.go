package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// logged keeps what a store logs.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) to(o *Options) { o.Logger = slog.New(slog.NewTextHandler(l, nil)) }

// until polls with a deadline.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func quietLog() *faultyLog { return newFaultyLog(rand.New(rand.NewPCG(1, 1)), odds{}) }

// Every fault of the log by itself: the command is answered truly and takes effect once.
func TestEveryFaultOfTheLogIsResolved(t *testing.T) {
	r := seeded(t)
	for name, o := range map[string]odds{
		"lost requests":       {lostRequest: 40},
		"lost answers":        {lostAnswer: 40},
		"late requests":       {late: 40},
		"refused places":      {refused: 40},
		"another writer":      {stranger: 40},
		"no answer to a read": {lostAnswer: 40, silent: 40},
		"a reader behind":     {lostAnswer: 40, behind: 40},
		"late and overtaken":  {late: 30, stranger: 30, behind: 30},
	} {
		log := newFaultyLog(rand.New(rand.NewPCG(r.Uint64(), 0)), o)
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir(), log.on)
			for i := range 8 {
				e, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), fmt.Sprintf("r-%d", i))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := rename(caller(), b, e.GetName(), "Đổi tên", e.GetEtag()); err != nil {
					t.Fatal(err)
				}
			}
			if n, events := count(t, b), b.Head().GetEvents(); n != 8 || events != 16 {
				t.Errorf("%d enterprises, %d events", n, events)
			}
			if err := b.Healthy(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A log that does not answer holds nobody beyond the deadline: the answer says that the outcome is unknown, the same
// request may be sent again, and the open entry is resolved before the next one is written.
func TestASilentLogHoldsNobodyBeyondTheDeadline(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	log.set(func() { log.odds = odds{lostAnswer: 100, silent: 100} })
	ctx, cancel := context.WithCancel(caller())
	unknown := make(chan error)
	go func() {
		_, err := create(ctx, b, enterprise(1, "units/u", "a"), "r-1")
		unknown <- err
	}()
	until(t, "the log is silent", func() bool { return b.Healthy() != nil })
	cancel()
	wantReason(t, <-unknown, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	ctx, cancel = context.WithTimeout(caller(), 5*time.Millisecond)
	defer cancel()
	_, err := create(ctx, b, enterprise(2, "units/u", "b"), "r-2")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	wantReason(t, b.Healthy(), faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if _, err := get(b, "enterprises/e1"); fault.KindOf(err) != fault.KindNotFound {
		t.Errorf("an entry without an outcome is read: %v", err)
	}
	log.set(func() { log.odds = odds{} })
	for i, code := range []string{"a", "b"} {
		if _, err := create(caller(), b, enterprise(i+1, "units/u", code), fmt.Sprintf("r-%d", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if n, events := count(t, b), b.Head().GetEvents(); n != 2 || events != 2 {
		t.Errorf("%d enterprises, %d events", n, events)
	}
	if err := b.Healthy(); err != nil {
		t.Error(err)
	}
}

// A log that refuses, its quota used up for instance, changes nothing; the store recovers by itself.
func TestARefusingLog(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	errQuota := errors.New("no room")
	log.set(func() { log.refuse = errQuota })
	_, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1")
	wantReason(t, err, faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
	if !errors.Is(err, errQuota) || b.Head().GetPosition() != 0 {
		t.Errorf("%v at position %d", err, b.Head().GetPosition())
	}
	log.set(func() { log.refuse = nil })
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
}

// INV-STORE-CHAIN on a shared log: a hole, a foreign entry or another entry than the one applied stops the writing with an
// alarm, whatever is asked and after a restart too; reading goes on; nothing is skipped.
func TestADamagedLogStopsTheWriting(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(l *faultyLog)
		reason faultpb.Reason
	}{
		"a hole": {func(l *faultyLog) { l.force(Placed{5, sealed(l, nil)}) }, faultpb.Reason_REASON_DATA_DAMAGED},
		"a foreign incarnation": {
			func(l *faultyLog) {
				l.force(Placed{4, sealed(l, func(e *journalpb.Entry) { e.Incarnation = []byte("another journal!") })})
			},
			faultpb.Reason_REASON_INCARNATION_FOREIGN,
		},
		"a wrong hash": {
			func(l *faultyLog) { l.force(Placed{4, sealed(l, func(e *journalpb.Entry) { e.PreviousHash[0] ^= 1 })}) },
			faultpb.Reason_REASON_DATA_DAMAGED,
		},
		"an unknown form": {
			func(l *faultyLog) { l.force(Placed{4, sealed(l, func(e *journalpb.Entry) { e.Format = 99 })}) },
			faultpb.Reason_REASON_FORMAT_UNKNOWN,
		},
		"an unknown table": {
			func(l *faultyLog) {
				l.force(Placed{4, sealed(l, func(e *journalpb.Entry) {
					e.Commands = []*journalpb.Command{{Changes: []*journalpb.Change{{Table: "newer"}}}}
				})})
			},
			faultpb.Reason_REASON_FORMAT_UNKNOWN,
		},
		"another last entry": {
			func(l *faultyLog) {
				l.entries[2].Entry = append([]byte(nil), l.entries[1].Entry...)
				l.odds.refused = 100
			},
			faultpb.Reason_REASON_DATA_DAMAGED,
		},
	} {
		t.Run(name, func(t *testing.T) {
			log, dir := quietLog(), t.TempDir()
			var said logged
			b := open(t, dir, log.on, said.to)
			for i := range 3 {
				if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
					t.Fatal(err)
				}
			}
			log.set(func() { c.damage(log) })
			for range 2 {
				_, err := create(caller(), b, enterprise(9, "units/u", "9"), "r-9")
				wantReason(t, err, c.reason)
				wantReason(t, b.Healthy(), c.reason)
				if n := count(t, b); n != 3 || b.Head().GetPosition() != 3 {
					t.Errorf("%d enterprises at position %d", n, b.Head().GetPosition())
				}
				b.check(t)
				b = open(t, dir, log.on)
			}
			if s := said.String(); strings.Count(s, "level=ERROR") != 1 || !strings.Contains(s, "an operator must look") {
				t.Errorf("logged %s", s)
			}
		})
	}
}

// sealed is the entry that a writer would add, changed.
func sealed(l *faultyLog, change func(*journalpb.Entry)) []byte {
	e, err := readEntry(l.noop().Entry)
	if err != nil {
		panic(err)
	}
	if change != nil {
		change(e)
	}
	raw, err := deterministic.Marshal(e)
	if err != nil {
		panic(err)
	}
	return raw
}

// A store of another journal than the log's reads and does not write.
func TestAForeignLogStopsTheWriting(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, quietLog().on)
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	b.check(t)
	other := quietLog()
	other.id = uuid.UUID{1}
	b = open(t, dir, other.on)
	_, err := create(caller(), b, enterprise(2, "units/u", "b"), "")
	wantReason(t, err, faultpb.Reason_REASON_INCARNATION_FOREIGN)
	if n := count(t, b); n != 1 || len(other.entries) != 0 {
		t.Errorf("%d enterprises, %d entries in the foreign log", n, len(other.entries))
	}
}

func TestStoresOnOneLogNeedOneKey(t *testing.T) {
	log, dir := quietLog(), t.TempDir()
	_, err := Open(Options{Dir: dir, Service: "registry", Schema: newSchema().all, Log: log})
	if !errors.Is(err, errNoKey) {
		t.Errorf("without a key: %v", err)
	}
	open(t, dir, log.on).check(t)
	_, err = Open(Options{Dir: dir, Service: "registry", Schema: newSchema().all, Log: log, Key: make([]byte, 32)})
	if !errors.Is(err, errOtherKey) {
		t.Errorf("with another key: %v", err)
	}
}

// The store's own log reads what the journal holds, and its tail what comes.
func TestTheOwnLogIsTheJournal(t *testing.T) {
	b := open(t, t.TempDir())
	if b.log.Shared() || b.log.Incarnation() != b.Incarnation() {
		t.Error("a store's own log is shared, or of another journal")
	}
	if _, err := b.log.Read(t.Context(), 1); !errors.Is(err, ErrNothing) {
		t.Errorf("an empty log answers %v", err)
	}
	var got []Placed
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for p, err := range b.log.Tail(ctx, 1) {
			if err != nil {
				t.Error(err)
			}
			if got = append(got, p); len(got) == 3 {
				cancel()
			}
		}
	})
	for i := range 3 {
		if _, err := create(caller(), b, enterprise(i, "units/u", fmt.Sprint(i)), ""); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for i, p := range got {
		if p.Position != uint64(i)+1 || !bytes.Equal(p.Entry, entryBytes(t, b, p.Position)) {
			t.Errorf("the tail brought entry %d in place %d", p.Position, i+1)
		}
	}
}

// Moments go on from what another store wrote, whatever its clock said.
func TestMomentsGoOnFromTheOtherStores(t *testing.T) {
	log := quietLog()
	b := open(t, t.TempDir(), log.on)
	log.set(func() {
		log.head.Moment = timestamppb.New(b.now.Add(time.Minute))
		log.land(log.noop())
	})
	e, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := b.now.Add(time.Minute + 2*time.Microsecond); !e.GetCreateTime().AsTime().Equal(want) {
		t.Errorf("created %s, want %s", e.GetCreateTime().AsTime(), want)
	}
	if _, err := View(caller(), b.Store, func(tx *ReadTx) (*registrypb.Enterprise, error) { return b.enterprises.Get(tx, e.GetName()) }); err != nil {
		t.Error(err)
	}
}
