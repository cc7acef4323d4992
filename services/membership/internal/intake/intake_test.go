package intake_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership/internal/intake"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

var today = civil.MustParse("2020-11-30")

func unit() *registrypb.Unit {
	return &registrypb.Unit{Name: "units/tay-ho", ValidFrom: "2008-08-01", ClosedOn: "2025-07-01"}
}

func organisation() *registrypb.Organisation {
	return &registrypb.Organisation{
		Name: "organisations/chi-bo-1", Unit: "units/tay-ho",
		Kind:      registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		State:     registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED,
		FoundedOn: "2020-03-01", DissolvedOn: "2020-11-01",
	}
}

func refs() intake.Refs { return intake.Refs{Unit: unit(), Organisation: organisation()} }

func reported() *membershippb.Intake {
	return &membershippb.Intake{
		Name: "intakes/i", Unit: "units/tay-ho", Organisation: "organisations/chi-bo-1",
		Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER, AdmittedOn: "2020-06-15", MemberCount: 3, OwnerCount: 1,
		State: membershippb.IntakeState_INTAKE_STATE_REPORTED, Revision: 1,
	}
}

func TestReport(t *testing.T) {
	in := reported()
	in.Name, in.State, in.Revision = "", 0, 0

	got, event, err := intake.Report(in, "intakes/new", refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(in)
	want.Name, want.State = "intakes/new", membershippb.IntakeState_INTAKE_STATE_REPORTED
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("intake (-want +got):\n%s", diff)
	}
	if event == nil {
		t.Error("no event")
	}
	if in.GetName() != "" || in.GetState() != 0 {
		t.Errorf("the request was changed: %v", in)
	}
}

