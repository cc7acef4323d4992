package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// onBothLogs runs a test on a store of its own and on one with a shared log, which others do not use.
func onBothLogs(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("own log", func(t *testing.T) { test(t, open(t, t.TempDir())) })
	t.Run("shared log", func(t *testing.T) {
		test(t, open(t, t.TempDir(), newFaultyLog(rand.New(rand.NewPCG(1, 1)), odds{}).on))
	})
}

// commandCall is a waiting command that does as it is told.
func commandCall(ctx context.Context, run func(*Tx) (*registrypb.Enterprise, error)) *call {
	return &call{
		ctx: ctx, principal: access.Principal{Name: "principals/lan"}, method: "/test/Method", done: make(chan outcome, 1),
		answer: func() proto.Message { return &registrypb.Enterprise{} },
		run:    func(tx *Tx) (proto.Message, error) { return run(tx) },
	}
}

func createCall(b *bench, id int, code string) *call {
	return commandCall(caller(), func(tx *Tx) (*registrypb.Enterprise, error) {
		return b.enterprises.Create(tx, enterprise(id, "units/u", code), &registrypb.EnterpriseCreated{})
	})
}

func renameCall(b *bench, name, display, etag string) *call {
	return commandCall(caller(), func(tx *Tx) (*registrypb.Enterprise, error) {
		cur, err := b.enterprises.Current(tx, name, etag)
		if err != nil {
			return nil, err
		}
		cur.DisplayName = display
		return b.enterprises.Put(tx, cur, &registrypb.EnterpriseUpdated{})
	})
}

// queueTogether queues calls while the committer is busy, so that they become one group.
func queueTogether(b *bench, calls ...*call) {
	busy, free := make(chan struct{}), make(chan struct{})
	first := commandCall(caller(), func(*Tx) (*registrypb.Enterprise, error) {
		close(busy)
		<-free
		return &registrypb.Enterprise{}, nil
	})
	b.queue <- first
	<-busy
	for _, c := range calls {
		b.queue <- c
	}
	close(free)
	<-first.done
}

// inOneGroup runs calls as one group and answers their outcomes.
func inOneGroup(b *bench, calls ...*call) []outcome {
	queueTogether(b, calls...)
	out := make([]outcome, len(calls))
	for i, c := range calls {
		out[i] = <-c.done
	}
	return out
}

// A panic, a refusal and a passed deadline in the middle of a group disturb nobody: the others take effect, in one entry.
func TestWhatFailsInAGroupDisturbsNobody(t *testing.T) {
	onBothLogs(t, func(t *testing.T, b *bench) {
		t.Helper()
		before := b.Head().GetPosition()
		ended, cancel := context.WithCancel(caller())
		out := inOneGroup(b,
			createCall(b, 1, "a"),
			commandCall(caller(), func(tx *Tx) (*registrypb.Enterprise, error) {
				if _, err := b.enterprises.Create(tx, enterprise(2, "units/u", "b"), &registrypb.EnterpriseCreated{}); err != nil {
					return nil, err
				}
				panic("after writing")
			}),
			createCall(b, 3, "a"),
			commandCall(ended, func(tx *Tx) (*registrypb.Enterprise, error) {
				e, err := b.enterprises.Create(tx, enterprise(4, "units/u", "d"), &registrypb.EnterpriseCreated{})
				cancel()
				return e, err
			}),
			createCall(b, 2, "b"),
		)
		wantReason(t, out[1].err, faultpb.Reason_REASON_INTERNAL)
		wantReason(t, out[2].err, faultpb.Reason_REASON_TAX_CODE_TAKEN)
		if !errors.Is(out[3].err, context.Canceled) {
			t.Errorf("the cancelled command: %v", out[3].err)
		}
		if err := errors.Join(out[0].err, out[4].err); err != nil {
			t.Fatal(err)
		}
		if out[0].position != out[4].position || b.Head().GetEvents() != 2 || count(t, b) != 2 {
			t.Errorf("positions %d and %d after %d, %d events, %d enterprises", out[0].position, out[4].position, before,
				b.Head().GetEvents(), count(t, b))
		}
	})
}

