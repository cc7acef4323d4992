package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	registrypb "coso/proto/gen/coso/registry/v1"
)

func (o *office) listUnits(req *registrypb.ListUnitsRequest) string {
	o.Helper()
	var names []string
	for _, u := range must(o.ListUnits(o.Context(), req))(o.TB).GetUnits() {
		names = append(names, strings.TrimPrefix(u.GetName(), "units/"))
	}
	return strings.Join(names, " ")
}

func TestUnitIsRecordedAsItIs(t *testing.T) {
	o := hanoi(t)
	got := must(o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/ung-hoa"}))(t)
	want := &registrypb.Unit{
		Name: "units/ung-hoa", DisplayName: "Huyện ủy Ứng Hòa", Level: "DISTRICT_COMMITTEE", ValidFrom: "2008-08-01",
		ClosedOn: "2025-07-01", Revision: 2,
		Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/ha-noi", FromDate: "2008-08-01"}},
	}
	opts := []cmp.Option{protocmp.Transform(), protocmp.IgnoreFields(want, "etag", "create_time", "update_time")}
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("unit (-want +got):\n%s", diff)
	}
	if got.GetEtag() == "" || !got.GetCreateTime().AsTime().Before(got.GetUpdateTime().AsTime()) {
		t.Errorf("etag %q, times %v, %v", got.GetEtag(), got.GetCreateTime(), got.GetUpdateTime())
	}
}

func TestServerSetsWhatIsItsOwn(t *testing.T) {
	o := open(t)
	asked := &registrypb.Unit{
		Name: "units/other", DisplayName: "Tha\u0300nh u\u0309y", Level: "PROVINCIAL_COMMITTEE", ValidFrom: "2000-01-01",
		ClosedOn: "2001-01-01", Revision: 7, Etag: "mine", CreateTime: timestamppb.New(time.Unix(0, 0)),
	}
	got := must(o.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{UnitId: "mine", Unit: asked}))(t)
	if got.GetName() != "units/mine" || got.GetClosedOn() != "" || got.GetRevision() != 1 || got.GetEtag() == "mine" {
		t.Errorf("created %v", got)
	}
	if !got.GetCreateTime().AsTime().Equal(o.now) {
		t.Errorf("created at %v, it is %v", got.GetCreateTime().AsTime(), o.now)
	}
	if want := "Th\u00e0nh \u1ee7y"; got.GetDisplayName() != want {
		t.Errorf("name is %+q, not in NFC: %+q", got.GetDisplayName(), want)
	}
	chosen := must(o.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: asked}))(t).GetName()
	if len(chosen) != len("units/")+36 || chosen == "units/other" {
		t.Errorf("without an id the name is %s", chosen)
	}
}

func TestUpdateUnit(t *testing.T) {
	o := hanoi(t)
	before := must(o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/tay-ho"}))(t)
	got := must(o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{
		Unit:       &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Đảng ủy phường Tây Hồ", Level: "X", Etag: before.GetEtag()},
		UpdateMask: mask("display_name"),
	}))(t)
	if got.GetDisplayName() != "Đảng ủy phường Tây Hồ" || got.GetLevel() != "DISTRICT_COMMITTEE" || got.GetRevision() != 2 {
		t.Errorf("updated to %v", got)
	}
	got = must(o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{
		Unit: &registrypb.Unit{Name: "units/tay-ho", Level: "COMMUNE_COMMITTEE", ValidFrom: "1995-10-28"},
	}))(t)
	if got.GetDisplayName() != "Đảng ủy phường Tây Hồ" || got.GetLevel() != "COMMUNE_COMMITTEE" || got.GetRevision() != 3 {
		t.Errorf("updated without a mask to %v", got)
	}
}

func TestUpdateThatChangesNothingIsNoChange(t *testing.T) {
	o := hanoi(t)
	unit := must(o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/tay-ho"}))(t)
	enterprise := must(o.GetEnterprise(t.Context(), &registrypb.GetEnterpriseRequest{Name: "enterprises/hoa-sen"}))(t)
	organisation := must(o.GetOrganisation(t.Context(), &registrypb.GetOrganisationRequest{Name: "organisations/chi-bo-hoa-sen"}))(t)
	o.unchanged(func() {
		same := must(o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{Unit: unit}))(t)
		if diff := cmp.Diff(unit, same, protocmp.Transform()); diff != "" {
			t.Errorf("unit (-before +answer):\n%s", diff)
		}
		same2 := must(o.UpdateEnterprise(t.Context(), &registrypb.UpdateEnterpriseRequest{Enterprise: enterprise}))(t)
		if diff := cmp.Diff(enterprise, same2, protocmp.Transform()); diff != "" {
			t.Errorf("enterprise (-before +answer):\n%s", diff)
		}
		same3 := must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{Organisation: organisation}))(t)
		if diff := cmp.Diff(organisation, same3, protocmp.Transform()); diff != "" {
			t.Errorf("organisation (-before +answer):\n%s", diff)
		}
	})
}

