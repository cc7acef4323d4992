package target_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/target"
	"coso/services/platform/fault"
	"coso/services/platform/foureyes"
)

func asked() *planningpb.Target {
	return &planningpb.Target{
		Unit: "units/tay-ho", Indicator: "indicators/party", Period: "periods/2020", RegisteredValue: proto.Int64(6),
	}
}

var known = target.Refs{Unit: &registrypb.Unit{}, Indicator: &planningpb.Indicator{}, Period: &planningpb.Period{}}

func TestRegister(t *testing.T) {
	a := asked()
	got, event, err := target.Register(a, "targets/t", known)
	if err != nil || event == nil {
		t.Fatal(err)
	}
	want := asked()
	want.Name = "targets/t"
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || a.GetName() != "" {
		t.Error(diff)
	}
}

func TestRegisterRefersToWhatIsKnown(t *testing.T) {
	for field, c := range map[string]struct {
		refs   target.Refs
		reason faultpb.Reason
		name   string
	}{
		"unit":      {target.Refs{Indicator: known.Indicator, Period: known.Period}, faultpb.Reason_REASON_UNIT_UNKNOWN, "units/tay-ho"},
		"indicator": {target.Refs{Unit: known.Unit, Period: known.Period}, faultpb.Reason_REASON_INDICATOR_UNKNOWN, "indicators/party"},
		"period":    {target.Refs{Unit: known.Unit, Indicator: known.Indicator}, faultpb.Reason_REASON_PERIOD_UNKNOWN, "periods/2020"},
	} {
		_, _, err := target.Register(asked(), "targets/t", c.refs)
		f := fault.From(err)
		if f == nil || f.Kind != fault.KindFailedPrecondition || f.Reason != c.reason || f.Field != field || f.Params["name"] != c.name {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// INV-TARGET-ASSIGNED: only assignments change the assigned value, and each is one version more.
func TestAssignedValueChangesOnlyByAssignment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := asked()
		a.AssignedValue, a.AssignedDecision, a.Version = proto.Int64(99), "giả", 7 // must not survive a registration
		a.Proposal, a.Rejection = &planningpb.TargetProposal{AssignedValue: 98}, &planningpb.TargetRejection{}
		cur, _, err := target.Register(a, "targets/t", known)
		if err != nil {
			t.Fatal(err)
		}
		version, value := int64(0), (*int64)(nil)
		t.Repeat(map[string]func(*rapid.T){
			"assign": func(t *rapid.T) {
				value = new(rapid.Int64Range(0, 5).Draw(t, "value"))
				version++
				proposed, _, err := target.Propose(cur, &planningpb.AssignTargetRequest{AssignedValue: value, AssignedDecision: "345-QĐ/TU"}, foureyes.Act{By: lan})
				if err != nil || (proposed.AssignedValue == nil) != (cur.AssignedValue == nil) || proposed.GetAssignedValue() != cur.GetAssignedValue() || proposed.GetVersion() != cur.GetVersion() {
					t.Fatalf("what is proposed counts: %v, %v", proposed, err)
				}
				cur, _, _ = target.Approve(proposed, minh)
			},
			"update": func(t *rapid.T) {
				merged := proto.CloneOf(cur)
				merged.RegisteredValue = new(rapid.Int64Range(0, 5).Draw(t, "registered"))
				cur, _, _ = target.Update(cur, merged)
			},
			"": func(t *rapid.T) {
				if cur.GetProposal() != nil || cur.GetRejection() != nil {
					t.Fatalf("proposed %v, rejected %v", cur.GetProposal(), cur.GetRejection())
				}
				if cur.GetVersion() != version || (cur.AssignedValue == nil) != (value == nil) || cur.GetAssignedValue() != deref(value) {
					t.Fatalf("version %d value %v, want %d %v", cur.GetVersion(), cur.AssignedValue, version, value)
				}
			},
		})
	})
}

func deref(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func TestUpdateOfNothingIsNoChange(t *testing.T) {
	cur := asked()
	if got, event, err := target.Update(cur, proto.CloneOf(cur)); got != cur || event != nil || err != nil {
		t.Errorf("%v %v %v", got, event, err)
	}
}

// INV-TARGET-UNKNOWN-FIELDS
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 7)
	a := asked()
	a.ProtoReflect().SetUnknown(newer)
	created, _, err := target.Register(a, "targets/t", known)
	if err != nil {
		t.Fatal(err)
	}
	proposed, _, _ := target.Propose(created, &planningpb.AssignTargetRequest{AssignedValue: proto.Int64(1)}, foureyes.Act{By: lan})
	assigned, _, _ := target.Approve(proposed, minh)
	rejected, _, _ := target.Reject(proposed, &planningpb.RejectTargetRequest{}, minh)
	withdrawn, _, _ := target.WithdrawProposal(proposed, lan)
	merged := proto.CloneOf(assigned)
	merged.RegisteredValue = nil
	updated, _, _ := target.Update(assigned, merged)
	for _, got := range []*planningpb.Target{created, proposed, assigned, rejected, withdrawn, updated} {
		if string(got.ProtoReflect().GetUnknown()) != string(newer) {
			t.Errorf("lost in %v", got)
		}
	}
}
