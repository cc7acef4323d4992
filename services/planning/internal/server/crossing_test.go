package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// announces complains unless a call announces exactly these crossings.
func (o *office) announces(call func(), want ...string) {
	o.Helper()
	before := o.store.Head().GetEvents()
	call()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, o.announced(before)); diff != "" {
		o.Errorf("crossings (-want +got):\n%s", diff)
	}
}

// Correcting a figure downwards withdraws, upwards again exceeds again.
func TestCorrectionsWithdrawAndExceedAgain(t *testing.T) {
	o := hanoi(t)
	o.announces(func() { o.assign("tay-ho", 6) })
	var correct func(int64)
	o.announces(func() { correct = o.founded("units/tay-ho", "2020-11-30", 5) })
	o.announces(func() { correct(6) }, "TargetReached targets/tay-ho v1 6/6 Quận ủy Tây Hồ")
	o.announces(func() { correct(7) }, "TargetExceeded targets/tay-ho v1 7/6 Quận ủy Tây Hồ")
	o.announces(func() { correct(8) })
	o.announces(func() { correct(5) },
		"TargetExcessWithdrawn targets/tay-ho v1 5/6 Quận ủy Tây Hồ", "TargetReachWithdrawn targets/tay-ho v1 5/6 Quận ủy Tây Hồ")
	o.announces(func() { correct(9) },
		"TargetReached targets/tay-ho v1 9/6 Quận ủy Tây Hồ", "TargetExceeded targets/tay-ho v1 9/6 Quận ủy Tây Hồ")
}

func TestResultsBelowReachTheUnitsAbove(t *testing.T) {
	o := hanoi(t)
	o.assign("ha-noi", 1)
	o.assign("tay-ho", 2)
	o.announces(func() { o.founded("units/tay-ho", "2020-05-19", 2) },
		"TargetReached targets/ha-noi v1 2/1 Thành ủy Hà Nội", "TargetExceeded targets/ha-noi v1 2/1 Thành ủy Hà Nội",
		"TargetReached targets/tay-ho v1 2/2 Quận ủy Tây Hồ")
	o.announces(func() { o.founded("units/tay-ho", "2020-12-01", 9) })
	o.announces(func() { o.founded("units/tay-ho", "2019-12-31", 9) })
}

func TestAssigningJudges(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-05-19", 6)
	o.announces(func() { o.assign("tay-ho", 6) }, "TargetReached targets/tay-ho v1 6/6 Quận ủy Tây Hồ")
	o.announces(func() { o.assign("tay-ho", 5) },
		"TargetReached targets/tay-ho v2 6/5 Quận ủy Tây Hồ", "TargetExceeded targets/tay-ho v2 6/5 Quận ủy Tây Hồ")
	o.announces(func() { o.assign("tay-ho", 7) },
		"TargetExcessWithdrawn targets/tay-ho v3 6/7 Quận ủy Tây Hồ", "TargetReachWithdrawn targets/tay-ho v3 6/7 Quận ủy Tây Hồ")
}

func TestRegisteringIsNotJudged(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-05-19", 6)
	o.announces(func() {
		must(o.CreateTarget(t.Context(), askTarget("t", "units/tay-ho", 1)))(t)
		must(o.UpdateTarget(t.Context(), &planningpb.UpdateTargetRequest{
			Target: &planningpb.Target{Name: "targets/t"}, UpdateMask: mask("registered_value"),
		}))(t)
	})
}

func TestOtherDaysOfAPeriodJudge(t *testing.T) {
	o := hanoi(t)
	o.founded("units/tay-ho", "2020-12-01", 7)
	o.assign("tay-ho", 6)
	cutOff := func(day string) func() {
		return func() {
			must(o.UpdatePeriod(t.Context(), &planningpb.UpdatePeriodRequest{
				Period: &planningpb.Period{Name: "periods/2020", CutOffDate: day}, UpdateMask: mask("cut_off_date"),
			}))(t)
		}
	}
	o.announces(cutOff("2020-12-31"),
		"TargetReached targets/tay-ho v1 7/6 Quận ủy Tây Hồ", "TargetExceeded targets/tay-ho v1 7/6 Quận ủy Tây Hồ")
	o.announces(cutOff("2020-11-30"),
		"TargetExcessWithdrawn targets/tay-ho v1 0/6 Quận ủy Tây Hồ", "TargetReachWithdrawn targets/tay-ho v1 0/6 Quận ủy Tây Hồ")
}

// A unit's results go with it when it moves; what decides is the tree on the cut-off day.
func TestMovingAUnitJudgesBothSides(t *testing.T) {
	o := hanoi(t)
	o.hears(unit("ha-tay", "Tỉnh ủy Hà Tây", ""))
	o.founded("units/tay-ho", "2020-05-19", 7)
	o.assign("ha-noi", 6)
	o.assign("ha-tay", 7)
	moved := unit("tay-ho", "Quận ủy Tây Hồ", "units/ha-noi")
	moved.Revision = 2
	moved.Placements = append(moved.Placements, placement("units/ha-tay", "2020-12-01"))
	o.announces(func() { o.hears(moved) })
	moved.Revision = 3
	moved.Placements[1] = placement("units/ha-tay", "2020-11-30")
	o.announces(func() { o.hears(moved) },
		"TargetExcessWithdrawn targets/ha-noi v1 0/6 Thành ủy Hà Nội", "TargetReachWithdrawn targets/ha-noi v1 0/6 Thành ủy Hà Nội",
		"TargetReached targets/ha-tay v1 7/7 Tỉnh ủy Hà Tây")
}
