package server_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func askCells(n int) []*registrypb.CreateOrganisationRequest {
	out := make([]*registrypb.CreateOrganisationRequest, n)
	for i := range out {
		id := fmt.Sprintf("chi-bo-%03d", i)
		out[i] = askOrganisation(id, fmt.Sprintf("Chi bộ Công ty cổ phần Thương mại và Dịch vụ số %d", i), "2020-07-01", "units/tay-ho")
	}
	return out
}

// A full batch is one entry: all or none, in the order asked for.
func TestFullBatches(t *testing.T) {
	o := hanoi(t)
	before := o.store.Head().GetPosition()
	enterprises := make([]*registrypb.CreateEnterpriseRequest, 500)
	for i := range enterprises {
		enterprises[i] = askEnterprise("", fmt.Sprintf("Công ty cổ phần Thương mại và Dịch vụ số %d", i), taxCode(i+2), "units/tay-ho")
	}
	made := must(o.BatchCreateEnterprises(t.Context(), &registrypb.BatchCreateEnterprisesRequest{Requests: enterprises}))(t).GetEnterprises()
	cells := must(o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(500)}))(t).GetOrganisations()
	if got := o.store.Head().GetPosition(); got != before+2 || len(made) != 500 || len(cells) != 500 {
		t.Fatalf("%d entries, %d enterprises, %d organisations", got-before, len(made), len(cells))
	}
	for i := range 500 {
		if made[i].GetTaxCode() != taxCode(i+2) || cells[i].GetName() != fmt.Sprintf("organisations/chi-bo-%03d", i) {
			t.Fatalf("row %d: %v, %v", i, made[i], cells[i])
		}
	}
}

func TestBatchIsAllOrNothing(t *testing.T) {
	o := hanoi(t)
	for _, tc := range []struct {
		name   string
		change func([]*registrypb.CreateOrganisationRequest)
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{
			"an unknown unit", func(r []*registrypb.CreateOrganisationRequest) { r[7].Organisation.Unit = "units/none" },
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "requests[7].organisation.unit",
		},
		{
			"a founding tomorrow", func(r []*registrypb.CreateOrganisationRequest) { r[9].Organisation.FoundedOn = "2020-12-01" },
			codes.InvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "requests[9].organisation.foundedOn",
		},
		{
			"an id twice", func(r []*registrypb.CreateOrganisationRequest) { r[5].OrganisationId = r[4].GetOrganisationId() },
			codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "requests[5].organisation.name",
		},
		{
			"an id taken before", func(r []*registrypb.CreateOrganisationRequest) { r[3].OrganisationId = "chi-bo-hoa-sen" },
			codes.AlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS, "requests[3].organisation.name",
		},
		{
			"a row's own request id", func(r []*registrypb.CreateOrganisationRequest) { r[2].RequestId = "r" },
			codes.InvalidArgument, faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, "requests[2].requestId",
		},
		{
			"no name", func(r []*registrypb.CreateOrganisationRequest) { r[1].Organisation.DisplayName = "" },
			codes.InvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED, "requests[1].organisation.displayName",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o.TB = t
			o.unchanged(func() {
				requests := askCells(10)
				tc.change(requests)
				_, err := o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: requests})
				wantRefused(t, err, tc.code, tc.reason, tc.field)
			})
		})
	}
	o.TB = t
	for name, n := range map[string]int{"none": 0, "too many": 501} {
		o.unchanged(func() {
			_, err := o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(n)})
			if got := refused(t, err); got.Code != codes.InvalidArgument || got.Field != "requests" {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
}

func TestBatchOfEnterprisesIsAllOrNothing(t *testing.T) {
	o := hanoi(t)
	for _, tc := range []struct {
		name   string
		second *registrypb.CreateEnterpriseRequest
		code   codes.Code
		reason faultpb.Reason
		field  string
	}{
		{
			"the code of the row before", askEnterprise("b", "Công ty B", taxCode(2), "units/tay-ho"),
			codes.AlreadyExists, faultpb.Reason_REASON_TAX_CODE_TAKEN, "requests[1].enterprise.taxCode",
		},
		{
			"a mistyped code", askEnterprise("b", "Công ty B", mistyped(taxCode(3)), "units/tay-ho"),
			codes.InvalidArgument, faultpb.Reason_REASON_TAX_CODE_CHECK_DIGIT, "requests[1].enterprise.taxCode",
		},
		{
			"an unknown unit", askEnterprise("b", "Công ty B", taxCode(3), "units/none"),
			codes.FailedPrecondition, faultpb.Reason_REASON_UNIT_UNKNOWN, "requests[1].enterprise.unit",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o.TB = t
			o.unchanged(func() {
				_, err := o.BatchCreateEnterprises(t.Context(), &registrypb.BatchCreateEnterprisesRequest{
					Requests: []*registrypb.CreateEnterpriseRequest{askEnterprise("a", "Công ty A", taxCode(2), "units/tay-ho"), tc.second},
				})
				wantRefused(t, err, tc.code, tc.reason, tc.field)
			})
		})
	}
}

// A batch of rows that together weigh more than a command may is refused whole.
func TestBatchTooLarge(t *testing.T) {
	o := hanoi(t)
	requests := askCells(500)
	for _, r := range requests {
		r.Organisation.DisplayName = strings.Repeat("ổ", 300)
	}
	o.unchanged(func() {
		_, err := o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: requests})
		if got := refused(t, err); got.Code != codes.ResourceExhausted || got.Reason != faultpb.Reason_REASON_TOO_LARGE {
			t.Errorf("refused with %v", got)
		}
	})
}
