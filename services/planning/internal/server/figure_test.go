package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// figures complains unless a call announces exactly these figures by themselves: actual, assigned and registered value.
func (o *office) figures(call func(), want ...string) {
	o.Helper()
	before := o.store.Head().GetEvents()
	call()
	events, err := o.store.Events(o.Context(), before+1, 1000)
	if err != nil {
		o.Fatal(err)
	}
	var got []string
	for _, e := range events {
		if e.Type != "coso.planning.v1.TargetFigureChanged" {
			continue
		}
		m := &planningpb.TargetFigureChanged{}
		if err := proto.Unmarshal(e.Data, m); err != nil {
			o.Fatal(err)
		}
		f := m.GetFigure()
		got = append(got, fmt.Sprintf("%s %d/%d (%d) %s", e.Subject, f.GetActualValue(), f.GetAssignedValue(), f.GetRegisteredValue(), f.GetPercentOfTarget()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		o.Errorf("figures (-want +got):\n%s", diff)
	}
}

// INV-CROSSING-FIGURE: who has heard of an excess hears of every other figure, once.
func TestAFigureIsFollowedOnceExceeded(t *testing.T) {
	o := hanoi(t)
	o.assign("tay-ho", 6)
	var correct func(int64)
	o.figures(func() { correct = o.founded("units/tay-ho", "2020-11-30", 5) })
	o.figures(func() { correct(6) })
	o.figures(func() { correct(7) })
	o.figures(func() { correct(9) }, "targets/tay-ho 9/6 (6) 150.00")
	o.figures(func() { o.founded("units/tay-ho", "2020-12-01", 1) })
	o.figures(func() { correct(6) })
	o.figures(func() { correct(3) }, "targets/tay-ho 3/6 (6) 50.00")
	o.figures(func() {
		must(o.UpdateTarget(t.Context(), &planningpb.UpdateTargetRequest{
			Target: &planningpb.Target{Name: "targets/tay-ho", RegisteredValue: new(int64(8))}, UpdateMask: mask("registered_value"),
		}))(t)
	}, "targets/tay-ho 3/6 (8) 50.00")
	o.figures(func() { o.assign("tay-ho", 4) }, "targets/tay-ho 3/4 (8) 75.00")
	o.figures(func() { correct(3) })
}
