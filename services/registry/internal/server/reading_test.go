package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestReadingRefusals(t *testing.T) {
	o := hanoi(t)
	for _, tc := range []struct {
		name   string
		call   func() error
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{"no such unit", func() error {
			_, err := o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
		{"no unit on a day", func() error {
			_, err := o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/ung-hoa", AsOf: "2025-07-01"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "asOf"},
		{"a unit on no day", func() error {
			_, err := o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/ung-hoa", AsOf: "2025-06-31"})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "asOf"},
		{"a name that is none", func() error {
			_, err := o.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "ha-noi"})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "name"},
		{"units of no day", func() error {
			_, err := o.ListUnits(t.Context(), &registrypb.ListUnitsRequest{AsOf: "2021-02-29"})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "asOf"},
		{"organisations of no day", func() error {
			_, err := o.ListOrganisations(t.Context(), &registrypb.ListOrganisationsRequest{AsOf: "2021-02-29"})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_DATE_INVALID, "asOf"},
		{"a page too large", func() error {
			_, err := o.ListUnits(t.Context(), &registrypb.ListUnitsRequest{PageSize: 501})
			return err
		}, codes.InvalidArgument, faultpb.Reason_REASON_FIELD_RANGE, "pageSize"},
		{"no such enterprise", func() error {
			_, err := o.GetEnterprise(t.Context(), &registrypb.GetEnterpriseRequest{Name: "enterprises/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
		{"no such organisation", func() error {
			_, err := o.GetOrganisation(t.Context(), &registrypb.GetOrganisationRequest{Name: "organisations/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
		{"history of no unit", func() error {
			_, err := o.ListUnitHistory(t.Context(), &registrypb.ListUnitHistoryRequest{Name: "units/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
		{"history of no enterprise", func() error {
			_, err := o.ListEnterpriseHistory(t.Context(), &registrypb.ListEnterpriseHistoryRequest{Name: "enterprises/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
		{"history of no organisation", func() error {
			_, err := o.ListOrganisationHistory(t.Context(), &registrypb.ListOrganisationHistoryRequest{Name: "organisations/none"})
			return err
		}, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name"},
	} {
		t.Run(tc.name, func(t *testing.T) { wantRefused(t, tc.call(), tc.code, tc.reason, tc.field) })
	}
}