func TestReportRefuses(t *testing.T) {
	type change func(in *membershippb.Intake, at *intake.Refs)
	tests := []struct {
		name   string
		change change
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{
			"no day of the calendar", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-02-30" },
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "admittedOn",
		}, {
			"tomorrow", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-12-01" },
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "admittedOn",
		}, {
			"more owners than members", func(in *membershippb.Intake, _ *intake.Refs) { in.OwnerCount = 4 },
			fault.KindInvalidArgument, faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL, "ownerCount",
		}, {
			"an owner among union members", func(in *membershippb.Intake, _ *intake.Refs) {
				in.Kind = membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER
			},
			fault.KindInvalidArgument, faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL, "ownerCount",
		}, {
			"unit not known", func(_ *membershippb.Intake, at *intake.Refs) { at.Unit = nil },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "unit",
		}, {
			"unit not yet", func(_ *membershippb.Intake, at *intake.Refs) { at.Unit.ValidFrom = "2020-06-16" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
		}, {
			"unit no more", func(_ *membershippb.Intake, at *intake.Refs) { at.Unit.ClosedOn = "2020-06-15" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
		}, {
			"organisation not known", func(_ *membershippb.Intake, at *intake.Refs) { at.Organisation = nil },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_UNKNOWN, "organisation",
		}, {
			"organisation of another unit", func(_ *membershippb.Intake, at *intake.Refs) { at.Organisation.Unit = "units/ba-vi" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_OF_OTHER_UNIT, "organisation",
		}, {
			"organisation entered in error", func(_ *membershippb.Intake, at *intake.Refs) {
				at.Organisation.State = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
			},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "organisation",
		}, {
			"before the founding", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-02-29" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION, "admittedOn",
		}, {
			"on the day of the dissolution", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-11-01" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION, "admittedOn",
		}, {
			"a kind that a cell does not admit", func(in *membershippb.Intake, _ *intake.Refs) {
				in.Kind, in.OwnerCount = membershippb.IntakeKind_INTAKE_KIND_VETERANS_MEMBER, 0
			},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_KIND_MISMATCH, "kind",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, at := reported(), refs()
			tt.change(in, &at)

			_, _, err := intake.Report(in, "intakes/i", at, today)
			refused(t, err, tt.kind, tt.reason, tt.field)

			_, _, err = intake.Update(otherwise(in), in, at, today)
			refused(t, err, tt.kind, tt.reason, tt.field)
		})
	}
}

// otherwise is an intake before it was corrected to next.
func otherwise(next *membershippb.Intake) *membershippb.Intake {
	cur := proto.CloneOf(next)
	cur.MemberCount++
	return cur
}

func refused(t *testing.T, err error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want %s", reason)
	}
	if e := fault.From(err); e.Kind != kind || e.Reason != reason || e.Field != field {
		t.Errorf("refused with %s %s at %q, want %s %s at %q", e.Kind, e.Reason, e.Field, kind, reason, field)
	}
}

func TestReportAtTheEdges(t *testing.T) {
	tests := []struct {
		name   string
		change func(in *membershippb.Intake, at *intake.Refs)
	}{
		{"on the day of the founding", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-03-01" }},
		{"on the last day before the dissolution", func(in *membershippb.Intake, _ *intake.Refs) { in.AdmittedOn = "2020-10-31" }},
		{"today", func(in *membershippb.Intake, at *intake.Refs) {
			in.AdmittedOn, at.Organisation.DissolvedOn = "2020-11-30", ""
		}},
		{"on the unit's first day", func(_ *membershippb.Intake, at *intake.Refs) { at.Unit.ValidFrom = "2020-06-15" }},
		{"on the unit's last day", func(_ *membershippb.Intake, at *intake.Refs) { at.Unit.ClosedOn = "2020-06-16" }},
		{"owners all", func(in *membershippb.Intake, _ *intake.Refs) { in.OwnerCount = 3 }},
		{"no organisation named", func(in *membershippb.Intake, at *intake.Refs) { in.Organisation, at.Organisation = "", nil }},
		{"a kind of organisation that only a newer registry knows", func(_ *membershippb.Intake, at *intake.Refs) { at.Organisation.Kind = 99 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, at := reported(), refs()
			tt.change(in, &at)
			if _, _, err := intake.Report(in, "intakes/i", at, today); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	cur := reported()
	next := proto.CloneOf(cur)
	next.MemberCount, next.OwnerCount, next.AdmittedOn = 5, 0, "2020-07-01"

	got, event, err := intake.Update(cur, next, refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(next, got, protocmp.Transform()); diff != "" {
		t.Errorf("intake (-want +got):\n%s", diff)
	}
	if event == nil {
		t.Error("no event")
	}
}

// What changes nothing is no change, whatever is known by now.
func TestUpdateOfNothing(t *testing.T) {
	cur := reported()
	got, event, err := intake.Update(cur, proto.CloneOf(cur), intake.Refs{}, today)
	if err != nil || event != nil || got != cur {
		t.Errorf("got %v, event %v, error %v; want the intake as it is", got, event, err)
	}
}

func TestWithdraw(t *testing.T) {
	cur := reported()
	got, event, err := intake.Withdraw(cur, &membershippb.WithdrawIntakeRequest{Name: cur.GetName(), Reason: "nhập nhầm"})
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(cur)
	want.State, want.WithdrawalReason = membershippb.IntakeState_INTAKE_STATE_WITHDRAWN, "nhập nhầm"
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("intake (-want +got):\n%s", diff)
	}
	if event == nil {
		t.Error("no event")
	}
	if cur.GetState() != membershippb.IntakeState_INTAKE_STATE_REPORTED {
		t.Error("the current record was changed")
	}
}

// Every kind of organisation of the contract admits somebody, and every kind of person is admitted by some.
func TestEveryKindHasItsPlace(t *testing.T) {
	var served []membershippb.IntakeKind
	for o := range registrypb.OrganisationKind_name {
		if o == 0 {
			continue
		}
		n := 0
		for k := range membershippb.IntakeKind_name {
			in, at := reported(), refs()
			in.Kind, in.OwnerCount = membershippb.IntakeKind(k), 0
			at.Organisation.Kind = registrypb.OrganisationKind(o)
			_, _, err := intake.Report(in, "intakes/i", at, today)
			if err == nil {
				n++
				served = append(served, in.GetKind())
			}
		}
		if n == 0 || n == len(membershippb.IntakeKind_name) {
			t.Errorf("%s admits %d kinds", registrypb.OrganisationKind(o), n)
		}
	}
	for k := range membershippb.IntakeKind_name {
		if k != 0 && !slices.Contains(served, membershippb.IntakeKind(k)) {
			t.Errorf("nobody admits %s", membershippb.IntakeKind(k))
		}
	}
}
