package server_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func (o *office) listEnterprises(req *registrypb.ListEnterprisesRequest) string {
	o.Helper()
	var names []string
	for _, e := range must(o.ListEnterprises(o.Context(), req))(o.TB).GetEnterprises() {
		names = append(names, strings.TrimPrefix(e.GetName(), "enterprises/"))
	}
	return strings.Join(names, " ")
}

func TestEnterprises(t *testing.T) {
	o := hanoi(t)
	o.enterprise("sen-hong", "Công ty CP Sen Hồng", taxCode(2), "units/ung-hoa")
	o.enterprise("sen-hong-1", "Chi nhánh Công ty CP Sen Hồng", taxCode(2)+"-001", "units/tay-ho")
	o.enterprise("ho-lan", "Hộ kinh doanh Lan", "001099012345", "units/ung-hoa")
	kinds := map[string]registrypb.TaxCodeKind{
		"sen-hong":   registrypb.TaxCodeKind_TAX_CODE_KIND_ENTERPRISE_10,
		"sen-hong-1": registrypb.TaxCodeKind_TAX_CODE_KIND_BRANCH_13,
		"ho-lan":     registrypb.TaxCodeKind_TAX_CODE_KIND_PERSONAL_12,
	}
	for id, kind := range kinds {
		e := must(o.GetEnterprise(t.Context(), &registrypb.GetEnterpriseRequest{Name: "enterprises/" + id}))(t)
		if e.GetTaxCodeKind() != kind {
			t.Errorf("%s is %v, want %v", e.GetTaxCode(), e.GetTaxCodeKind(), kind)
		}
	}
	for _, tc := range []struct {
		req  *registrypb.ListEnterprisesRequest
		want string
	}{
		{&registrypb.ListEnterprisesRequest{}, "ho-lan hoa-sen sen-hong sen-hong-1"},
		{&registrypb.ListEnterprisesRequest{Unit: "units/ung-hoa"}, "ho-lan sen-hong"},
		{&registrypb.ListEnterprisesRequest{TaxCode: taxCode(2)}, "sen-hong"},
		{&registrypb.ListEnterprisesRequest{TaxCode: taxCode(2)[:9]}, ""},
		{&registrypb.ListEnterprisesRequest{TaxCode: taxCode(2), Unit: "units/tay-ho"}, ""},
		{&registrypb.ListEnterprisesRequest{Query: "sen hong"}, "sen-hong sen-hong-1"},
		{&registrypb.ListEnterprisesRequest{Query: "CHI NHÁNH", Unit: "units/tay-ho"}, "sen-hong-1"},
	} {
		if got := o.listEnterprises(tc.req); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.req, got, tc.want)
		}
	}
}

func TestUpdateEnterprise(t *testing.T) {
	o := hanoi(t)
	got := must(o.UpdateEnterprise(t.Context(), &registrypb.UpdateEnterpriseRequest{
		Enterprise: &registrypb.Enterprise{Name: "enterprises/hoa-sen", TaxCode: taxCode(2) + "-002"},
		UpdateMask: mask("tax_code"),
	}))(t)
	if got.GetTaxCodeKind() != registrypb.TaxCodeKind_TAX_CODE_KIND_BRANCH_13 || got.GetRevision() != 2 {
		t.Errorf("updated to %v", got)
	}
	// The code left behind is free again.
	o.enterprise("hoa-sen-moi", "Công ty TNHH Hoa Sen mới", taxCode(1), "units/tay-ho")
	if got := o.listEnterprises(&registrypb.ListEnterprisesRequest{TaxCode: taxCode(1)}); got != "hoa-sen-moi" {
		t.Errorf("%s belongs to %q", taxCode(1), got)
	}
}

// INV-ENTERPRISE-TAX-CODE-UNIQUE: of offices that record one tax code at the same time, one does.
func TestTaxCodeUniqueUnderContention(t *testing.T) {
	o := hanoi(t)
	const offices = 20
	answers := make([]error, offices)
	var all sync.WaitGroup
	for i := range offices {
		all.Go(func() {
			_, answers[i] = o.CreateEnterprise(t.Context(), askEnterprise(fmt.Sprintf("e-%d", i), "Công ty chung mã", taxCode(2), "units/tay-ho"))
		})
	}
	all.Wait()
	recorded := 0
	for _, err := range answers {
		if err == nil {
			recorded++
			continue
		}
		wantRefused(t, err, codes.AlreadyExists, faultpb.Reason_REASON_TAX_CODE_TAKEN, "enterprise.taxCode")
	}
	if recorded != 1 {
		t.Errorf("%d enterprises have one tax code", recorded)
	}
}
