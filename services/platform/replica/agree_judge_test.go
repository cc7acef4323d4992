package replica

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// world is what replicas truly hold, and who reaches whom: the judge of what they make of it.
type world struct {
	// branch is the continuation of the journal that a replica has, from entry 10 on; position how far it has come.
	branch   []int
	position []uint64
	reaches  [][]bool
	last     uint64
}

func drawWorld(rt *rapid.T) *world {
	n := rapid.IntRange(1, 5).Draw(rt, "replicas")
	w := &world{last: rapid.Uint64Range(8, 14).Draw(rt, "log")}
	for range n {
		w.branch = append(w.branch, rapid.IntRange(0, 2).Draw(rt, "branch"))
		w.position = append(w.position, rapid.Uint64Range(6, 14).Draw(rt, "position"))
		w.reaches = append(w.reaches, rapid.SliceOfN(rapid.Bool(), n, n).Draw(rt, "reaches"))
	}
	return w
}

// entry is what a replica holds at a position: before 10 all hold the same.
func (w *world) entry(i int, position uint64) string {
	if position < 10 {
		return fmt.Sprint(position)
	}
	return fmt.Sprintf("%d of branch %d", position, w.branch[i])
}

// seen is what replica i finds when it asks all others.
func (w *world) seen(i int) *picture {
	p := &picture{own: store.State{Incarnation: uuid.Nil, Position: w.position[i]}, sight: streamlog.Sight{Last: w.last}}
	watch := &Watch{o: WatchOptions{Service: "registry"}}
	for j := range w.branch {
		if j == i {
			continue
		}
		v := &view{name: fmt.Sprintf("r%d", j), relation: replicapb.Relation_RELATION_SILENT, silence: errors.New("no way")}
		if w.reaches[i][j] {
			v.silence = nil
			v.state = &replicapb.ReplicaState{Service: "registry", Replica: v.name, Now: w.stateAt(j, w.position[j])}
			if w.position[i] < w.position[j] {
				v.state.At = []*replicapb.StateAt{w.stateAt(j, w.position[i])}
			}
			at := min(w.position[i], w.position[j])
			here := store.State{Position: at, Hash: []byte(w.entry(i, at))}
			if w.position[j] < w.position[i] { // as compare does, whose journal this is
				v.compared = at
				v.relate(&here, v.state.GetNow())
			} else {
				own := here
				watch.compare(nil, own, v)
			}
		}
		p.views = append(p.views, v)
	}
	p.judge(fmt.Sprintf("r%d", i))
	return p
}

func (w *world) stateAt(i int, position uint64) *replicapb.StateAt {
	return &replicapb.StateAt{Position: position, Incarnation: uuid.Nil.String(), EntryHash: []byte(w.entry(i, position))}
}

// one says whether two replicas hold one journal, as far as both go.
func (w *world) one(i, j int) bool {
	at := min(w.position[i], w.position[j])
	return w.entry(i, at) == w.entry(j, at)
}

// INV-REPLICA-AGREES, INV-REPLICA-MAJORITY, INV-REPLICA-ACCEPTED: whoever reaches whom, nobody has agreement who holds more than the log, or against
// whom somebody reached holds more of the same journal; two who both have agreement could see each other through a replica that
// goes with both. Nobody is set aside while most of all go with him, and whoever is set aside differs from a majority.
func TestJudgement(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(rt)
		n := len(w.branch)
		need := n/2 + 1
		var agreed []int
		for i := range n {
			p := w.seen(i)
			with, against := 1, 0
			for j := range n {
				if j == i || !w.reaches[i][j] {
					continue
				}
				if held := max(w.position[i], w.position[j]); held > w.last && p.agreement != nil && p.unacceptable() == nil {
					rt.Fatalf("an operator may let r%d write though it or r%d holds more than the log: %+v", i, j, w)
				}
				if !w.one(i, j) {
					against++
					continue
				}
				with++
				if p.agreement == nil && w.position[j] > w.last {
					rt.Fatalf("r%d writes though r%d holds more than the log: %+v", i, j, w)
				}
			}
			if p.agreement == nil {
				agreed = append(agreed, i)
			}
			if (p.agreement == nil) && (with < need || w.position[i] > w.last) {
				rt.Fatalf("r%d writes with %d of %d, at %d of %d: %+v", i, with, n, w.position[i], w.last, w)
			}
			if (p.aside != nil) != (against >= need) {
				rt.Fatalf("r%d, against which are %d of %d, is set aside: %v", i, against, n, p.aside)
			}
			if with >= need && against == 0 && !p.beyond() && p.agreement != nil {
				rt.Fatalf("r%d does not write with %d of %d: %v", i, with, n, p.agreement)
			}
			if against > 0 && with < need && fault.ReasonOf(p.blocked) != faultpb.Reason_REASON_REPLICAS_DIVIDED && p.aside == nil {
				rt.Fatalf("r%d, with %d and against %d of %d, is told %v", i, with, against, n, p.blocked)
			}
		}
		for _, i := range agreed {
			for _, j := range agreed {
				between := slices.ContainsFunc(slices.Collect(indices(n)), func(k int) bool { return w.one(i, k) && w.one(j, k) })
				if !between {
					rt.Fatalf("r%d and r%d both write and nobody goes with both: %+v", i, j, w)
				}
			}
		}
	})
}

func indices(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// A log that ends too early must go on doing so before an older one was put back, and before a replica that is alone with more is set
// aside: an isolated server answers for a while what was.
func TestALogThatEndsTooEarlyForAWhile(t *testing.T) {
	now := time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC)
	var since ahead
	for i, c := range []struct {
		after          time.Duration
		behind, lonely bool
		reason         faultpb.Reason
		aside          bool
	}{
		{0, true, false, faultpb.Reason_REASON_LOG_BEHIND, false},
		{29 * time.Second, true, true, faultpb.Reason_REASON_LOG_BEHIND, false},
		{time.Second, true, true, faultpb.Reason_REASON_LOG_WENT_BACK, false},
		{29 * time.Second, true, true, faultpb.Reason_REASON_LOG_WENT_BACK, true},
		{time.Second, false, false, faultpb.Reason_REASON_UNSPECIFIED, false},
		{time.Second, true, true, faultpb.Reason_REASON_LOG_BEHIND, false},
	} {
		now = now.Add(c.after)
		w := &world{branch: []int{0, 0, 0}, position: []uint64{6, 6, 6}, reaches: [][]bool{{true, true, true}, nil, nil}, last: 6}
		if c.behind {
			w.position[0] = 7
		}
		if c.behind && !c.lonely {
			w.position[1] = 7
		}
		p := w.seen(0)
		p.last(&since, now, 30*time.Second)
		if got := fault.ReasonOf(p.agreement); got != c.reason || fault.ReasonOf(p.blocked) != got || (p.aside != nil) != c.aside {
			t.Errorf("%d: %v, aside: %v", i, got, p.aside)
		}
	}
}