// INV-STORE-NO-LOST-UPDATE, inside one group: what the command before has changed makes the etag stale.
func TestStaleEtagInOneGroupLoses(t *testing.T) {
	onBothLogs(t, func(t *testing.T, b *bench) {
		t.Helper()
		e, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
		if err != nil {
			t.Fatal(err)
		}
		out := inOneGroup(b, renameCall(b, e.GetName(), "Một", e.GetEtag()), renameCall(b, e.GetName(), "Hai", e.GetEtag()),
			renameCall(b, e.GetName(), "Ba", ""))
		wantReason(t, out[1].err, faultpb.Reason_REASON_ETAG_STALE)
		if err := errors.Join(out[0].err, out[2].err); err != nil || out[0].position != out[2].position {
			t.Fatalf("positions %d and %d, %v", out[0].position, out[2].position, err)
		}
		if now, err := get(b, e.GetName()); err != nil || now.GetDisplayName() != "Ba" || now.GetRevision() != 3 {
			t.Errorf("stored %v, %v", now, err)
		}
	})
}

// INV-STORE-OUTCOME: while an entry's fate is open nobody of its group is answered, not even refusals and replays. With a
// shared log they are never answered from what this store has applied alone: a group of nothing else asks the log too.
func TestNobodyIsAnsweredWhileTheLogIs(t *testing.T) {
	log := newFaultyLog(rand.New(rand.NewPCG(1, 1)), odds{})
	b := open(t, t.TempDir(), log.on)
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), "r-1"); err != nil {
		t.Fatal(err)
	}
	for name, calls := range map[string][]*call{
		"a write, a refusal, a replay": {newCall(b, 2, "b", ""), newCall(b, 1, "c", ""), newCall(b, 1, "a", "r-1")},
		"a refusal":                    {newCall(b, 1, "c", "")},
		"a replay":                     {newCall(b, 1, "a", "r-1")},
		"a command without effect": {commandCall(caller(), func(tx *Tx) (*registrypb.Enterprise, error) {
			return b.enterprises.Get(tx, "enterprises/e1")
		})},
	} {
		t.Run(name, func(t *testing.T) {
			queueHeld(t, b, log, calls)
			for _, c := range calls {
				out := <-c.done
				if k := fault.KindOf(out.err); out.err != nil && k != fault.KindAlreadyExists {
					t.Errorf("after the outcome: %v", out.err)
				}
			}
		})
	}
}

// queueHeld sends calls through a log that holds their entry, sees that nobody is answered, and lets the log go on.
func queueHeld(t *testing.T, b *bench, log *faultyLog, calls []*call) {
	t.Helper()
	held, asked := make(chan struct{}), make(chan uint64)
	busy, free := make(chan struct{}), make(chan struct{})
	b.queue <- commandCall(caller(), func(*Tx) (*registrypb.Enterprise, error) {
		close(busy)
		<-free
		log.set(func() { log.held, log.asked = held, asked })
		return &registrypb.Enterprise{}, nil
	})
	<-busy
	for _, c := range calls {
		b.queue <- c
	}
	close(free)
	first := <-asked
	log.set(func() { log.asked = nil })
	close(held) // the entry of the first command, which is alone in its group
	held = make(chan struct{})
	log.set(func() { log.held, log.asked = held, asked })
	if second := <-asked; second != first+1 {
		t.Errorf("the log was asked for place %d after %d", second, first)
	}
	for i, c := range calls {
		if len(c.done) > 0 {
			t.Errorf("call %d of %d was answered %v while the log was silent", i+1, len(calls), <-c.done)
		}
	}
	log.set(func() { log.held, log.asked = nil, nil })
	close(held)
}

