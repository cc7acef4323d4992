package rpc_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// changeable are the fields of an organisation that a client may change.
var changeable = []string{"display_name", "kind", "enterprise", "unit", "superior", "founded_on", "founding_decision"}

// organisations draws a valid organisation in which what may be empty sometimes is.
func organisations(t *rapid.T, label string) *registrypb.Organisation {
	text := func(field string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label+" "+field) }
	o := &registrypb.Organisation{
		Name:        "organisations/o",
		DisplayName: text("name", "Chi bộ Công ty A", "Chi bộ Công ty B", "Công đoàn cơ sở C"),
		Kind: rapid.SampledFrom([]registrypb.OrganisationKind{
			registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, registrypb.OrganisationKind_ORGANISATION_KIND_BASE_TRADE_UNION,
		}).Draw(t, label+" kind"),
		Enterprise:       text("enterprise", "enterprises/a", "enterprises/b"),
		Unit:             text("unit", "units/a", "units/b"),
		Superior:         text("superior", "", "organisations/s"),
		FoundedOn:        text("founded", "2020-01-02", "2020-03-04"),
		FoundingDecision: text("decision", "", "12-QĐ/HU"),
		State:            rapid.SampledFrom([]registrypb.OrganisationState{0, 1}).Draw(t, label+" state"),
		Revision:         rapid.Int64Range(0, 9).Draw(t, label+" revision"),
		Etag:             text("etag", "", "x", "y"),
		CreateTime:       timestamppb.New(timestamppb.Now().AsTime()),
	}
	number := protowire.Number(rapid.Int32Range(900, 999).Draw(t, label+" unknown"))
	o.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), 1))
	return o
}

func TestMergeChangesWhatTheMaskNames(t *testing.T) { // INV-RPC-MERGE-MASK
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cur, patch := organisations(t, "cur"), organisations(t, "patch")
		named := rapid.SliceOfDistinct(rapid.SampledFrom(changeable), rapid.ID[string]).Draw(t, "mask")
		curBefore, patchBefore := proto.Clone(cur), proto.Clone(patch)
		next, err := rpc.Merge(cur, patch, &fieldmaskpb.FieldMask{Paths: named})
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(cur)
		for _, name := range changeable {
			f := want.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))
			switch {
			case len(named) == 0 && patch.ProtoReflect().Has(f), slices.Contains(named, name) && patch.ProtoReflect().Has(f):
				want.ProtoReflect().Set(f, patch.ProtoReflect().Get(f))
			case slices.Contains(named, name):
				want.ProtoReflect().Clear(f)
			}
		}
		if diff := cmp.Diff(want, next, protocmp.Transform()); diff != "" {
			t.Errorf("mask %q (-want +got):\n%s", named, diff)
		}
		if !proto.Equal(cur, curBefore) || !proto.Equal(patch, patchBefore) {
			t.Error("an argument changed")
		}
	})
}

