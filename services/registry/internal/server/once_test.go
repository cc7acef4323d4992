package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// A request with a request id takes effect once: sent again, it answers the same at the same position; another request
// with the id is refused.
func TestRequestIDs(t *testing.T) {
	o := hanoi(t)
	type send func(id, text string, opts ...grpc.CallOption) (proto.Message, error)
	for name, call := range map[string]send{
		"create a unit": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			return o.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{RequestId: id, Unit: &registrypb.Unit{
				DisplayName: text, Level: "COMMUNE_COMMITTEE", ValidFrom: "2000-01-01",
			}}, opts...)
		},
		"rename a unit": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			return o.UpdateUnit(t.Context(), &registrypb.UpdateUnitRequest{RequestId: id, Unit: &registrypb.Unit{
				Name: "units/tay-ho", DisplayName: text,
			}}, opts...)
		},
		"move a unit": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			day := map[string]string{"một": "2001-01-01", "hai": "2002-01-01"}[text]
			return o.ReparentUnit(t.Context(), &registrypb.ReparentUnitRequest{RequestId: id, Name: "units/tay-ho", FromDate: day}, opts...)
		},
		"create an enterprise": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			req := askEnterprise("", text, taxCode(2), "units/tay-ho")
			req.RequestId = id
			return o.CreateEnterprise(t.Context(), req, opts...)
		},
		"create enterprises": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			return o.BatchCreateEnterprises(t.Context(), &registrypb.BatchCreateEnterprisesRequest{
				RequestId: id, Requests: []*registrypb.CreateEnterpriseRequest{
					askEnterprise("", text, taxCode(3), "units/tay-ho"), askEnterprise("", text, taxCode(4), "units/tay-ho"),
				},
			}, opts...)
		},
		"found an organisation": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			req := askOrganisation("", text, "2020-06-01", "units/tay-ho")
			req.RequestId = id
			return o.CreateOrganisation(t.Context(), req, opts...)
		},
		"found organisations": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			return o.BatchCreateOrganisations(t.Context(), &registrypb.BatchCreateOrganisationsRequest{
				RequestId: id, Requests: []*registrypb.CreateOrganisationRequest{askOrganisation("", text, "2020-06-01", "units/tay-ho")},
			}, opts...)
		},
		"withdraw an organisation": func(id, text string, opts ...grpc.CallOption) (proto.Message, error) {
			return o.WithdrawOrganisation(t.Context(), &registrypb.WithdrawOrganisationRequest{RequestId: id, Name: cell, Reason: text}, opts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o.TB = t
			id := "mã " + name
			var first, again proto.Message
			at := position(t, func(header grpc.CallOption) (err error) {
				first, err = call(id, "một", header)
				return err
			})
			o.unchanged(func() {
				sameAt := position(t, func(header grpc.CallOption) (err error) {
					again, err = call(id, "một", header)
					return err
				})
				if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
					t.Errorf("answers (-first +again):\n%s", diff)
				}
				if at != sameAt {
					t.Errorf("positions %s, then %s", at, sameAt)
				}
				_, err := call(id, "hai")
				wantRefused(t, err, codes.AlreadyExists, faultpb.Reason_REASON_REQUEST_ID_REUSED, "requestId")
			})
		})
	}
}

// A refused request leaves its id free: corrected, it may be sent under the same one.
func TestRefusedRequestIDIsFree(t *testing.T) {
	o := hanoi(t)
	req := askOrganisation("", "Chi bộ mới", "2020-12-01", "units/tay-ho")
	req.RequestId = "một lần"
	if _, err := o.CreateOrganisation(t.Context(), req); err == nil {
		t.Fatal("founded tomorrow")
	}
	req.Organisation.FoundedOn = "2020-11-30"
	must(o.CreateOrganisation(t.Context(), req))(t)
}