// With its own log a store answers refusals at once: nothing is written for them.
func TestRefusalsCostNoEntryOnTheOwnLog(t *testing.T) {
	b := open(t, t.TempDir())
	if _, err := create(caller(), b, enterprise(1, "units/u", "a"), ""); err != nil {
		t.Fatal(err)
	}
	out := inOneGroup(b, createCall(b, 1, "b"), renameCall(b, "enterprises/none", "Tên", ""))
	wantReason(t, out[0].err, faultpb.Reason_REASON_RESOURCE_EXISTS)
	wantReason(t, out[1].err, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	if got := b.Head().GetPosition(); got != 1 {
		t.Errorf("the journal has %d entries", got)
	}
}

// A command whose deadline passes is dropped at its next look at a table, whichever; those beside it are not disturbed.
func TestDeadlineEndsAClosureAtItsNextTableAccess(t *testing.T) {
	b := open(t, t.TempDir())
	e, err := create(caller(), b, enterprise(1, "units/u", "a"), "")
	if err != nil {
		t.Fatal(err)
	}
	errEmpty := errors.New("nothing there")
	for name, look := range map[string]func(*Tx) error{
		"get": func(tx *Tx) error {
			_, err := b.enterprises.Get(tx, e.GetName())
			return err
		},
		"put": func(tx *Tx) error { return b.units.Put(tx, &registrypb.Unit{Name: "units/x"}) },
		"all": func(tx *Tx) error {
			for _, err := range b.enterprises.All(tx) {
				return err
			}
			return errEmpty
		},
		"index": func(tx *Tx) error {
			for _, err := range b.enterprises.By(tx, b.byUnit, Text("units/u")) {
				return err
			}
			return errEmpty
		},
		"derived": func(tx *Tx) error {
			for range b.perUnit.In(tx).Ascend(nil, nil) {
				return nil
			}
			return errEmpty
		},
		"list": func(tx *Tx) error {
			_, _, err := b.enterprises.List(tx, &registrypb.ListEnterprisesRequest{}, Every[*registrypb.Enterprise](), nil)
			return err
		},
		"history": func(tx *Tx) error {
			_, err := b.enterprises.History(tx, &registrypb.ListEnterpriseHistoryRequest{Name: e.GetName()})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(caller(), 5*time.Millisecond)
			defer cancel()
			endless := commandCall(ctx, func(tx *Tx) (*registrypb.Enterprise, error) {
				for {
					if err := look(tx); err != nil {
						return nil, err
					}
				}
			})
			out := inOneGroup(b, renameCall(b, e.GetName(), "Trước", ""), endless, renameCall(b, e.GetName(), "Sau", ""))
			if !errors.Is(out[1].err, context.DeadlineExceeded) && !errors.Is(out[1].err, errEmpty) {
				t.Errorf("the endless command: %v", out[1].err)
			}
			if err := errors.Join(out[0].err, out[2].err); err != nil {
				t.Error(err)
			}
		})
	}
}

// A closure that looks at no table cannot be stopped: its caller gets no answer before it has ended, so that nothing of
// it runs behind the caller's back; and the log says how long it took.
func TestAClosureNeverOutlivesItsUpdate(t *testing.T) {
	b := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(caller())
	ended := false
	_, err := Update(ctx, b.Store, &registrypb.GetUnitRequest{}, func(*Tx) (*registrypb.Enterprise, error) {
		cancel()
		for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
			ended = false
		}
		ended = true
		return &registrypb.Enterprise{}, nil
	})
	if !errors.Is(err, context.Canceled) || !ended {
		t.Errorf("answered %v, the closure had ended: %v", err, ended)
	}
}

func TestSlowClosuresAreLogged(t *testing.T) {
	var said logged
	b := open(t, t.TempDir(), said.to)
	b.noteSlow("/coso.Fast/Method", slowClosure-time.Millisecond)
	b.noteSlow("/coso.Slow/Method", slowClosure)
	if s := said.String(); strings.Contains(s, "Fast") || !strings.Contains(s, "level=WARN") || !strings.Contains(s, "/coso.Slow/Method took=1s") {
		t.Errorf("logged %q", s)
	}
}

// A command that waits in the queue is given up at its deadline, has no effect and never runs.
func TestAWaitingCommandIsGivenUpAtItsDeadline(t *testing.T) {
	b := open(t, t.TempDir())
	busy, free := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := Update(caller(), b.Store, &registrypb.GetUnitRequest{}, func(*Tx) (*registrypb.Enterprise, error) {
			close(busy)
			<-free
			return &registrypb.Enterprise{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-busy
	ctx, cancel := context.WithTimeout(caller(), 5*time.Millisecond)
	defer cancel()
	_, err := create(ctx, b, enterprise(1, "units/u", "a"), "")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the waiting command: %v", err)
	}
	close(free)
	wg.Wait()
	if _, err := create(caller(), b, enterprise(2, "units/u", "b"), ""); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b); n != 1 {
		t.Errorf("%d enterprises, want the second only: %s", n, fmt.Sprint(b.Head()))
	}
}
