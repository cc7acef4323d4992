package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

func TestLifeOfATarget(t *testing.T) {
	o := hanoi(t)
	asked := askTarget("t", "units/tay-ho", 5)
	asked.Target.AssignedValue, asked.Target.Version = proto.Int64(1), 9 // the server's own; passed over
	made := must(o.CreateTarget(t.Context(), asked))(t)
	if made.AssignedValue != nil || made.GetVersion() != 0 || made.GetRegisteredValue() != 5 {
		t.Errorf("registered %v", made)
	}
	assigned := must(o.assignIn(&planningpb.AssignTargetRequest{
		Name: "targets/t", AssignedValue: proto.Int64(6), AssignedDecision: "345-QĐ/TU", Etag: made.GetEtag(),
	}))(t)
	if assigned.GetAssignedValue() != 6 || assigned.GetVersion() != 1 || assigned.GetAssignedDecision() != "345-QĐ/TU" {
		t.Errorf("assigned %v", assigned)
	}
	updated := must(o.UpdateTarget(t.Context(), &planningpb.UpdateTargetRequest{
		Target: &planningpb.Target{Name: "targets/t"}, UpdateMask: mask("registered_value"),
	}))(t)
	if updated.RegisteredValue != nil || updated.GetAssignedValue() != 6 || updated.GetVersion() != 1 {
		t.Errorf("emptied what was registered: %v", updated)
	}
	got := must(o.GetTarget(t.Context(), &planningpb.GetTargetRequest{Name: "targets/t"}))(t)
	if diff := cmp.Diff(updated, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	h := must(o.ListTargetHistory(t.Context(), &planningpb.ListTargetHistoryRequest{Name: "targets/t"}))(t)
	if len(h.GetRevisions()) != 4 || h.GetRevisions()[1].GetMethod() != "/coso.planning.v1.TargetService/ApproveTarget" || h.GetRevisions()[1].GetPrincipal() != "principals/dung" {
		t.Errorf("history %v", h)
	}
}

func TestListTargets(t *testing.T) {
	o := hanoi(t)
	must(o.CreateIndicator(t.Context(), askIndicator("other")))(t)
	must(o.CreatePeriod(t.Context(), askPeriod("2021", "2021-01-01", "2021-11-30", "2021-12-31")))(t)
	for i, unit := range []string{"units/tay-ho", "units/ha-noi"} {
		for k, period := range []string{"periods/2021", "periods/2020"} {
			for n, indicator := range []string{"indicators/party", "indicators/other"} {
				req := askTarget(fmt.Sprintf("t%d%d%d", i, k, n), unit, 1)
				req.Target.Period, req.Target.Indicator = period, indicator
				must(o.CreateTarget(t.Context(), req))(t)
			}
		}
	}
	for _, c := range []struct {
		req  *planningpb.ListTargetsRequest
		want string
	}{
		{&planningpb.ListTargetsRequest{}, "[t000 t001 t010 t011 t100 t101 t110 t111]"},
		{&planningpb.ListTargetsRequest{Unit: "units/tay-ho"}, "[t000 t001 t010 t011]"},
		{&planningpb.ListTargetsRequest{Period: "periods/2020"}, "[t010 t011 t110 t111]"},
		{&planningpb.ListTargetsRequest{Indicator: "indicators/party"}, "[t000 t010 t100 t110]"},
		{&planningpb.ListTargetsRequest{Unit: "units/ha-noi", Period: "periods/2021"}, "[t100 t101]"},
		{&planningpb.ListTargetsRequest{Unit: "units/ha-noi", Period: "periods/2021", Indicator: "indicators/other"}, "[t101]"},
	} {
		c.req.PageSize = 3
		ids := []string{}
		for {
			page := must(o.TargetServiceClient.ListTargets(t.Context(), c.req))(t)
			for _, found := range page.GetTargets() {
				ids = append(ids, found.GetName()[len("targets/"):])
			}
			if c.req.PageToken = page.GetNextPageToken(); c.req.GetPageToken() == "" {
				break
			}
		}
		if got := fmt.Sprint(ids); got != c.want {
			t.Errorf("%v: %s, want %s", c.req, got, c.want)
		}
	}
}

// INV-TARGET-ONE, for two in one batch.
func TestBatchIsAllOrNone(t *testing.T) {
	o := hanoi(t)
	o.unchanged(func() {
		_, err := o.BatchCreateTargets(t.Context(), &planningpb.BatchCreateTargetsRequest{Requests: []*planningpb.CreateTargetRequest{
			askTarget("a", "units/tay-ho", 6), askTarget("b", "units/khong-co", 6),
		}})
		wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "requests[1].target.unit")
	})
	o.unchanged(func() {
		_, err := o.BatchCreateTargets(t.Context(), &planningpb.BatchCreateTargetsRequest{Requests: []*planningpb.CreateTargetRequest{
			askTarget("a", "units/tay-ho", 6), askTarget("b", "units/tay-ho", 6),
		}})
		wantRefused(t, err, codes.AlreadyExists, faultpb.Reason_REASON_TARGET_TAKEN, "requests[1].target.indicator")
	})
	o.unchanged(func() {
		own := askTarget("a", "units/tay-ho", 6)
		own.RequestId = "r"
		_, err := o.BatchCreateTargets(t.Context(), &planningpb.BatchCreateTargetsRequest{Requests: []*planningpb.CreateTargetRequest{own}})
		wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, "requests[0].requestId")
	})
	req := &planningpb.BatchCreateTargetsRequest{RequestId: "lô-1", Requests: []*planningpb.CreateTargetRequest{
		askTarget("a", "units/tay-ho", 6), askTarget("", "units/ung-hoa", 6),
	}}
	made := must(o.BatchCreateTargets(t.Context(), req))(t)
	o.unchanged(func() { // the same request again takes effect once
		again := must(o.BatchCreateTargets(t.Context(), req))(t)
		if diff := cmp.Diff(made, again, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	})
}

// The largest batch that the contract allows is one that the store takes.
func TestLargestBatchFits(t *testing.T) {
	o := hanoi(t)
	req := &planningpb.BatchCreateTargetsRequest{}
	for i := range 500 {
		must(o.CreatePeriod(t.Context(), askPeriod(fmt.Sprintf("ky-bao-cao-%03d", i), "2020-01-01", "2020-11-30", "2020-12-31")))(t)
		one := askTarget(fmt.Sprintf("quan-uy-tay-ho-to-chuc-dang-thanh-lap-moi-nam-2020-%03d", i), "units/tay-ho", 6)
		one.Target.Period = fmt.Sprintf("periods/ky-bao-cao-%03d", i)
		req.Requests = append(req.Requests, one)
	}
	if made := must(o.BatchCreateTargets(t.Context(), req))(t); len(made.GetTargets()) != 500 {
		t.Errorf("%d targets", len(made.GetTargets()))
	}
}