func TestMergeRefuses(t *testing.T) { // INV-RPC-MERGE-MASK
	t.Parallel()
	cur := unit()
	cur.Name, cur.Etag, cur.Revision = "units/tay-ho", "e1", 4
	other := proto.CloneOf(cur)
	other.ValidFrom = "1996-01-01"
	placed := proto.CloneOf(cur)
	placed.Placements = append(placed.Placements, &registrypb.Placement{Tree: "administrative", FromDate: "1995-10-28"})
	for _, c := range []struct {
		name   string
		patch  *registrypb.Unit
		paths  []string
		reason faultpb.Reason
		field  string
		value  string
	}{
		{"nil patch", nil, nil, faultpb.Reason_REASON_FIELD_REQUIRED, "unit", ""},
		{"nil patch, mask", nil, []string{"level"}, faultpb.Reason_REASON_FIELD_REQUIRED, "unit", ""},
		{"no such field", cur, []string{"level", "colour_of_flag"}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", "colourOfFlag"},
		{"empty path", cur, []string{""}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", ""},
		{"everything", cur, []string{"*"}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", "*"},
		{"JSON name", cur, []string{"displayName"}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", "displayName"},
		{"into a text", cur, []string{"level.x"}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", "level.x"},
		{"trailing dot", cur, []string{"level."}, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask", "level."},
		{"identifier", cur, []string{"name"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "name"},
		{"etag", cur, []string{"etag"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "etag"},
		{"output only", cur, []string{"closed_on"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "closedOn"},
		{"inside output only", cur, []string{"create_time.seconds"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "createTime.seconds"},
		{"immutable, unchanged", cur, []string{"valid_from"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "validFrom"},
		{"immutable list", cur, []string{"placements"}, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask", "placements"},
		{"immutable differs, no mask", other, nil, faultpb.Reason_REASON_MASK_FIXED_FIELD, "unit.validFrom", "validFrom"},
		{"immutable list differs, no mask", placed, nil, faultpb.Reason_REASON_MASK_FIXED_FIELD, "unit.placements", "placements"},
		{"required emptied", &registrypb.Unit{}, []string{"display_name"}, faultpb.Reason_REASON_FIELD_REQUIRED, "unit.displayName", ""},
		{"rule broken", &registrypb.Unit{Level: "huyện"}, nil, faultpb.Reason_REASON_FIELD_FORMAT, "unit.level", "huyện"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			next, err := rpc.Merge(cur, c.patch, &fieldmaskpb.FieldMask{Paths: c.paths})
			got := fault.From(err)
			if got == nil || next != nil {
				t.Fatalf("answered %v, %v", next, err)
			}
			if got.Kind != fault.KindInvalidArgument || got.Reason != c.reason || got.Field != c.field || got.Params["value"] != c.value {
				t.Errorf("refused with %v %v %q %v", got.Kind, got.Reason, got.Field, got.Params)
			}
		})
	}
}

func TestMergeWithoutMaskPassesOverWhatIsNotTheClients(t *testing.T) {
	t.Parallel()
	cur := unit()
	cur.Name, cur.Etag, cur.Revision = "units/tay-ho", "e1", 4
	patch := proto.CloneOf(cur)
	patch.Name, patch.Etag, patch.Revision, patch.ClosedOn = "units/other", "e0", 9, "2020-01-01"
	patch.DisplayName = "Quận uỷ Tây Hồ"
	for name, mask := range map[string]*fieldmaskpb.FieldMask{"nil": nil, "empty": {}} {
		next, err := rpc.Merge(cur, patch, mask)
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(cur)
		want.DisplayName = patch.GetDisplayName()
		if diff := cmp.Diff(want, next, protocmp.Transform()); diff != "" {
			t.Errorf("%s mask (-want +got):\n%s", name, diff)
		}
	}
}

func TestMergeKnowsZeroFromUnset(t *testing.T) {
	t.Parallel()
	cur := &planningpb.Target{
		Name: "targets/t", Unit: "units/a", Indicator: "indicators/i", Period: "periods/2020",
		RegisteredValue: proto.Int64(6), AssignedValue: proto.Int64(5),
	}
	mask := &fieldmaskpb.FieldMask{Paths: []string{"registered_value"}}
	next, err := rpc.Merge(cur, &planningpb.Target{RegisteredValue: proto.Int64(0)}, mask)
	if err != nil || next.RegisteredValue == nil || next.GetRegisteredValue() != 0 {
		t.Errorf("set to zero: %v, %v", next, err)
	}
	next, err = rpc.Merge(cur, &planningpb.Target{}, mask)
	if err != nil || next.RegisteredValue != nil || next.GetAssignedValue() != 5 {
		t.Errorf("emptied: %v, %v", next, err)
	}
	next, err = rpc.Merge(cur, &planningpb.Target{RegisteredValue: proto.Int64(0)}, nil)
	if err != nil || next.RegisteredValue == nil || next.GetRegisteredValue() != 0 {
		t.Errorf("zero without a mask: %v, %v", next, err)
	}
}

func TestUpdateThroughTheChain(t *testing.T) {
	everyWay(t, func(b *bench) {
		t := b.T
		was := b.create(t)
		patch := &registrypb.Unit{Name: was.GetName(), Etag: was.GetEtag(), DisplayName: "Quận uỷ Tây Hồ", ClosedOn: "2020-01-01"}
		got, err := b.client().UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{Unit: patch})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetDisplayName() != patch.GetDisplayName() || got.GetRevision() != 2 || got.GetClosedOn() != "" || got.GetLevel() != was.GetLevel() {
			t.Errorf("answered %v", got)
		}
		_, err = b.client().UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{Unit: patch})
		refused(t, err, fault.KindAborted, faultpb.Reason_REASON_ETAG_STALE, "etag")
		_, err = b.client().UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{
			Unit: &registrypb.Unit{Name: was.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"level"}},
		})
		refused(t, err, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "unit.level")
	})
}
