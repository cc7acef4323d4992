package indicator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/platform/fault"
)

const (
	founded = planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED
	members = planningpb.Measure_MEASURE_MEMBERS_ADMITTED
	owners  = planningpb.Measure_MEASURE_OWNERS_ADMITTED
)

// INV-INDICATOR-KINDS
func TestKindsBelongToTheirMeasure(t *testing.T) {
	for _, c := range []struct {
		measure planningpb.Measure
		kinds   []string
		wrong   string // the field refused; empty: none
	}{
		{founded, []string{"BASE_PARTY_ORGANISATION", "BASE_CELL", "TEAM"}, ""},
		{members, []string{"PARTY_MEMBER", "VETERANS_MEMBER"}, ""},
		{owners, []string{"PARTY_MEMBER"}, ""},
		{founded, []string{"BASE_CELL", "PARTY_MEMBER"}, "kinds[1]"},
		{members, []string{"BASE_CELL"}, "kinds[0]"},
		{owners, []string{"PARTY_MEMBER", "TEAM"}, "kinds[1]"},
		{founded, []string{"ORGANISATION_KIND_BASE_CELL"}, "kinds[0]"},
		{founded, []string{"UNSPECIFIED"}, "kinds[0]"},
		{planningpb.Measure_MEASURE_UNSPECIFIED, []string{"BASE_CELL"}, "kinds[0]"},
		{99, []string{"BASE_CELL"}, "kinds[0]"},
	} {
		asked := &planningpb.Indicator{Measure: c.measure, Kinds: c.kinds}
		got, event, err := indicator.Create(asked, "indicators/x")
		if c.wrong == "" {
			if err != nil || event == nil || got.GetName() != "indicators/x" || asked.GetName() != "" {
				t.Errorf("%s %v: %v, %v", c.measure, c.kinds, got, err)
			}
			continue
		}
		f := fault.From(err)
		if f == nil || f.Kind != fault.KindInvalidArgument || f.Reason != faultpb.Reason_REASON_INDICATOR_KIND_UNKNOWN || f.Field != c.wrong {
			t.Errorf("%s %v: refused with %v, want %s", c.measure, c.kinds, err, c.wrong)
		}
	}
}

// Every kind of the contract can be counted, so a kind that is added there needs no change here.
func TestEveryKindOfTheContractIsKnown(t *testing.T) {
	for number, name := range registrypb.OrganisationKind_name {
		word := strings.TrimPrefix(name, "ORGANISATION_KIND_")
		if indicator.Measures(founded, word) != (number != 0) {
			t.Errorf("%s", name)
		}
	}
	for number, name := range membershippb.IntakeKind_name {
		word := strings.TrimPrefix(name, "INTAKE_KIND_")
		if indicator.Measures(members, word) != (number != 0) || indicator.Measures(owners, word) != (number != 0) {
			t.Errorf("%s", name)
		}
	}
}

func TestCounts(t *testing.T) {
	in := &planningpb.Indicator{Measure: founded, Kinds: []string{"BASE_CELL", "CELL"}}
	for f, want := range map[*planningpb.Fact]bool{
		{Measure: founded, Kind: "CELL"}:      true,
		{Measure: founded, Kind: "TEAM"}:      false,
		{Measure: members, Kind: "BASE_CELL"}: false,
	} {
		if indicator.Counts(in, f) != want {
			t.Errorf("%v counts: %v", f, !want)
		}
	}
}

func TestUpdateOfNothingIsNoChange(t *testing.T) {
	cur := &planningpb.Indicator{Name: "indicators/x", DisplayName: "Tổ chức đảng"}
	if got, event, err := indicator.Update(cur, proto.CloneOf(cur)); got != cur || event != nil || err != nil {
		t.Errorf("%v %v", got, event)
	}
	merged := proto.CloneOf(cur)
	merged.DisplayName = "Tổ chức đảng thành lập mới"
	if got, event, err := indicator.Update(cur, merged); err != nil || event == nil || !proto.Equal(got, merged) {
		t.Errorf("%v %v", got, event)
	}
}

// INV-INDICATOR-UNKNOWN-FIELDS
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendString(protowire.AppendTag(nil, 900, protowire.BytesType), "mới")
	asked := &planningpb.Indicator{Measure: founded, Kinds: []string{"CELL"}}
	asked.ProtoReflect().SetUnknown(newer)
	created, _, err := indicator.Create(asked, "indicators/x")
	if err != nil {
		t.Fatal(err)
	}
	merged := proto.CloneOf(created)
	merged.DisplayName = "khác"
	updated, _, _ := indicator.Update(created, merged)
	for _, got := range []*planningpb.Indicator{created, updated} {
		if diff := cmp.Diff(newer, []byte(got.ProtoReflect().GetUnknown()), protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}
