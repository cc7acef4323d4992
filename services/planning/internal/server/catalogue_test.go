package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	planningpb "coso/proto/gen/coso/planning/v1"
)

func TestLifeOfAnIndicator(t *testing.T) {
	o := open(t)
	made := must(o.CreateIndicator(t.Context(), askIndicator("party")))(t)
	if made.GetName() != "indicators/party" || made.GetRevision() != 1 || made.GetEtag() == "" {
		t.Errorf("created %v", made)
	}
	changed := must(o.UpdateIndicator(t.Context(), &planningpb.UpdateIndicatorRequest{
		Indicator: &planningpb.Indicator{Name: made.GetName(), Etag: made.GetEtag(), CountedNoun: "tổ chức cơ sở đảng"},
	}))(t)
	want := proto.CloneOf(made)
	want.CountedNoun, want.Revision = "tổ chức cơ sở đảng", 2
	kept := protocmp.IgnoreFields(&planningpb.Indicator{}, "etag", "update_time")
	if diff := cmp.Diff(want, changed, protocmp.Transform(), kept); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}
	got := must(o.GetIndicator(t.Context(), &planningpb.GetIndicatorRequest{Name: made.GetName()}))(t)
	if diff := cmp.Diff(changed, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	h := must(o.ListIndicatorHistory(t.Context(), &planningpb.ListIndicatorHistoryRequest{Name: made.GetName()}))(t)
	if len(h.GetRevisions()) != 2 || h.GetRevisions()[0].GetChanges()[0].GetField() != "countedNoun" {
		t.Errorf("history %v", h)
	}
	o.unchanged(func() { // an update that changes nothing is none
		must(o.UpdateIndicator(t.Context(), &planningpb.UpdateIndicatorRequest{Indicator: got, UpdateMask: mask("result_verb")}))(t)
	})
}

func TestLifeOfAPeriod(t *testing.T) {
	o := open(t)
	made := must(o.CreatePeriod(t.Context(), askPeriod("2020", "2020-01-01", "2020-11-30", "2020-12-31")))(t)
	changed := must(o.UpdatePeriod(t.Context(), &planningpb.UpdatePeriodRequest{
		Period:     &planningpb.Period{Name: made.GetName(), CutOffDate: "2020-12-31"},
		UpdateMask: mask("cut_off_date"),
	}))(t)
	got := must(o.GetPeriod(t.Context(), &planningpb.GetPeriodRequest{Name: "periods/2020"}))(t)
	if diff := cmp.Diff(changed, got, protocmp.Transform()); diff != "" || got.GetCutOffDate() != "2020-12-31" || got.GetStartDate() != "2020-01-01" {
		t.Errorf("%v %s", got, diff)
	}
	h := must(o.ListPeriodHistory(t.Context(), &planningpb.ListPeriodHistoryRequest{Name: "periods/2020"}))(t)
	if len(h.GetRevisions()) != 2 {
		t.Errorf("history %v", h)
	}
	o.unchanged(func() {
		must(o.UpdatePeriod(t.Context(), &planningpb.UpdatePeriodRequest{Period: got}))(t)
	})
}

func TestListsArePagedInOrder(t *testing.T) {
	o := open(t)
	for _, id := range []string{"c", "a", "b"} {
		must(o.CreateIndicator(t.Context(), askIndicator(id)))(t)
		must(o.CreatePeriod(t.Context(), askPeriod(id, "2020-01-01", "2020-11-30", "2020-12-31")))(t)
	}
	var names []string
	for token := ""; ; {
		page := must(o.ListIndicators(t.Context(), &planningpb.ListIndicatorsRequest{PageSize: 2, PageToken: token}))(t)
		for _, in := range page.GetIndicators() {
			names = append(names, in.GetName())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	for _, p := range must(o.ListPeriods(t.Context(), &planningpb.ListPeriodsRequest{}))(t).GetPeriods() {
		names = append(names, p.GetName())
	}
	want := []string{"indicators/a", "indicators/b", "indicators/c", "periods/a", "periods/b", "periods/c"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
