package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Who may record nothing begins no operation, wherever he may read; a clerk does, though of one unit alone.
func TestWhoMayBeginAnOperation(t *testing.T) {
	h := settled(t)
	c := operationpb.NewOperationServiceClient(h.service.Conn())
	for who, may := range map[string]bool{"stranger": false, "tuan": false, "minh": false, "lan": true, "admin": true} {
		before := h.service.Store().Head().GetPosition()
		_, err := c.BeginOperation(h.as(who), &operationpb.BeginOperationRequest{Parent: "services/registry"})
		if got := refused(t, err).Reason; may && err != nil || !may && got != faultpb.Reason_REASON_PERMISSION_DENIED {
			t.Errorf("%s: %v", who, err)
		}
		if wrote := h.service.Store().Head().GetPosition() > before; wrote != may {
			t.Errorf("%s wrote: %v", who, wrote)
		}
	}
}

// INV-ORGANISATION-UNIT-IN-FORCE, INV-ORGANISATION-SUPERIOR-IN-FORCE: a founding that was put aside is judged again when it takes
// effect, by what is known then.
func TestAFoundingPutAsideIsJudgedAnew(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(h *house) error
		reason faultpb.Reason
		field  string
	}{
		"its unit is closed by its day": {func(h *house) error {
			_, err := h.CloseUnit(h.as("admin"), &registrypb.CloseUnitRequest{Name: "units/ba-dinh", ClosedOn: "2020-05-01"})
			return err
		}, faultpb.Reason_REASON_UNIT_NOT_IN_FORCE, "rows[1].unit"},
		"its superior is dissolved by its day": {func(h *house) error {
			_, err := registrypb.NewOrganisationServiceClient(h.service.Conn()).DissolveOrganisation(h.as("admin"), &registrypb.DissolveOrganisationRequest{
				Name: "organisations/dang-bo", DissolvedOn: "2020-05-01", DissolutionDecision: "9-QĐ/QU",
			})
			return err
		}, faultpb.Reason_REASON_SUPERIOR_NOT_IN_FORCE, "rows[1].superior"},
		"its superior is withdrawn": {func(h *house) error {
			_, err := registrypb.NewOrganisationServiceClient(h.service.Conn()).WithdrawOrganisation(h.as("admin"), &registrypb.WithdrawOrganisationRequest{
				Name: "organisations/dang-bo", Reason: "nhập nhầm",
			})
			return err
		}, faultpb.Reason_REASON_SUPERIOR_UNKNOWN, "rows[1].superior"},
		"nothing": {func(*house) error { return nil }, faultpb.Reason_REASON_UNSPECIFIED, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := settled(t)
			cells := registrypb.NewOrganisationServiceClient(h.service.Conn())
			must(registrypb.NewEnterpriseServiceClient(h.service.Conn()).CreateEnterprise(h.as("admin"), askEnterprise("hoa-sen", "Công ty Hoa Sen", taxCode(1), "units/tay-ho")))(t)
			must(cells.CreateOrganisation(h.as("admin"), askOrganisation("dang-bo", "Đảng bộ", "2019-01-01", "units/tay-ho")))(t)
			operations := operationpb.NewOperationServiceClient(h.service.Conn())
			op := must(operations.BeginOperation(h.as("admin"), &operationpb.BeginOperationRequest{Parent: "services/registry"}))(t)
			below := askOrganisation("chi-bo", "Chi bộ", "2020-06-01", "units/ba-dinh")
			below.Organisation.Superior = "organisations/dang-bo"
			must(cells.BatchCreateOrganisations(h.as("admin"), &registrypb.BatchCreateOrganisationsRequest{Operation: op.GetName(), Requests: []*registrypb.CreateOrganisationRequest{
				askOrganisation("chi-bo-khac", "Chi bộ khác", "2020-06-01", "units/tay-ho"), below,
			}}))(t)
			if err := c.spoil(h); err != nil {
				t.Fatal(err)
			}
			events := h.service.Store().Head().GetEvents()
			_, err := operations.ActivateOperation(h.as("admin"), &operationpb.ActivateOperationRequest{Name: op.GetName()})
			if c.field == "" {
				if err != nil || h.service.Store().Head().GetEvents() != events+2 {
					t.Errorf("not brought in: %v", err)
				}
				return
			}
			wantRefused(t, err, codes.FailedPrecondition, c.reason, c.field)
			got := must(operations.GetOperation(h.as("admin"), &operationpb.GetOperationRequest{Name: op.GetName()}))(t)
			if got.GetState() != operationpb.OperationState_OPERATION_STATE_ABANDONED || got.GetReason() != c.reason || h.service.Store().Head().GetEvents() != events {
				t.Errorf("what was refused is %v", got)
			}
		})
	}
}
