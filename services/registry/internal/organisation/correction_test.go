package organisation_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/organisation"
)

func TestCorrectDissolution(t *testing.T) {
	for _, tc := range []struct {
		name         string
		cur          *registrypb.Organisation
		on, decision string
		wantDecision string
		kind         fault.Kind
		reason       faultpb.Reason
		field        string
	}{
		{"dissolved by mistake", recorded(dissolved, "2020-06-01", "2020-07-01"), "", "", "", 0, 0, ""},
		{"by mistake, whatever the decision", recorded(dissolved, "2020-06-01", "2020-07-01"), "", "10-QĐ/QU", "", 0, 0, ""},
		{"on a wrong day", recorded(dissolved, "2020-06-01", "2020-07-01"), "2020-06-01", "", "9-QĐ/QU", 0, 0, ""},
		{"by another decision", recorded(dissolved, "2020-06-01", "2020-07-01"), "2020-07-01", "10-QĐ/QU", "10-QĐ/QU", 0, 0, ""},
		{"tomorrow", recorded(dissolved, "2020-06-01", "2020-07-01"), "2020-12-02", "", "", fault.KindInvalidArgument, faultpb.Reason_REASON_DATE_IN_FUTURE, "dissolvedOn"},
		{
			"before its founding", recorded(dissolved, "2020-06-01", "2020-07-01"), "2020-05-31", "", "",
			fault.KindFailedPrecondition, faultpb.Reason_REASON_DISSOLVED_BEFORE_FOUNDED, "dissolvedOn",
		},
		{"active", recorded(active, "2020-06-01", ""), "", "", "", fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_DISSOLVED, "name"},
		{"withdrawn", recorded(withdrawn, "2020-06-01", ""), "", "", "", fault.KindFailedPrecondition, faultpb.Reason_REASON_ORGANISATION_NOT_DISSOLVED, "name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.cur.GetState() == dissolved {
				tc.cur.DissolutionDecision = "9-QĐ/QU"
			}
			cmd := &registrypb.CorrectOrganisationDissolutionRequest{
				Name: name, DissolvedOn: tc.on, DissolutionDecision: tc.decision, Reason: "ghi nhầm",
			}
			got, event, err := organisation.CorrectDissolution(tc.cur, cmd, today)
			if tc.reason != 0 {
				wantRefused(t, err, tc.kind, tc.reason, tc.field)
				return
			}
			want := recorded(dissolved, "2020-06-01", tc.on)
			if tc.on == "" {
				want = recorded(active, "2020-06-01", "")
			}
			want.DissolutionDecision, want.CorrectionReason = tc.wantDecision, "ghi nhầm"
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || event == nil || err != nil {
				t.Errorf("%v, %v; (-want +got):\n%s", event, err, diff)
			}
		})
	}
}

func TestCorrectingNothingIsNoChange(t *testing.T) {
	cur := recorded(dissolved, "2020-06-01", "2020-07-01")
	cmd := &registrypb.CorrectOrganisationDissolutionRequest{DissolvedOn: "2020-07-01", Reason: "ghi nhầm"}
	if next, event, err := organisation.CorrectDissolution(cur, cmd, today); next != cur || event != nil || err != nil {
		t.Errorf("%v, %v, %v", next, event, err)
	}
}
