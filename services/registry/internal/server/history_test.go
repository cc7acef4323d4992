package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"

	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
)

// tell writes a history as lines: who, by which method, for which request id, and what, field by field.
func tell(t *testing.T, h *historypb.History) []string {
	t.Helper()
	value := func(v *structpb.Value) string {
		if v == nil {
			return "-"
		}
		b, err := protojson.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b), " ", "")
	}
	var out []string
	for _, r := range h.GetRevisions() {
		line := fmt.Sprintf("%d %s %s %s", r.GetRevision(), r.GetPrincipal(), r.GetMethod()[strings.LastIndex(r.GetMethod(), "/")+1:], r.GetRequestId())
		for _, c := range r.GetChanges() {
			line += fmt.Sprintf("; %s: %s → %s", c.GetField(), value(c.GetBefore()), value(c.GetAfter()))
		}
		out = append(out, line)
	}
	return out
}

func TestHistory(t *testing.T) {
	o := hanoi(t)
	must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
		Organisation: &registrypb.Organisation{Name: cell, FoundedOn: "2020-06-02"}, RequestId: "sửa-1",
	}))(t)
	must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name: cell, DissolvedOn: "2020-11-01", DissolutionDecision: "9-QĐ/QU",
	}))(t)
	must(o.UpdateEnterprise(t.Context(), &registrypb.UpdateEnterpriseRequest{
		Enterprise: &registrypb.Enterprise{Name: "enterprises/hoa-sen", TaxCode: taxCode(2) + "-001"},
	}))(t)
	for _, tc := range []struct {
		name string
		got  *historypb.History
		want []string
	}{
		{"unit", must(o.ListUnitHistory(t.Context(), &registrypb.ListUnitHistoryRequest{Name: "units/ung-hoa"}))(t), []string{
			`2 principals/admin CloseUnit ; closedOn: - → "2025-07-01"`,
			`1 principals/admin CreateUnit ; displayName: - → "HuyệnủyỨngHòa"; level: - → "DISTRICT_COMMITTEE"` +
				`; placements: - → [{"fromDate":"2008-08-01","parent":"units/ha-noi","tree":"party"}]; validFrom: - → "2008-08-01"`,
		}},
		{"enterprise", must(o.ListEnterpriseHistory(t.Context(), &registrypb.ListEnterpriseHistoryRequest{Name: "enterprises/hoa-sen", PageSize: 1}))(t), []string{
			`2 principals/admin UpdateEnterprise ; taxCode: "` + taxCode(1) + `" → "` + taxCode(2) + `-001"` +
				`; taxCodeKind: "TAX_CODE_KIND_ENTERPRISE_10" → "TAX_CODE_KIND_BRANCH_13"`,
		}},
		{"organisation", must(o.ListOrganisationHistory(t.Context(), &registrypb.ListOrganisationHistoryRequest{Name: cell, PageSize: 2}))(t), []string{
			`3 principals/admin DissolveOrganisation ; dissolutionDecision: - → "9-QĐ/QU"; dissolvedOn: - → "2020-11-01"` +
				`; state: "ORGANISATION_STATE_ACTIVE" → "ORGANISATION_STATE_DISSOLVED"`,
			`2 principals/admin UpdateOrganisation sửa-1; foundedOn: "2020-06-01" → "2020-06-02"`,
		}},
	} {
		if diff := cmp.Diff(tc.want, tell(t, tc.got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// Every change is announced, in order, with the resource after it: what README.md lists as events out.
func TestEvents(t *testing.T) {
	o := hanoi(t)
	must(o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{Unit: &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Tây Hồ"}}))(t)
	must(o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{Name: "units/tay-ho", FromDate: "2020-01-01"}))(t)
	must(o.UpdateEnterprise(t.Context(), &registrypb.UpdateEnterpriseRequest{
		Enterprise: &registrypb.Enterprise{Name: "enterprises/hoa-sen", DisplayName: "Hoa Sen"},
	}))(t)
	must(o.UpdateOrganisation(t.Context(), &registrypb.UpdateOrganisationRequest{
		Organisation: &registrypb.Organisation{Name: cell, DisplayName: "Chi bộ"},
	}))(t)
	must(o.DissolveOrganisation(t.Context(), &registrypb.DissolveOrganisationRequest{
		Name: cell, DissolvedOn: "2020-11-01", DissolutionDecision: "9-QĐ/QU",
	}))(t)
	must(o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{Name: cell, Reason: "nhập nhầm"}))(t)
	must(o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{Requests: askCells(2)}))(t)

	events, err := o.store.Events(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	now := o.contents().Records
	last := map[string]proto.Message{}
	var got []string
	for _, e := range events {
		got = append(got, strings.TrimPrefix(e.Type, "coso.registry.v1.")+" "+e.Subject)
		last[e.Subject] = resourceOf(t, e)
	}
	want := []string{
		"GrantGiven grants/first-administrator", "UnitCreated units/ha-noi", "UnitCreated units/tay-ho", "UnitCreated units/ung-hoa", "UnitClosed units/ung-hoa",
		"EnterpriseCreated enterprises/hoa-sen", "OrganisationFounded " + cell,
		"UnitUpdated units/tay-ho", "UnitReparented units/tay-ho", "EnterpriseUpdated enterprises/hoa-sen",
		"OrganisationUpdated " + cell, "OrganisationDissolved " + cell, "OrganisationWithdrawn " + cell,
		"OrganisationFounded organisations/chi-bo-000", "OrganisationFounded organisations/chi-bo-001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for name, rec := range now {
		if !proto.Equal(rec, last[name]) {
			t.Errorf("the last event of %s carries %v, recorded is %v", name, last[name], rec)
		}
	}
}

// resourceOf is the one message that an event carries.
func resourceOf(t *testing.T, e store.Event) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(e.Type))
	if err != nil {
		t.Fatal(err)
	}
	m := kind.New()
	if err := proto.Unmarshal(e.Data, m.Interface()); err != nil {
		t.Fatal(err)
	}
	return m.Get(m.Descriptor().Fields().Get(0)).Message().Interface()
}
