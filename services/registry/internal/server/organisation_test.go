package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

const cell = "organisations/chi-bo-hoa-sen"

func (o *office) listOrganisations(req *registrypb.ListOrganisationsRequest) string {
	o.Helper()
	var names []string
	for _, e := range must(o.ListOrganisations(o.Context(), req))(o.TB).GetOrganisations() {
		names = append(names, strings.TrimPrefix(e.GetName(), "organisations/"))
	}
	return strings.Join(names, " ")
}

func TestLifeOfAnOrganisation(t *testing.T) {
	o := hanoi(t)
	want := must(o.GetOrganisation(t.Context(), &registrypb.GetOrganisationRequest{Name: cell}))(t)
	step := func(name string, change func(w *registrypb.Organisation), got *registrypb.Organisation) {
		t.Helper()
		change(want)
		want.Revision++
		opts := []cmp.Option{protocmp.Transform(), protocmp.IgnoreFields(want, "etag", "update_time")}
		if diff := cmp.Diff(want, got, opts...); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", name, diff)
		}
		if got.GetEtag() == want.GetEtag() {
			t.Fatalf("%s: the etag is the same", name)
		}
		want.Etag = got.GetEtag()
	}
	step("corrected", func(w *registrypb.Organisation) { w.FoundedOn = "2020-06-02" },
		must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
			Organisation: &registrypb.Organisation{Name: cell, FoundedOn: "2020-06-02", Etag: want.GetEtag()},
		}))(t))
	step("emptied", func(w *registrypb.Organisation) { w.FoundingDecision = "" },
		must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
			Organisation: &registrypb.Organisation{Name: cell}, UpdateMask: mask("founding_decision"),
		}))(t))
	step("dissolved", func(w *registrypb.Organisation) {
		w.State, w.DissolvedOn, w.DissolutionDecision = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED, "2020-11-30", "9-QĐ/QU"
	}, must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name: cell, DissolvedOn: "2020-11-30", DissolutionDecision: "9-QĐ/QU", Etag: want.GetEtag(),
	}))(t))
	step("corrected after its end", func(w *registrypb.Organisation) { w.DisplayName = "Chi bộ Hoa Sen" },
		must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
			Organisation: &registrypb.Organisation{Name: cell, DisplayName: "Chi bộ Hoa Sen"},
		}))(t))
	step("withdrawn", func(w *registrypb.Organisation) {
		w.State, w.WithdrawalReason = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN, "nhập hai lần"
	}, must(o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{
		Name: cell, Reason: "nhập hai lần", Etag: want.GetEtag(),
	}))(t))
	got := must(o.GetOrganisation(t.Context(), &registrypb.GetOrganisationRequest{Name: cell}))(t)
	opts := []cmp.Option{protocmp.Transform(), protocmp.IgnoreFields(want, "update_time")}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("the record stays (-want +got):\n%s", diff)
	}
}

// The day begins in Asia/Ho_Chi_Minh, whatever the machine's clock is set to.
func TestTodayIsTheOfficesDay(t *testing.T) {
	o := hanoi(t)
	o.now = time.Date(2020, 11, 30, 16, 59, 59, 0, time.UTC)
	_, err := o.CreateOrganisation(t.Context(), askOrganisation("som", "Chi bộ sớm", "2020-12-01", "units/tay-ho"))
	wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "organisation.foundedOn")
	o.now = time.Date(2020, 11, 30, 17, 0, 0, 0, time.UTC)
	o.organisation("som", "Chi bộ sớm", "2020-12-01")
}

func TestListOrganisations(t *testing.T) {
	o := hanoi(t)
	o.enterprise("sen-hong", "Công ty CP Sen Hồng", taxCode(2), "units/ung-hoa")
	union := askOrganisation("cong-doan", "Công đoàn Công ty CP Sen Hồng", "2020-03-01", "units/ung-hoa")
	union.Organisation.Kind = registrypb.OrganisationKind_ORGANISATION_KIND_BASE_TRADE_UNION
	union.Organisation.Enterprise = "enterprises/sen-hong"
	must(o.CreateOrganisation(t.Context(), union))(t)
	o.organisation("giai-the", "Chi bộ đã giải thể", "2019-01-01")
	must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name: "organisations/giai-the", DissolvedOn: "2020-02-01", DissolutionDecision: "9-QĐ/QU",
	}))(t)
	o.organisation("nhap-nham", "Chi bộ nhập nhầm", "2020-01-01")
	must(o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{Name: "organisations/nhap-nham", Reason: "nhập nhầm"}))(t)

	const (
		active    = registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE
		dissolved = registrypb.OrganisationState_ORGANISATION_STATE_DISSOLVED
		withdrawn = registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
		baseCell  = registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL
		baseUnion = registrypb.OrganisationKind_ORGANISATION_KIND_BASE_TRADE_UNION
		club      = registrypb.OrganisationKind_ORGANISATION_KIND_YOUTH_CLUB
	)
	for _, tc := range []struct {
		req  *registrypb.ListOrganisationsRequest
		want string
	}{
		{&registrypb.ListOrganisationsRequest{}, "chi-bo-hoa-sen cong-doan giai-the"},
		{&registrypb.ListOrganisationsRequest{State: active}, "chi-bo-hoa-sen cong-doan"},
		{&registrypb.ListOrganisationsRequest{State: dissolved}, "giai-the"},
		{&registrypb.ListOrganisationsRequest{State: withdrawn}, "nhap-nham"},
		{&registrypb.ListOrganisationsRequest{State: withdrawn, AsOf: "2020-06-01"}, ""},
		{&registrypb.ListOrganisationsRequest{Unit: "units/tay-ho"}, "chi-bo-hoa-sen giai-the"},
		{&registrypb.ListOrganisationsRequest{Unit: "units/ha-noi"}, ""},
		{&registrypb.ListOrganisationsRequest{Enterprise: "enterprises/sen-hong"}, "cong-doan"},
		{&registrypb.ListOrganisationsRequest{Enterprise: "enterprises/sen-hong", Unit: "units/tay-ho"}, ""},
		{&registrypb.ListOrganisationsRequest{Kinds: []registrypb.OrganisationKind{baseUnion}}, "cong-doan"},
		{&registrypb.ListOrganisationsRequest{Kinds: []registrypb.OrganisationKind{baseUnion, baseCell}}, "chi-bo-hoa-sen cong-doan giai-the"},
		{&registrypb.ListOrganisationsRequest{Kinds: []registrypb.OrganisationKind{club}}, ""},
		{&registrypb.ListOrganisationsRequest{Query: "đã giải"}, "giai-the"},
		{&registrypb.ListOrganisationsRequest{AsOf: "2018-12-31"}, ""},
		{&registrypb.ListOrganisationsRequest{AsOf: "2019-01-01"}, "giai-the"},
		{&registrypb.ListOrganisationsRequest{AsOf: "2020-01-31"}, "giai-the"},
		{&registrypb.ListOrganisationsRequest{AsOf: "2020-02-01"}, ""},
		{&registrypb.ListOrganisationsRequest{AsOf: "2020-03-01"}, "cong-doan"},
		{&registrypb.ListOrganisationsRequest{AsOf: "2020-11-30"}, "chi-bo-hoa-sen cong-doan"},
	} {
		if got := o.listOrganisations(tc.req); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.req, got, tc.want)
		}
	}
}
