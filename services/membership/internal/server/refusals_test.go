package server_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/platform/fault"
)

// What an intake may not say: refused when it is reported, alone or in a batch, and when another is corrected to it.
func TestIntakesThatMayNotBe(t *testing.T) {
	tests := []struct {
		name   string
		change func(*membershippb.Intake)
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{
			"unknown unit", func(in *membershippb.Intake) { in.Unit = "units/tay" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "unit",
		}, {
			"unit closed before the day", func(in *membershippb.Intake) { in.Unit, in.Organisation = "units/khoi", "" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "unit",
		}, {
			"unknown organisation", func(in *membershippb.Intake) { in.Organisation = "organisations/chi" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_UNKNOWN, "organisation",
		}, {
			"organisation of another unit", func(in *membershippb.Intake) { in.Unit = "units/ba-vi" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_OF_OTHER_UNIT, "organisation",
		}, {
			"before the founding", func(in *membershippb.Intake) { in.AdmittedOn = "2020-01-31" },
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ADMITTED_OUTSIDE_ORGANISATION, "admittedOn",
		}, {
			"a kind that a cell does not admit", func(in *membershippb.Intake) {
				in.Kind, in.OwnerCount = membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER, 0
			},
			fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_KIND_MISMATCH, "kind",
		}, {
			"future day", func(in *membershippb.Intake) { in.AdmittedOn = "2020-12-01" },
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "admittedOn",
		}, {
			"no day of the calendar", func(in *membershippb.Intake) { in.AdmittedOn = "2019-02-29" },
			fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "admittedOn",
		}, {
			"owners above total", func(in *membershippb.Intake) { in.OwnerCount = 4 },
			fault.KindInvalidArgument, faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL, "ownerCount",
		}, {
			"owners of another kind", func(in *membershippb.Intake) {
				in.Kind, in.Organisation = membershippb.IntakeKind_INTAKE_KIND_VETERANS_MEMBER, ""
			},
			fault.KindInvalidArgument, faultpb.Reason_REASON_OWNERS_ABOVE_TOTAL, "ownerCount",
		}, {
			"nobody admitted", func(in *membershippb.Intake) { in.MemberCount, in.OwnerCount = 0, 0 },
			fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "memberCount",
		}, {
			"fewer than no owners", func(in *membershippb.Intake) { in.OwnerCount = -1 },
			fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "ownerCount",
		}, {
			"no kind", func(in *membershippb.Intake) { in.Kind = membershippb.IntakeKind_INTAKE_KIND_UNSPECIFIED },
			fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "kind",
		},
	}
	d := open(t)
	was := d.report(t, "there")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.refusedWith(t, func() error {
				_, err := d.CreateIntake(t.Context(), &membershippb.CreateIntakeRequest{Intake: party(tt.change), IntakeId: "new"})
				return err
			}, tt.kind, tt.reason, "intake."+tt.field)
			d.refusedWith(t, func() error {
				_, err := d.BatchCreateIntakes(t.Context(), &membershippb.BatchCreateIntakesRequest{
					Requests: []*membershippb.CreateIntakeRequest{{Intake: party(), IntakeId: "sound"}, {Intake: party(tt.change), IntakeId: "new"}},
				})
				return err
			}, tt.kind, tt.reason, "requests[1].intake."+tt.field)
			d.refusedWith(t, func() error {
				in := party(tt.change)
				in.Name = was.GetName()
				_, err := d.UpdateIntake(t.Context(), &membershippb.UpdateIntakeRequest{Intake: in, UpdateMask: everything()})
				return err
			}, tt.kind, tt.reason, "intake."+tt.field)
		})
	}
	d.onlyIntakeIs(t, was)
}

// everything names every field that a correction may change.
func everything() *fieldmaskpb.FieldMask {
	return &fieldmaskpb.FieldMask{Paths: []string{"unit", "organisation", "kind", "admitted_on", "member_count", "owner_count"}}
}

// onlyIntakeIs checks that there is one intake, and that nothing touched it.
func (d *desk) onlyIntakeIs(t *testing.T, was *membershippb.Intake) {
	t.Helper()
	page, err := d.ListIntakes(t.Context(), &membershippb.ListIntakesRequest{State: was.GetState()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*membershippb.Intake{was}, page.GetIntakes(), protocmp.Transform()); diff != "" {
		t.Errorf("intakes (-was +is):\n%s", diff)
	}
}

// What may not be asked of the intakes there are.
func TestRequestsThatMayNotBe(t *testing.T) {
	d := open(t)
	if _, err := d.CreateIntake(t.Context(), &membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "there", RequestId: "r-1"}); err != nil {
		t.Fatal(err)
	}
	updated, err := d.UpdateIntake(t.Context(), &membershippb.UpdateIntakeRequest{
		Intake: &membershippb.Intake{Name: "intakes/there", MemberCount: 4},
	})
	if err != nil {
		t.Fatal(err)
	}
	const stale = "00000000-1"
	two := func(a, b *membershippb.CreateIntakeRequest) *membershippb.BatchCreateIntakesRequest {
		return &membershippb.BatchCreateIntakesRequest{Requests: []*membershippb.CreateIntakeRequest{a, b}}
	}
	tests := []struct {
		name   string
		call   func(context.Context) error
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{
			"duplicate id", func(ctx context.Context) error {
				_, err := d.CreateIntake(ctx, &membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "there"})
				return err
			}, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "intake.name",
		}, {
			"duplicate id within a batch", func(ctx context.Context) error {
				_, err := d.BatchCreateIntakes(ctx, two(
					&membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "twice"},
					&membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "twice"}))
				return err
			}, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "requests[1].intake.name",
		}, {
			"request id within a batch", func(ctx context.Context) error {
				_, err := d.BatchCreateIntakes(ctx, two(
					&membershippb.CreateIntakeRequest{Intake: party()},
					&membershippb.CreateIntakeRequest{Intake: party(), RequestId: "r-2"}))
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, "requests[1].requestId",
		}, {
			"reused request id", func(ctx context.Context) error {
				_, err := d.CreateIntake(ctx, &membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "other", RequestId: "r-1"})
				return err
			}, fault.KindAlreadyExists, faultpb.Reason_REASON_REQUEST_ID_REUSED, "requestId",
		}, {
			"update of a stale etag", func(ctx context.Context) error {
				_, err := d.UpdateIntake(ctx, &membershippb.UpdateIntakeRequest{
					Intake: &membershippb.Intake{Name: "intakes/there", Etag: stale, MemberCount: 9},
				})
				return err
			}, fault.KindAborted, faultpb.Reason_REASON_ETAG_STALE, "intake.etag",
		}, {
			"withdrawal of a stale etag", func(ctx context.Context) error {
				_, err := d.WithdrawIntake(ctx, &membershippb.WithdrawIntakeRequest{Name: "intakes/there", Reason: "nhập nhầm", Etag: stale})
				return err
			}, fault.KindAborted, faultpb.Reason_REASON_ETAG_STALE, "etag",
		}, {
			"withdrawal without a reason", func(ctx context.Context) error {
				_, err := d.WithdrawIntake(ctx, &membershippb.WithdrawIntakeRequest{Name: "intakes/there"})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "reason",
		}, {
			"update of what the server owns", func(ctx context.Context) error {
				_, err := d.UpdateIntake(ctx, &membershippb.UpdateIntakeRequest{
					Intake: &membershippb.Intake{Name: "intakes/there"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"state"}},
				})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask",
		}, {
			"get of nothing", func(ctx context.Context) error {
				_, err := d.GetIntake(ctx, &membershippb.GetIntakeRequest{Name: "intakes/nowhere"})
				return err
			}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		}, {
			"update of nothing", func(ctx context.Context) error {
				_, err := d.UpdateIntake(ctx, &membershippb.UpdateIntakeRequest{Intake: &membershippb.Intake{Name: "intakes/nowhere"}})
				return err
			}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "intake.name",
		}, {
			"history of nothing", func(ctx context.Context) error {
				_, err := d.ListIntakeHistory(ctx, &membershippb.ListIntakeHistoryRequest{Name: "intakes/nowhere"})
				return err
			}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		}, {
			"list from no day", func(ctx context.Context) error {
				_, err := d.ListIntakes(ctx, &membershippb.ListIntakesRequest{FromDate: "2020-02-30"})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "fromDate",
		}, {
			"list to no day", func(ctx context.Context) error {
				_, err := d.ListIntakes(ctx, &membershippb.ListIntakesRequest{ToDate: "2019-02-29"})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "toDate",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d.refusedWith(t, func() error { return tt.call(t.Context()) }, tt.kind, tt.reason, tt.field)
		})
	}
	d.onlyIntakeIs(t, updated)
}

// INV-INTAKE-WITHDRAWN-FINAL.
func TestWithdrawnIntakeIsFinal(t *testing.T) {
	d := open(t)
	d.report(t, "i")
	gone := d.withdraw(t, "i")
	d.refusedWith(t, func() error {
		_, err := d.UpdateIntake(t.Context(), &membershippb.UpdateIntakeRequest{Intake: &membershippb.Intake{Name: "intakes/i", MemberCount: 9}})
		return err
	}, fault.KindFailedPrecondition, faultpb.Reason_REASON_INTAKE_WITHDRAWN, "intake.name")
	d.refusedWith(t, func() error {
		_, err := d.WithdrawIntake(t.Context(), &membershippb.WithdrawIntakeRequest{Name: "intakes/i", Reason: "lần nữa"})
		return err
	}, fault.KindFailedPrecondition, faultpb.Reason_REASON_INTAKE_WITHDRAWN, "name")
	d.refusedWith(t, func() error {
		_, err := d.CreateIntake(t.Context(), &membershippb.CreateIntakeRequest{Intake: party(), IntakeId: "i"})
		return err
	}, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "intake.name")
	d.onlyIntakeIs(t, gone)
}
