package organisation_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
	"coso/services/registry/internal/organisation"
)

const (
	name      = "organisations/chi-bo-hoa-sen"
	active    = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
	dissolved = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED
	withdrawn = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
)

var today = civil.MustParse("2020-12-01")

func asked(founded string) *registrypb.Organisation {
	return &registrypb.Organisation{
		DisplayName: "Chi bộ Công ty TNHH Hoa Sen", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		Unit: "units/tay-ho", Enterprise: "enterprises/hoa-sen", FoundedOn: founded, FoundingDecision: "12-QĐ/QU",
	}
}

func recorded(state registrypb.OrganisationState, founded, ended string) *registrypb.Organisation {
	o := asked(founded)
	o.Name, o.State, o.DissolvedOn = name, state, ended
	return o
}

func refs() organisation.Refs {
	return organisation.Refs{
		Unit:       &registrypb.Unit{Name: "units/tay-ho", ValidFrom: "1995-10-28", ClosedOn: "2020-11-15"},
		Enterprise: &registrypb.Enterprise{Name: "enterprises/hoa-sen"},
		Superior:   &registrypb.Organisation{Name: "organisations/dang-bo", State: dissolved},
	}
}

// wrong is one thing wrong with what an organisation says, and how it is refused.
type wrong struct {
	name   string
	change func(o *registrypb.Organisation, r *organisation.Refs)
	kind   fault.Kind
	reason faultpb.Reason
	field  string
}

var wrongs = []wrong{
	{
		"a day that is none", func(o *registrypb.Organisation, _ *organisation.Refs) { o.FoundedOn = "2020-02-30" },
		fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "foundedOn",
	},
	{
		"tomorrow", func(o *registrypb.Organisation, _ *organisation.Refs) { o.FoundedOn = "2020-12-02" },
		fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "foundedOn",
	},
	{
		"unknown unit", func(_ *registrypb.Organisation, r *organisation.Refs) { r.Unit = nil },
		fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "unit",
	},
	{
		"before the unit", func(o *registrypb.Organisation, _ *organisation.Refs) { o.FoundedOn = "1995-10-27" },
		fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
	},
	{
		"when the unit is closed", func(o *registrypb.Organisation, _ *organisation.Refs) { o.FoundedOn = "2020-11-15" },
		fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
	},
	{
		"unknown enterprise", func(_ *registrypb.Organisation, r *organisation.Refs) { r.Enterprise = nil },
		fault.KindFailedPrecondition, faultpb.Reason_REASON_ENTERPRISE_UNKNOWN, "enterprise",
	},
	{"unknown superior", func(o *registrypb.Organisation, r *organisation.Refs) {
		o.Superior, r.Superior = "organisations/none", nil
	}, fault.KindFailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "superior"},
	{"its own superior", func(o *registrypb.Organisation, r *organisation.Refs) {
		o.Superior, r.Superior = name, &registrypb.Organisation{Name: name, State: active}
	}, fault.KindFailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "superior"},
	{"a superior entered in error", func(o *registrypb.Organisation, r *organisation.Refs) {
		o.Superior = "organisations/dang-bo"
		r.Superior.State = withdrawn
	}, fault.KindFailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "superior"},
}

func TestFound(t *testing.T) {
	for _, founded := range []string{"1995-10-28", "2020-11-14"} {
		for _, superior := range []string{"", "organisations/dang-bo"} {
			ask := asked(founded)
			ask.Superior = superior
			got, event, err := organisation.Found(ask, name, refs(), today)
			want := recorded(active, founded, "")
			want.Superior = superior
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || event == nil || err != nil {
				t.Errorf("Found on %s below %q: %v, %v; (-want +got):\n%s", founded, superior, event, err, diff)
			}
		}
	}
	r := refs()
	r.Unit.ClosedOn = ""
	if _, _, err := organisation.Found(asked(today.String()), name, r, today); err != nil {
		t.Errorf("founded today: %v", err)
	}
	for _, tc := range wrongs {
		t.Run(tc.name, func(t *testing.T) {
			ask, r := asked("2020-06-01"), refs()
			tc.change(ask, &r)
			_, _, err := organisation.Found(ask, name, r, today)
			wantRefused(t, err, tc.kind, tc.reason, tc.field)
		})
	}
}

func TestUpdate(t *testing.T) {
	cur := recorded(active, "2020-06-01", "")
	t.Run("nothing", func(t *testing.T) {
		next, event, err := organisation.Update(cur, proto.CloneOf(cur), organisation.Refs{}, today)
		if next != cur || event != nil || err != nil {
			t.Errorf("Update = %v, %v, %v; want the record as it is", next, event, err)
		}
	})
	t.Run("a day", func(t *testing.T) {
		merged := recorded(active, "2020-06-02", "")
		next, event, err := organisation.Update(cur, merged, refs(), today)
		if next != merged || event == nil || err != nil {
			t.Errorf("Update = %v, %v, %v", next, event, err)
		}
	})
	t.Run("a dissolved one, up to its end", func(t *testing.T) {
		ended := recorded(dissolved, "2020-06-01", "2020-09-01")
		if _, _, err := organisation.Update(ended, recorded(dissolved, "2020-09-01", "2020-09-01"), refs(), today); err != nil {
			t.Error(err)
		}
		_, _, err := organisation.Update(ended, recorded(dissolved, "2020-09-02", "2020-09-01"), refs(), today)
		wantRefused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, "foundedOn")
	})
	t.Run("a withdrawn one, even by nothing", func(t *testing.T) {
		gone := recorded(withdrawn, "2020-06-01", "")
		_, _, err := organisation.Update(gone, proto.CloneOf(gone), refs(), today)
		wantRefused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name")
	})
	for _, tc := range wrongs {
		t.Run(tc.name, func(t *testing.T) {
			merged, r := proto.CloneOf(cur), refs()
			merged.FoundingDecision = "13-QĐ/QU"
			tc.change(merged, &r)
			_, _, err := organisation.Update(cur, merged, r, today)
			wantRefused(t, err, tc.kind, tc.reason, tc.field)
		})
	}
}

