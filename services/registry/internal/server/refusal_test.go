package server_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// Each refusal has its code, reason and field, speaks both languages, and leaves everything as it was.
func TestRefusals(t *testing.T) {
	o := hanoi(t)
	o.enterprise("sen-hong", "Công ty CP Sen Hồng", taxCode(2), "units/tay-ho")
	must(o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{
		Name: o.organisation("nhap-nham", "Chi bộ nhập nhầm", "2020-06-01").GetName(), Reason: "nhập nhầm",
	}))(t)
	must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name:        o.organisation("giai-the", "Chi bộ đã giải thể", "2020-06-01").GetName(),
		DissolvedOn: "2020-08-01", DissolutionDecision: "9-QĐ/QU",
	}))(t)

	unit := func(from string, placements ...*registrypb.Placement) func() error {
		return func() error {
			_, err := o.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{UnitId: "moi", Unit: &registrypb.Unit{
				DisplayName: "Đảng ủy mới", Level: "COMMUNE_COMMITTEE", ValidFrom: from, Placements: placements,
			}})
			return err
		}
	}
	placed := func(parent, from string) *registrypb.Placement {
		return &registrypb.Placement{Tree: "party", Parent: parent, FromDate: from}
	}
	reparent := func(name, parent, from string) func() error {
		return func() error {
			_, err := o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{Name: name, Parent: parent, FromDate: from})
			return err
		}
	}
	closing := func(name, on string) func() error {
		return func() error {
			_, err := o.CloseUnit(t.Context(), &registrypb.CloseUnitRequest{Name: name, ClosedOn: on})
			return err
		}
	}
	renaming := func(u *registrypb.Unit, paths ...string) func() error {
		return func() error {
			_, err := o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{Unit: u, UpdateMask: mask(paths...)})
			return err
		}
	}
	enterprise := func(id, taxCode, unit string) func() error {
		return func() error {
			_, err := o.CreateEnterprise(t.Context(), askEnterprise(id, "Công ty mới", taxCode, unit))
			return err
		}
	}
	changing := func(e *registrypb.Enterprise, paths ...string) func() error {
		return func() error {
			e.Name = "enterprises/sen-hong"
			_, err := o.UpdateEnterprise(t.Context(), &registrypb.UpdateEnterpriseRequest{Enterprise: e, UpdateMask: mask(paths...)})
			return err
		}
	}
	founding := func(change func(*registrypb.CreateOrganisationRequest)) func() error {
		return func() error {
			req := askOrganisation("moi", "Chi bộ mới", "2020-06-01", "units/tay-ho")
			change(req)
			_, err := o.CreateOrganisation(t.Context(), req)
			return err
		}
	}
	correcting := func(id string, change *registrypb.Organisation, paths ...string) func() error {
		return func() error {
			change.Name = "organisations/" + id
			_, err := o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{Organisation: change, UpdateMask: mask(paths...)})
			return err
		}
	}
	dissolving := func(id, on, etag string) func() error {
		return func() error {
			_, err := o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
				Name: "organisations/" + id, DissolvedOn: on, DissolutionDecision: "9-QĐ/QU", Etag: etag,
			})
			return err
		}
	}
	withdrawing := func(id string) func() error {
		return func() error {
			_, err := o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{Name: "organisations/" + id, Reason: "nhập nhầm"})
			return err
		}
	}

	for _, tc := range []struct {
		name   string
		call   func() error
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{"unit: duplicate id", func() error {
			_, err := o.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{UnitId: "ha-noi", Unit: &registrypb.Unit{
				DisplayName: "Hà Nội", Level: "PROVINCIAL_COMMITTEE", ValidFrom: "2000-01-01",
			}})
			return err
		}, codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "unit.name"},
		{"unit: no such day", unit("2000-02-30"), codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "unit.validFrom"},
		{"unit: no date at all", unit("1/1/2000"), codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "unit.validFrom"},
		{
			"unit: no day of a placement", unit("2000-01-01", placed("", "2000-04-31")),
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "unit.placements[0].fromDate",
		},
		{
			"unit: placed before it is", unit("2000-01-01", placed("", "1999-01-01")),
			codes.InvalidArgument, faultpb.Reason_REASON_PLACEMENT_INVALID, "unit.placements[0].fromDate",
		},
		{
			"unit: unknown parent", unit("2000-01-01", placed("units/none", "2000-01-01")),
			codes.FailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "unit.placements[0].parent",
		},
		{
			"unit: parent not there yet", unit("2000-01-01", placed("", "2000-01-01"), placed("units/ung-hoa", "2001-01-01")),
			codes.FailedPrecondition, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, "unit.placements[1].parent",
		},
		{
			"unit: below itself", unit("2000-01-01", placed("units/moi", "2000-01-01")),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "unit.placements[0].parent",
		},
		{
			"unit: rename of nobody", renaming(&registrypb.Unit{Name: "units/none", DisplayName: "Mới"}),
			codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "unit.name",
		},
		{
			"unit: rename to nothing", renaming(&registrypb.Unit{Name: "units/tay-ho"}, "display_name"),
			codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "unit.displayName",
		},
		{
			"unit: another first day", renaming(&registrypb.Unit{Name: "units/tay-ho", ValidFrom: "2000-01-01"}, "valid_from"),
			codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask",
		},
		{
			"unit: another revision", renaming(&registrypb.Unit{Name: "units/tay-ho"}, "revision"),
			codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask",
		},
		{
			"unit: a field that is none", renaming(&registrypb.Unit{Name: "units/tay-ho"}, "colour"),
			codes.InvalidArgument, faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, "updateMask",
		},
		{
			"unit: stale rename", renaming(&registrypb.Unit{Name: "units/tay-ho", DisplayName: "Mới", Etag: "00000000-1"}),
			codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "unit.etag",
		},
		{
			"unit: move of nobody", reparent("units/none", "units/ha-noi", "2020-01-01"),
			codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		},
		{
			"unit: move under its own", reparent("units/ha-noi", "units/tay-ho", "2020-01-01"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_CYCLE, "parent",
		},
		{
			"unit: move before it is", reparent("units/tay-ho", "", "1995-10-27"),
			codes.FailedPrecondition, faultpb.Reason_REASON_PLACEMENT_INVALID, "fromDate",
		},
		{
			"unit: move after its end", reparent("units/ung-hoa", "", "2025-07-01"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_CLOSED, "fromDate",
		},
		{
			"unit: closing with children", closing("units/ha-noi", "2025-07-01"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_HAS_CHILDREN, "closedOn",
		},
		{
			"unit: closing twice", closing("units/ung-hoa", "2026-07-01"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_CLOSED, "name",
		},
		{
			"unit: closing on its first day", closing("units/tay-ho", "1995-10-28"),
			codes.FailedPrecondition, faultpb.Reason_REASON_CLOSED_BEFORE_VALID, "closedOn",
		},

		{
			"enterprise: duplicate id", enterprise("hoa-sen", taxCode(3), "units/tay-ho"),
			codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "enterprise.name",
		},
		{
			"enterprise: duplicate tax code", enterprise("moi", taxCode(1), "units/tay-ho"),
			codes.AlreadyExists, faultpb.Reason_REASON_TAX_CODE_TAKEN, "enterprise.taxCode",
		},
		{
			"enterprise: wrong check digit", enterprise("moi", mistyped(taxCode(3)), "units/tay-ho"),
			codes.InvalidArgument, faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode",
		},
		{
			"enterprise: never issued", enterprise("moi", "0000000000", "units/tay-ho"),
			codes.InvalidArgument, faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode",
		},
		{
			"enterprise: blank before the code", enterprise("moi", " "+taxCode(3), "units/tay-ho"),
			codes.InvalidArgument, faultpb.Reason_REASON_TAX_CODE_FORMAT, "enterprise.taxCode",
		},
		{
			"enterprise: unknown unit", enterprise("moi", taxCode(3), "units/none"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "enterprise.unit",
		},
		{
			"enterprise: no id", enterprise("Mới", taxCode(3), "units/tay-ho"),
			codes.InvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "enterpriseId",
		},
		{
			"enterprise: another's tax code", changing(&registrypb.Enterprise{TaxCode: taxCode(1)}),
			codes.AlreadyExists, faultpb.Reason_REASON_TAX_CODE_TAKEN, "enterprise.taxCode",
		},
		{
			"enterprise: change to a wrong code", changing(&registrypb.Enterprise{TaxCode: mistyped(taxCode(3))}),
			codes.InvalidArgument, faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "enterprise.taxCode",
		},
		{
			"enterprise: change to an unknown unit", changing(&registrypb.Enterprise{Unit: "units/none"}),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "enterprise.unit",
		},
		{
			"enterprise: stale change", changing(&registrypb.Enterprise{DisplayName: "Mới", Etag: "00000000-1"}),
			codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "enterprise.etag",
		},
		{
			"enterprise: the kind of its code", changing(&registrypb.Enterprise{}, "tax_code_kind"),
			codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask",
		},

		{
			"organisation: duplicate id", founding(func(r *registrypb.CreateOrganisationRequest) { r.OrganisationId = "chi-bo-hoa-sen" }),
			codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "organisation.name",
		},
		{
			"organisation: id of a withdrawn one", founding(func(r *registrypb.CreateOrganisationRequest) { r.OrganisationId = "nhap-nham" }),
			codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "organisation.name",
		},
		{
			"organisation: founded tomorrow", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.FoundedOn = "2020-12-01" }),
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "organisation.foundedOn",
		},
		{
			"organisation: no such day", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.FoundedOn = "2020-06-31" }),
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "organisation.foundedOn",
		},
		{
			"organisation: unknown unit", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Unit = "units/none" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "organisation.unit",
		},
		{
			"organisation: before the unit", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.FoundedOn = "1995-10-27" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "organisation.unit",
		},
		{
			"organisation: unknown enterprise", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Enterprise = "enterprises/none" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_ENTERPRISE_UNKNOWN, "organisation.enterprise",
		},
		{
			"organisation: unknown superior", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Superior = "organisations/none" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "organisation.superior",
		},
		{
			"organisation: its own superior", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Superior = "organisations/moi" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "organisation.superior",
		},
		{
			"organisation: a withdrawn superior", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Superior = "organisations/nhap-nham" }),
			codes.FailedPrecondition, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "organisation.superior",
		},
		{
			"organisation: no kind", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Kind = 0 }),
			codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "organisation.kind",
		},
		{
			"organisation: a kind that is none", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.Kind = 99 }),
			codes.InvalidArgument, faultpb.Reason_REASON_ENUM_UNKNOWN, "organisation.kind",
		},
		{
			"organisation: a name too long", founding(func(r *registrypb.CreateOrganisationRequest) { r.Organisation.DisplayName = strings.Repeat("ổ", 301) }),
			codes.InvalidArgument, faultpb.Reason_REASON_FIELD_LENGTH, "organisation.displayName",
		},
		{
			"organisation: correction of nobody", correcting("none", &registrypb.Organisation{DisplayName: "Mới"}),
			codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "organisation.name",
		},
		{
			"organisation: correction of a withdrawn one", correcting("nhap-nham", &registrypb.Organisation{DisplayName: "Mới"}),
			codes.FailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "organisation.name",
		},
		{
			"organisation: founded after its end", correcting("giai-the", &registrypb.Organisation{FoundedOn: "2020-08-02"}),
			codes.FailedPrecondition, faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, "organisation.foundedOn",
		},
		{
			"organisation: correction into the future", correcting("chi-bo-hoa-sen", &registrypb.Organisation{FoundedOn: "2020-12-01"}),
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "organisation.foundedOn",
		},
		{
			"organisation: another state", correcting("chi-bo-hoa-sen", &registrypb.Organisation{}, "state"),
			codes.InvalidArgument, faultpb.Reason_REASON_MASK_FIXED_FIELD, "updateMask",
		},
		{
			"organisation: dissolved tomorrow", dissolving("chi-bo-hoa-sen", "2020-12-01", ""),
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "dissolvedOn",
		},
		{
			"organisation: dissolved before it was", dissolving("chi-bo-hoa-sen", "2020-05-31", ""),
			codes.FailedPrecondition, faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, "dissolvedOn",
		},
		{
			"organisation: dissolved twice", dissolving("giai-the", "2020-09-01", ""),
			codes.FailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name",
		},
		{
			"organisation: stale dissolution", dissolving("chi-bo-hoa-sen", "2020-09-01", "00000000-1"),
			codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "etag",
		},
		{
			"organisation: withdrawn twice", withdrawing("nhap-nham"),
			codes.FailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_ACTIVE, "name",
		},
		{
			"organisation: withdrawal of nobody", withdrawing("none"),
			codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o.TB = t
			o.unchanged(func() { wantRefused(t, tc.call(), tc.code, tc.reason, tc.field) })
		})
	}
}
