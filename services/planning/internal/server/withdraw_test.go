package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

const byMistake = "nhập nhầm"

func (o *office) withdrawTarget(id string) (*planningpb.Target, error) {
	return o.WithdrawTarget(o.Context(), &planningpb.WithdrawTargetRequest{Name: "targets/" + id, Reason: byMistake})
}

// INV-TARGET-ONE: a target entered in error takes its crossings back, holds nothing up, and its unit may register another one.
func TestWithdrawTarget(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-05-19", 7)
	o.assign("tay-ho", 6)
	o.announces(func() {
		got := must(o.withdrawTarget("tay-ho"))(t)
		if got.GetState() != planningpb.TargetState_TARGET_STATE_WITHDRAWN || got.GetWithdrawalReason() != byMistake || got.GetRevision() != 4 {
			t.Errorf("withdrawn: %v", got)
		}
	}, "TargetExcessWithdrawn targets/tay-ho v1 7/6 Quận ủy Tây Hồ", "TargetReachWithdrawn targets/tay-ho v1 7/6 Quận ủy Tây Hồ")
	o.announces(func() { o.founded("units/tay-ho", "2020-05-20", 1) })
	if f := o.progress("units/tay-ho", "").GetFigure(); f.AssignedValue != nil || f.GetActualValue() != 8 {
		t.Errorf("without a target the figure is %v", f)
	}
	o.unchanged(func() {
		_, err := o.withdrawTarget("tay-ho")
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_TARGET_WITHDRAWN, "name")
		_, err = o.AssignTarget(t.Context(), &planningpb.AssignTargetRequest{
			Name: "targets/tay-ho", AssignedValue: new(int64(1)), AssignedDecision: "346-QĐ/TU",
		})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_TARGET_WITHDRAWN, "name")
		_, err = o.UpdateTarget(t.Context(), &planningpb.UpdateTargetRequest{
			Target: &planningpb.Target{Name: "targets/tay-ho", RegisteredValue: new(int64(1))},
		})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_TARGET_WITHDRAWN, "target.name")
	})
	must(o.CreateTarget(t.Context(), askTarget("tay-ho-2", "units/tay-ho", 8)))(t)
	o.announces(func() {
		must(o.assignIn(&planningpb.AssignTargetRequest{
			Name: "targets/tay-ho-2", AssignedValue: new(int64(8)), AssignedDecision: "346-QĐ/TU",
		}))(t)
	}, "TargetReached targets/tay-ho-2 v1 8/8 Quận ủy Tây Hồ")
	if f := o.progress("units/tay-ho", "").GetFigure(); f.GetTarget() != "targets/tay-ho-2" || f.GetPercentOfTarget() != "100.00" {
		t.Errorf("with the other target the figure is %v", f)
	}
	listed := must(o.ListTargets(t.Context(), &planningpb.ListTargetsRequest{}))(t).GetTargets()
	withdrawn := must(o.ListTargets(t.Context(), &planningpb.ListTargetsRequest{State: planningpb.TargetState_TARGET_STATE_WITHDRAWN}))(t).GetTargets()
	if len(listed) != 1 || listed[0].GetName() != "targets/tay-ho-2" || len(withdrawn) != 1 || withdrawn[0].GetName() != "targets/tay-ho" {
		t.Errorf("listed %v, and withdrawn %v", listed, withdrawn)
	}
}

// Nothing is withdrawn that a target rests on; the refusal names it.
func TestWithdrawIndicatorAndPeriod(t *testing.T) {
	o := hanoi(t)
	o.assign("tay-ho", 6)
	indicator := func() error {
		_, err := o.WithdrawIndicator(t.Context(), &planningpb.WithdrawIndicatorRequest{Name: "indicators/party", Reason: byMistake})
		return err
	}
	period := func() error {
		_, err := o.WithdrawPeriod(t.Context(), &planningpb.WithdrawPeriodRequest{Name: "periods/2020", Reason: byMistake})
		return err
	}
	o.unchanged(func() {
		wantRefused(t, indicator(), codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_IN_USE, "name")
		wantRefused(t, period(), codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_IN_USE, "name")
	})
	must(o.withdrawTarget("tay-ho"))(t)
	if err := indicator(); err != nil {
		t.Fatal(err)
	}
	p := must(o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/tay-ho", Period: "periods/2020"}))(t)
	if len(p.GetIndicators()) != 0 {
		t.Errorf("progress of a withdrawn indicator: %v", p.GetIndicators())
	}
	if err := period(); err != nil {
		t.Fatal(err)
	}
	o.unchanged(func() {
		wantRefused(t, indicator(), codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "name")
		wantRefused(t, period(), codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "name")
		_, err := o.GetProgress(t.Context(), &planningpb.GetProgressRequest{Unit: "units/tay-ho", Period: "periods/2020"})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period")
		_, err = o.CreateTarget(t.Context(), askTarget("again", "units/tay-ho", 1))
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "target.indicator")
		_, err = o.UpdatePeriod(t.Context(), &planningpb.UpdatePeriodRequest{Period: &planningpb.Period{Name: "periods/2020", DisplayName: "x"}})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "period.name")
		_, err = o.UpdateIndicator(t.Context(), &planningpb.UpdateIndicatorRequest{Indicator: &planningpb.Indicator{Name: "indicators/party", DisplayName: "x"}})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "indicator.name")
	})
	must(o.CreateIndicator(t.Context(), askIndicator("other")))(t)
	target := askTarget("other", "units/tay-ho", 1)
	target.Target.Indicator = "indicators/other"
	_, err := o.CreateTarget(t.Context(), target)
	wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_PERIOD_WITHDRAWN, "target.period")
	if listed := must(o.ListPeriods(t.Context(), &planningpb.ListPeriodsRequest{}))(t).GetPeriods(); len(listed) != 0 {
		t.Errorf("listed %v", listed)
	}
	if listed := must(o.ListIndicators(t.Context(), &planningpb.ListIndicatorsRequest{}))(t).GetIndicators(); len(listed) != 1 {
		t.Errorf("listed %v", listed)
	}
}