func TestUnitsOfADay(t *testing.T) {
	o := hanoi(t)
	o.unit("buoi", "Đảng ủy phường Bưởi", "1995-11-01", "units/tay-ho")
	must(o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{Name: "units/buoi", Parent: "units/ha-noi", FromDate: "2025-07-01"}))(t)
	must(o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{
		Name: "units/buoi", Tree: "administrative", Parent: "units/tay-ho", FromDate: "1996-01-01",
	}))(t)
	for _, tc := range []struct {
		name string
		req  *registrypb.ListUnitsRequest
		want string
	}{
		{"today", &registrypb.ListUnitsRequest{}, "buoi ha-noi tay-ho ung-hoa"},
		{"before all", &registrypb.ListUnitsRequest{AsOf: "1954-10-09"}, ""},
		{"in 1995", &registrypb.ListUnitsRequest{AsOf: "1995-10-31"}, "ha-noi tay-ho"},
		{"the day a unit is no more", &registrypb.ListUnitsRequest{AsOf: "2025-07-01"}, "buoi ha-noi tay-ho"},
		{"below, today", &registrypb.ListUnitsRequest{Parent: "units/ha-noi"}, "tay-ho ung-hoa"},
		{"below, after a move", &registrypb.ListUnitsRequest{Parent: "units/ha-noi", AsOf: "2025-07-01"}, "buoi tay-ho"},
		{"below, before it", &registrypb.ListUnitsRequest{Parent: "units/tay-ho", AsOf: "2025-06-30"}, "buoi"},
		{"left", &registrypb.ListUnitsRequest{Parent: "units/tay-ho", AsOf: "2025-07-01"}, ""},
		{"in another tree", &registrypb.ListUnitsRequest{Parent: "units/tay-ho", Tree: "administrative", AsOf: "2025-07-01"}, "buoi"},
		{"before it was in the other tree", &registrypb.ListUnitsRequest{Parent: "units/tay-ho", Tree: "administrative", AsOf: "1995-12-31"}, ""},
		{"by name", &registrypb.ListUnitsRequest{Query: "UNG HOA"}, "ung-hoa"},
		{"by name, other tone marks", &registrypb.ListUnitsRequest{Query: "uỷ ứng hoà"}, "ung-hoa"},
		{"by name, below", &registrypb.ListUnitsRequest{Query: "quan", Parent: "units/ha-noi"}, "tay-ho"},
		{"by no name", &registrypb.ListUnitsRequest{Query: "Đan Phượng"}, ""},
	} {
		if got := o.listUnits(tc.req); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	for day, there := range map[string]bool{"": true, "2008-07-31": false, "2008-08-01": true, "2025-06-30": true, "2025-07-01": false} {
		_, err := o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/ung-hoa", AsOf: day})
		if (err == nil) != there {
			t.Errorf("Ứng Hòa on %q: %v", day, err)
		}
	}
}

func TestUnitClosesWhenItsChildrenHaveLeft(t *testing.T) {
	o := hanoi(t)
	o.unit("buoi", "Đảng ủy phường Bưởi", "1995-11-01", "units/tay-ho")
	closing := &registrypb.CloseUnitRequest{Name: "units/tay-ho", ClosedOn: "2025-07-01"}
	if _, err := o.CloseUnit(t.Context(), closing); err == nil {
		t.Fatal("a unit with a child is closed")
	}
	must(o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{Name: "units/buoi", Parent: "units/ha-noi", FromDate: "2025-07-01"}))(t)
	got := must(o.CloseUnit(t.Context(), closing))(t)
	if got.GetClosedOn() != "2025-07-01" {
		t.Errorf("closed: %v", got)
	}
	// Its organisations stay.
	if o.organisation("con-lai", "Chi bộ còn lại", "2020-11-30").GetUnit() != "units/tay-ho" {
		t.Error("founded in another unit")
	}
}

func TestUnitIdsThatBeginAlike(t *testing.T) {
	o := open(t)
	o.unit("u-1", "Một", "2000-01-01", "")
	o.unit("u-10", "Mười", "2000-01-01", "")
	o.unit("a", "Dưới một", "2000-01-01", "units/u-1")
	o.unit("b", "Dưới mười", "2000-01-01", "units/u-10")
	if got := o.listUnits(&registrypb.ListUnitsRequest{Parent: "units/u-1"}); got != "a" {
		t.Errorf("below u-1: %q", got)
	}
	must(o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/a", ClosedOn: "2020-01-01"}))(t)
	must(o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: "units/u-1", ClosedOn: "2020-01-01"}))(t)
}
