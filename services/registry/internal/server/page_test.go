package server_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// walk reads all pages of organisations; after each page it calls between.
func (o *office) walk(req *registrypb.ListOrganisationsRequest, between func()) []string {
	o.Helper()
	var names []string
	for pages := 0; ; pages++ {
		page := must(o.ListOrganisations(o.Context(), req))(o.TB)
		if len(page.GetOrganisations()) > int(req.GetPageSize()) || pages > 100 {
			o.Fatalf("page %d holds %d", pages, len(page.GetOrganisations()))
		}
		for _, one := range page.GetOrganisations() {
			names = append(names, one.GetName())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return names
		}
		between()
	}
}

func TestPages(t *testing.T) {
	o := hanoi(t)
	must(o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(50)}))(t)
	for _, req := range []*registrypb.ListOrganisationsRequest{
		{}, {Unit: "units/tay-ho"}, {Enterprise: "enterprises/hoa-sen"}, {AsOf: "2020-11-30", Query: "chi bo"},
	} {
		for _, size := range []int32{1, 7, 50, 51, 52} {
			req.PageSize = size
			names := o.walk(req, func() {})
			if len(names) != 51 || !slices.IsSorted(names) || len(slices.Compact(names)) != 51 {
				t.Errorf("%v: %d organisations: %v", req, len(names), names)
			}
		}
	}
}

// What comes and goes between two pages neither repeats nor hides what was there all the time.
func TestPagesWhileOthersWrite(t *testing.T) {
	o := hanoi(t)
	must(o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(20)}))(t)
	n := 0
	names := o.walk(&registrypb.ListOrganisationsRequest{Unit: "units/tay-ho", PageSize: 3}, func() {
		n++
		o.organisation(fmt.Sprintf("chi-bo-%03d-a", n), "Chi bộ mới", "2020-07-01")
	})
	for i := range 20 {
		name := fmt.Sprintf("organisations/chi-bo-%03d", i)
		if at := slices.Index(names, name); at < 0 || slices.Index(names[at+1:], name) >= 0 {
			t.Errorf("%s is missing or repeated in %v", name, names)
		}
	}
}

func TestPageTokensBelongToTheirQuery(t *testing.T) {
	o := hanoi(t)
	must(o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(10)}))(t)
	token := must(o.ListOrganisations(t.Context(), &registrypb.ListOrganisationsRequest{PageSize: 3}))(t).GetNextPageToken()
	must(o.ListOrganisations(t.Context(), &registrypb.ListOrganisationsRequest{PageSize: 5, PageToken: token}))(t)
	for name, req := range map[string]*registrypb.ListOrganisationsRequest{
		"another unit":  {Unit: "units/tay-ho", PageToken: token},
		"another day":   {AsOf: "2020-11-30", PageToken: token},
		"another state": {State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, PageToken: token},
		"damaged":       {PageToken: token[:len(token)-2] + "AA"},
		"no token":      {PageToken: "trang 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := o.ListOrganisations(t.Context(), req)
			wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken")
		})
	}
	_, err := o.ListEnterprises(t.Context(), &registrypb.ListEnterprisesRequest{PageToken: token})
	wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken")
	_, err = o.ListUnits(t.Context(), &registrypb.ListUnitsRequest{PageToken: token})
	wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken")
	_, err = o.ListOrganisationHistory(t.Context(), &registrypb.ListOrganisationHistoryRequest{Name: cell, PageToken: token})
	wantRefused(t, err, codes.InvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken")
}
