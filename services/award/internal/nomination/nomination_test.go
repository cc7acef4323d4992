package nomination_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/award/internal/nomination"
)

// id is the id of an event of planning.
func id(number int64) string { return fmt.Sprintf("0198f0c2-7d1e-7abc-8000-000000000001/%d", number) }

func evidence(actual int64) *planningpb.Evidence {
	return &planningpb.Evidence{
		Target: &planningpb.Target{
			Name: "targets/2020-ha-noi-party", Unit: "units/ha-noi", Indicator: "indicators/party", Period: "periods/2020",
			AssignedValue: proto.Int64(70),
		},
		UnitDisplayName: "Thành ủy Hà Nội",
		Figure:          &planningpb.Figure{ActualValue: actual, AssignedValue: proto.Int64(70)},
	}
}

func open() *awardpb.Nomination {
	n, _ := nomination.Open(evidence(71), id(5))
	return n
}

func flagged(t *testing.T) *awardpb.Nomination {
	t.Helper()
	n, _, news := nomination.Flag(open(), evidence(70), id(6))
	if !news {
		t.Fatal("an open nomination was not flagged")
	}
	return n
}

func TestOpen(t *testing.T) {
	got, event := nomination.Open(evidence(71), id(5))
	want := &awardpb.Nomination{
		Name: "nominations/2020-ha-noi-party", Target: "targets/2020-ha-noi-party",
		Unit: "units/ha-noi", Indicator: "indicators/party", Period: "periods/2020",
		State: awardpb.NominationState_NOMINATION_STATE_OPEN, Evidence: evidence(71), EvidenceEvent: id(5),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("nomination (-want +got):\n%s", diff)
	}
	if event == nil {
		t.Error("no event")
	}
}

func TestFlagKeepsTheEvidence(t *testing.T) {
	got, event, news := nomination.Flag(open(), evidence(70), id(6))
	if !news || event == nil {
		t.Fatalf("news %v, event %v", news, event)
	}
	want := open()
	want.State, want.Withdrawal = awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN, evidence(70)
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("nomination (-want +got):\n%s", diff)
	}
}

func TestReopen(t *testing.T) {
	want, _ := nomination.Open(evidence(75), id(9))
	for name, cur := range map[string]*awardpb.Nomination{"flagged": flagged(t), "open, under a new version": open()} {
		t.Run(name, func(t *testing.T) {
			got, event, news := nomination.Reopen(cur, evidence(75), id(9))
			if !news || event == nil {
				t.Fatalf("news %v, event %v", news, event)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("nomination (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNothingNew(t *testing.T) {
	tests := []struct {
		name string
		news func() bool
	}{
		{"the same crossing again", func() bool { _, _, n := nomination.Reopen(open(), evidence(71), id(5)); return n }},
		{"an older crossing", func() bool { _, _, n := nomination.Reopen(open(), evidence(71), id(4)); return n }},
		{"the crossing that was withdrawn", func() bool { _, _, n := nomination.Reopen(flagged(t), evidence(71), id(5)); return n }},
		{"an older withdrawal", func() bool { _, _, n := nomination.Flag(open(), evidence(70), id(4)); return n }},
		{"the same withdrawal again", func() bool { _, _, n := nomination.Flag(flagged(t), evidence(70), id(6)); return n }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.news() {
				t.Error("taken as news")
			}
		})
	}
}

// announced is one event of planning about a target: its number is its place in the slice.
type announced struct {
	exceeded bool
	actual   int64
}

// hear applies one event as the follower does.
func hear(cur *awardpb.Nomination, e announced, number int64) *awardpb.Nomination {
	switch {
	case cur == nil && e.exceeded:
		cur, _ = nomination.Open(evidence(e.actual), id(number))
	case cur != nil && e.exceeded:
		if next, _, news := nomination.Reopen(cur, evidence(e.actual), id(number)); news {
			return next
		}
	case cur != nil:
		if next, _, news := nomination.Flag(cur, evidence(e.actual), id(number)); news {
			return next
		}
	}
	return cur
}

// story draws what planning may announce of one target: a crossing (perhaps again, under a new version), then its
// withdrawal, in turn.
func story(t *rapid.T) []announced {
	var out []announced
	up := false
	for range rapid.IntRange(1, 12).Draw(t, "events") {
		up = !up || rapid.Bool().Draw(t, "exceeded again")
		out = append(out, announced{exceeded: up, actual: int64(len(out))})
	}
	return out
}

// INV-NOMINATION-ONE-PER-TARGET.
func TestOnePerTargetProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?`).Draw(t, "a")
		b := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?`).Draw(t, "b")
		same := nomination.Name("targets/"+a) == nomination.Name("targets/"+b)
		if same != (a == b) {
			t.Errorf("targets %q and %q: same nomination %v", a, b, same)
		}
		var cur *awardpb.Nomination
		for i, e := range story(t) {
			cur = hear(cur, e, int64(i+1))
			if want := nomination.Name(evidence(0).GetTarget().GetName()); cur.GetName() != want {
				t.Fatalf("event %d made %s of %s", i+1, cur.GetName(), want)
			}
		}
	})
}

// INV-NOMINATION-EVIDENCE-KEPT.
func TestEvidenceKeptProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := story(t)
		var cur, want *awardpb.Nomination
		for i, e := range events {
			cur = hear(cur, e, int64(i+1))
			if e.exceeded {
				want, _ = nomination.Open(evidence(e.actual), id(int64(i+1)))
			} else {
				want.State = awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN
				want.Withdrawal = evidence(e.actual)
			}
			if diff := cmp.Diff(want, cur, protocmp.Transform()); diff != "" {
				t.Fatalf("after event %d (-want +got):\n%s", i+1, diff)
			}
		}
	})
}

// INV-NOMINATION-NEWER-ONLY.
func TestNewerOnlyProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := story(t)
		var cur *awardpb.Nomination
		for i, e := range events {
			cur = hear(cur, e, int64(i+1))
			before := proto.CloneOf(cur)
			from := rapid.IntRange(0, i).Draw(t, "heard again from")
			for j := from; j <= i; j++ {
				cur = hear(cur, events[j], int64(j+1))
			}
			if diff := cmp.Diff(before, cur, protocmp.Transform()); diff != "" {
				t.Fatalf("events %d to %d heard again changed the nomination (-want +got):\n%s", from+1, i+1, diff)
			}
		}
	})
}

// INV-NOMINATION-UNKNOWN-FIELDS.
func TestUnknownFieldsSurvive(t *testing.T) {
	later := protowire.AppendString(protowire.AppendTag(nil, 1999, protowire.BytesType), "của bản sau")
	cur, e := open(), evidence(75)
	cur.ProtoReflect().SetUnknown(later)
	e.ProtoReflect().SetUnknown(later)

	opened, _ := nomination.Open(e, id(5))
	down, _, _ := nomination.Flag(cur, e, id(6))
	again, _, _ := nomination.Reopen(cur, e, id(6))
	for rule, m := range map[string]proto.Message{
		"Open, evidence": opened.GetEvidence(), "Flag": down, "Flag, withdrawal": down.GetWithdrawal(),
		"Reopen": again, "Reopen, evidence": again.GetEvidence(),
	} {
		if string(m.ProtoReflect().GetUnknown()) != string(later) {
			t.Errorf("%s: an unknown field was lost", rule)
		}
	}
}
