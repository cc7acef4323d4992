package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// Each refusal has its code, reason and field, speaks both languages, and leaves everything as it was.
func TestRefusals(t *testing.T) {
	o := hanoi(t)
	o.assign("tay-ho", 6)
	ctx := t.Context()

	indicator := func(id string, change func(*planningpb.Indicator)) func() error {
		return func() error {
			req := askIndicator(id)
			change(req.GetIndicator())
			_, err := o.CreateIndicator(ctx, req)
			return err
		}
	}
	calling := func(in *planningpb.Indicator, paths ...string) func() error {
		return func() error {
			_, err := o.UpdateIndicator(ctx, &planningpb.UpdateIndicatorRequest{Indicator: in, UpdateMask: mask(paths...)})
			return err
		}
	}
	period := func(start, cutOff, end string) func() error {
		return func() error {
			_, err := o.CreatePeriod(ctx, askPeriod("moi", start, cutOff, end))
			return err
		}
	}
	dates := func(p *planningpb.Period, paths ...string) func() error {
		return func() error {
			_, err := o.UpdatePeriod(ctx, &planningpb.UpdatePeriodRequest{Period: p, UpdateMask: mask(paths...)})
			return err
		}
	}
	target := func(id string, change func(*planningpb.Target)) func() error {
		return func() error {
			req := askTarget(id, "units/ha-noi", 70)
			change(req.GetTarget())
			_, err := o.CreateTarget(ctx, req)
			return err
		}
	}
	changing := func(x *planningpb.Target, paths ...string) func() error {
		return func() error {
			_, err := o.UpdateTarget(ctx, &planningpb.UpdateTargetRequest{Target: x, UpdateMask: mask(paths...)})
			return err
		}
	}
	assigning := func(req *planningpb.AssignTargetRequest) func() error {
		return func() error {
			_, err := o.AssignTarget(ctx, req)
			return err
		}
	}
	progress := func(unit, period, asOf string) func() error {
		return func() error {
			_, err := o.GetProgress(ctx, &planningpb.GetProgressRequest{Unit: unit, Period: period, AsOf: asOf})
			return err
		}
	}
	inTree := func(tree string) func() error {
		return func() error {
			_, err := o.GetProgress(ctx, &planningpb.GetProgressRequest{Unit: "units/tay-ho", Period: "periods/2020", Tree: tree})
			return err
		}
	}
	as := func(*planningpb.Indicator) {}

	for _, c := range []struct {
		name   string
		call   func() error
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{"indicator there already", indicator("party", as), codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "indicator.name"},
		{"kind of another measure", indicator("moi", func(in *planningpb.Indicator) { in.Kinds = []string{"BASE_CELL", "PARTY_MEMBER"} }), codes.InvalidArgument, faultpb.Reason_REASON_INDICATOR_KIND_UNKNOWN, "indicator.kinds[1]"},
		{"indicator without kinds", indicator("moi", func(in *planningpb.Indicator) { in.Kinds = nil }), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_LENGTH, "indicator.kinds"},
		{"indicator not there", calling(&planningpb.Indicator{Name: "indicators/khong-co", DisplayName: "x"}), codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "indicator.name"},
		{"what is counted is fixed", calling(&planningpb.Indicator{Name: "indicators/party", Kinds: []string{"CELL"}}, "kinds"), codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask"},
		{"stale indicator", calling(&planningpb.Indicator{Name: "indicators/party", Etag: "00000000-1", DisplayName: "x"}), codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "indicator.etag"},

		{"cut-off behind the end", period("2020-01-01", "2021-01-01", "2020-12-31"), codes.InvalidArgument, faultpb.Reason_REASON_PERIOD_ORDER, "period.cutOffDate"},
		{"no day of the calendar", period("2020-02-30", "2020-11-30", "2020-12-31"), codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "period.startDate"},
		{"period not there", dates(&planningpb.Period{Name: "periods/khong-co", CutOffDate: "2020-12-01"}), codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "period.name"},
		{"cut-off before the start", dates(&planningpb.Period{Name: "periods/2020", CutOffDate: "2019-12-31"}, "cut_off_date"), codes.InvalidArgument, faultpb.Reason_REASON_PERIOD_ORDER, "period.cutOffDate"},

		{"unit not known", target("moi", func(x *planningpb.Target) { x.Unit = "units/khong-co" }), codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "target.unit"},
		{"indicator not known", target("moi", func(x *planningpb.Target) { x.Indicator = "indicators/khong-co" }), codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_UNKNOWN, "target.indicator"},
		{"period not known", target("moi", func(x *planningpb.Target) { x.Period = "periods/khong-co" }), codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_UNKNOWN, "target.period"},
		{"second target of a unit", target("moi", func(x *planningpb.Target) { x.Unit = "units/tay-ho" }), codes.AlreadyExists, faultpb.Reason_REASON_TARGET_TAKEN, "target.indicator"},
		{"target there already", target("tay-ho", func(*planningpb.Target) {}), codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "target.name"},
		{"registered below 0", target("moi", func(x *planningpb.Target) { x.RegisteredValue = proto.Int64(-1) }), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "target.registeredValue"},
		{"assigned by an update", changing(&planningpb.Target{Name: "targets/tay-ho"}, "assigned_value"), codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask"},
		{"moved by an update", changing(&planningpb.Target{Name: "targets/tay-ho", Unit: "units/ha-noi"}), codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "target.unit"},
		{"registered below 0 by an update", changing(&planningpb.Target{Name: "targets/tay-ho", RegisteredValue: proto.Int64(-1)}, "registered_value"), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "target.registeredValue"},
		{"assigned nothing", assigning(&planningpb.AssignTargetRequest{Name: "targets/tay-ho", AssignedDecision: "1-QĐ/TU"}), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "assignedValue"},
		{"assigned without a decision", assigning(&planningpb.AssignTargetRequest{Name: "targets/tay-ho", AssignedValue: proto.Int64(1)}), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "assignedDecision"},
		{"assigned below 0", assigning(&planningpb.AssignTargetRequest{Name: "targets/tay-ho", AssignedValue: proto.Int64(-1), AssignedDecision: "1-QĐ/TU"}), codes.InvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "assignedValue"},
		{"assigned to a stale target", assigning(&planningpb.AssignTargetRequest{Name: "targets/tay-ho", AssignedValue: proto.Int64(1), AssignedDecision: "1-QĐ/TU", Etag: "00000000-1"}), codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "etag"},
		{"assigned to no target", assigning(&planningpb.AssignTargetRequest{Name: "targets/khong-co", AssignedValue: proto.Int64(1), AssignedDecision: "1-QĐ/TU"}), codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},

		{"progress of no unit", progress("units/khong-co", "periods/2020", ""), codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit"},
		{"progress before the period", progress("units/tay-ho", "periods/2020", "2019-12-31"), codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_NOT_BEGUN, "asOf"},
		{"progress of no period", progress("units/tay-ho", "periods/khong-co", ""), codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "period"},
		{"progress of tomorrow", progress("units/tay-ho", "periods/2020", "2020-12-16"), codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "asOf"},
		{"progress of no day", progress("units/tay-ho", "periods/2020", "2020-11-31"), codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "asOf"},
		{"progress in no tree", inTree("khong-co"), codes.InvalidArgument, faultpb.Reason_REASON_ENUM_UNKNOWN, "tree"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.unchanged(func() { wantRefused(t, c.call(), c.code, c.reason, c.field) })
		})
	}
}

func TestRequestIDIsForOneRequest(t *testing.T) {
	o := hanoi(t)
	req := &planningpb.AssignTargetRequest{
		Name: must(o.CreateTarget(t.Context(), askTarget("t", "units/tay-ho", 6)))(t).GetName(), AssignedValue: proto.Int64(6),
		AssignedDecision: "345-QĐ/TU", RequestId: "giao-1",
	}
	must(o.AssignTarget(t.Context(), req))(t)
	o.unchanged(func() {
		if again := must(o.AssignTarget(t.Context(), req))(t); again.GetRevision() != 2 {
			t.Errorf("proposed twice: %v", again)
		}
		other := proto.CloneOf(req)
		other.AssignedValue = proto.Int64(7)
		_, err := o.AssignTarget(t.Context(), other)
		wantRefused(t, err, codes.AlreadyExists, faultpb.Reason_REASON_REQUEST_ID_REUSED, "requestId")
	})
}
