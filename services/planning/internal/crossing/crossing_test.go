package crossing_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/planning/internal/crossing"
)

const (
	reached         = crossing.Reached
	exceeded        = crossing.Exceeded
	reachWithdrawn  = crossing.ReachWithdrawn
	excessWithdrawn = crossing.ExcessWithdrawn
)

func TestJudge(t *testing.T) {
	nothing, met, above := state{}, state{1, true, false}, state{1, true, true}
	for _, c := range []struct {
		name             string
		last             state
		version          int64
		assigned, actual int64
		want             []crossing.Step
	}{
		{"below", nothing, 1, 70, 69, nil},
		{"exactly", nothing, 1, 70, 70, []crossing.Step{reached}},
		{"above at once", nothing, 1, 70, 100, []crossing.Step{reached, exceeded}},
		{"above later", met, 1, 70, 71, []crossing.Step{exceeded}},
		{"still above", above, 1, 70, 200, nil},
		{"back to exactly", above, 1, 70, 70, []crossing.Step{excessWithdrawn}},
		{"back to below", above, 1, 70, 69, []crossing.Step{excessWithdrawn, reachWithdrawn}},
		{"not reached any more", met, 1, 70, 69, []crossing.Step{reachWithdrawn}},
		{"new version holds", above, 2, 80, 100, []crossing.Step{reached, exceeded}},
		{"new version holds half", above, 2, 100, 100, []crossing.Step{excessWithdrawn, reached}},
		{"new version does not hold", above, 2, 101, 100, []crossing.Step{excessWithdrawn, reachWithdrawn}},
		{"new version holds more", met, 2, 60, 70, []crossing.Step{reached, exceeded}},
		{"target 0 is reached by nothing", nothing, 1, 0, 0, []crossing.Step{reached}},
		{"target 0 is exceeded by one", nothing, 1, 0, 1, []crossing.Step{reached, exceeded}},
	} {
		next, steps := crossing.Judge(c.last.crossing(), target(c.version, c.assigned), c.actual)
		want := state{c.version, c.actual >= c.assigned, c.actual > c.assigned}
		if !slices.Equal(steps, c.want) || !proto.Equal(next, want.crossing()) {
			t.Errorf("%s: %v %v, want %v", c.name, steps, next, c.want)
		}
	}
}

func TestNothingAssignedIsNeverCrossed(t *testing.T) {
	next, steps := crossing.Judge(nil, &planningpb.Target{Name: "targets/t"}, 100)
	if steps != nil || next.GetReached() || next.GetExceeded() {
		t.Errorf("%v %v", next, steps)
	}
}

// INV-CROSSING-TRUE, INV-CROSSING-ONCE, INV-CROSSING-ORDER: whoever keeps a book of what was announced, in whatever order
// results and assignments came, holds the truth after every judgement and was never told the same twice.
func TestWhoListensHoldsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var last *planningpb.Crossing
		b := &book{}
		version, assigned, actual := int64(1), rapid.Int64Range(0, 5).Draw(t, "assigned"), int64(0)
		judge := func(t *rapid.T) {
			next, steps := crossing.Judge(last, target(version, assigned), actual)
			for _, s := range steps {
				b.hear(t, version, s)
			}
			if b.reached != (actual >= assigned) || b.exceeded != (actual > assigned) {
				t.Fatalf("%d of %d: reached %v, exceeded %v", actual, assigned, b.reached, b.exceeded)
			}
			if b.reached && b.version[reached] != version || b.exceeded && b.version[exceeded] != version {
				t.Fatalf("version %d was not announced", version)
			}
			again, more := crossing.Judge(next, target(version, assigned), actual)
			if more != nil || !proto.Equal(again, next) {
				t.Fatalf("judged again: %v", more)
			}
			last = next
		}
		t.Repeat(map[string]func(*rapid.T){
			"result": func(t *rapid.T) { actual = rapid.Int64Range(0, 7).Draw(t, "actual") },
			"assign": func(t *rapid.T) {
				version++
				assigned = rapid.Int64Range(0, 5).Draw(t, "assigned")
			},
			"": judge,
		})
	})
}

// book is what a listener knows.
type book struct {
	reached, exceeded bool
	version           [exceeded + 1]int64
}

func (b *book) hear(t *rapid.T, version int64, s crossing.Step) {
	holds, want := &b.reached, true
	switch s {
	case exceeded:
		holds = &b.exceeded
		if !b.reached {
			t.Fatal("exceeded before reached")
		}
	case excessWithdrawn:
		holds, want = &b.exceeded, false
	case reachWithdrawn:
		want = false
		if b.exceeded {
			t.Fatal("the reach was withdrawn before the excess")
		}
	case reached:
	}
	if *holds == want && (!want || b.version[s] == version) {
		t.Fatalf("step %d was announced twice for version %d", s, version)
	}
	*holds, b.version[s] = want, version
}

// state is what was announced last.
type state struct {
	version           int64
	reached, exceeded bool
}

func (s state) crossing() *planningpb.Crossing {
	if s.version == 0 {
		return nil
	}
	return &planningpb.Crossing{Target: "targets/t", TargetVersion: s.version, Reached: s.reached, Exceeded: s.exceeded}
}

func target(version, assigned int64) *planningpb.Target {
	return &planningpb.Target{Name: "targets/t", Version: version, AssignedValue: new(assigned)}
}