func TestDissolve(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cur    *registrypb.Organisation
		on     string
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{"on the day of its founding", recorded(active, "2020-06-01", ""), "2020-06-01", 0, 0, ""},
		{"today", recorded(active, "2020-06-01", ""), "2020-12-01", 0, 0, ""},
		{
			"tomorrow", recorded(active, "2020-06-01", ""), "2020-12-02",
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "dissolvedOn",
		},
		{
			"a day that is none", recorded(active, "2020-06-01", ""), "2020-06-31",
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "dissolvedOn",
		},
		{
			"before its founding", recorded(active, "2020-06-01", ""), "2020-05-31",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, "dissolvedOn",
		},
		{
			"twice", recorded(dissolved, "2020-06-01", "2020-07-01"), "2020-08-01",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name",
		},
		{
			"what never was", recorded(withdrawn, "2020-06-01", ""), "2020-08-01",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := &registrypb.DissolveOrganisationRequest{Name: name, DissolvedOn: tc.on, DissolutionDecision: "9-QĐ/QU"}
			got, event, err := organisation.Dissolve(tc.cur, cmd, today)
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			want := recorded(dissolved, "2020-06-01", tc.on)
			want.DissolutionDecision = "9-QĐ/QU"
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || event == nil || err != nil {
				t.Errorf("Dissolve: %v, %v; (-want +got):\n%s", event, err, diff)
			}
		})
	}
}

func TestWithdraw(t *testing.T) {
	cmd := &registrypb.WithdrawOrganisationRequest{Name: name, Reason: "nhập hai lần"}
	for _, cur := range []*registrypb.Organisation{recorded(active, "2020-06-01", ""), recorded(dissolved, "2020-06-01", "2020-07-01")} {
		got, event, err := organisation.Withdraw(cur, cmd)
		want := proto.CloneOf(cur)
		want.State, want.WithdrawalReason = withdrawn, "nhập hai lần"
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || event == nil || err != nil {
			t.Errorf("Withdraw: %v, %v; (-want +got):\n%s", event, err, diff)
		}
	}
	_, _, err := organisation.Withdraw(recorded(withdrawn, "2020-06-01", ""), cmd)
	wantRefused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name")
}

func TestExisted(t *testing.T) {
	for _, tc := range []struct {
		o    *registrypb.Organisation
		want map[string]bool
	}{
		{recorded(active, "2020-06-01", ""), map[string]bool{"2020-06-01": true, "2020-06-30": true, "2020-07-01": true}},
		{recorded(dissolved, "2020-06-01", "2020-07-01"), map[string]bool{"2020-06-01": true, "2020-06-30": true}},
		{recorded(withdrawn, "2020-06-01", ""), nil},
	} {
		for _, on := range []string{"2020-05-31", "2020-06-01", "2020-06-30", "2020-07-01"} {
			if got := organisation.Existed(tc.o, civil.MustParse(on)); got != tc.want[on] {
				t.Errorf("%v one existed on %s: %v", tc.o.GetState(), on, got)
			}
		}
	}
}

// INV-ORGANISATION-UNKNOWN-FIELDS.
func TestUnknownFieldsSurvive(t *testing.T) {
	newer := protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 42)
	ask := asked("2020-06-01")
	ask.ProtoReflect().SetUnknown(newer)
	founded, _, err := organisation.Found(ask, name, refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	merged := proto.CloneOf(founded)
	merged.FoundingDecision = "13-QĐ/QU"
	updated, _, err := organisation.Update(founded, merged, refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	ended, _, err := organisation.Dissolve(updated, &registrypb.DissolveOrganisationRequest{DissolvedOn: "2020-07-01"}, today)
	if err != nil {
		t.Fatal(err)
	}
	gone, _, err := organisation.Withdraw(ended, &registrypb.WithdrawOrganisationRequest{Reason: "nhập nhầm"})
	if err != nil {
		t.Fatal(err)
	}
	for rule, o := range map[string]*registrypb.Organisation{"Found": founded, "Update": updated, "Dissolve": ended, "Withdraw": gone} {
		if got := o.ProtoReflect().GetUnknown(); string(got) != string(newer) {
			t.Errorf("%s keeps %x of the unknown field %x", rule, got, newer)
		}
	}
}

func wantRefused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	got := fault.From(err)
	if got == nil || got.Kind != kind || got.Reason != reason || got.Field != field {
		t.Errorf("refused with %v; want %v %v at %q", err, kind, reason, field)
	}
}
