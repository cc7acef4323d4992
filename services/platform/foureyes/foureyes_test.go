package foureyes_test

import (
	"testing"
	"time"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/foureyes"
)

const (
	lan  = "principals/lan"
	minh = "principals/minh"
	hoa  = "principals/hoa"
	tuan = "principals/tuan"
)

// INV-FOUR-EYES: who may decide what somebody proposed, and who may take it back, is never the same person.
func TestWhoDecides(t *testing.T) {
	for _, c := range []struct {
		name         string
		proposer, by access.Principal
		own          bool
	}{
		{"the proposer", access.Principal{Name: lan}, access.Principal{Name: lan}, true},
		{"somebody else", access.Principal{Name: lan}, access.Principal{Name: minh}, false},
		{"a substitute of the proposer", access.Principal{Name: lan}, access.Principal{Name: minh, OnBehalfOf: lan}, true},
		{"the proposer as a substitute of somebody else", access.Principal{Name: lan}, access.Principal{Name: lan, OnBehalfOf: hoa}, true},
		{"a substitute of somebody else", access.Principal{Name: lan}, access.Principal{Name: minh, OnBehalfOf: hoa}, false},
		{"who proposed as a substitute, himself", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: lan}, true},
		{"in whose stead it was proposed", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: hoa}, true},
		{"another substitute of his", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: minh, OnBehalfOf: hoa}, true},
		{"a substitute of the substitute", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: minh, OnBehalfOf: lan}, true},
		{"the one in whose stead it was, as a substitute", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: hoa, OnBehalfOf: minh}, true},
		{"two others", access.Principal{Name: lan, OnBehalfOf: hoa}, access.Principal{Name: minh, OnBehalfOf: tuan}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := time.Date(2020, 11, 30, 1, 2, 3, 0, time.UTC)
			p := foureyes.Propose(foureyes.Act{By: c.proposer, At: at, Request: "r-1"})
			if p.GetPrincipal() != c.proposer.Name || p.GetOnBehalfOf() != c.proposer.OnBehalfOf || !p.GetProposeTime().AsTime().Equal(at) || p.GetRequestId() != "r-1" {
				t.Errorf("noted %v", p)
			}
			decided, withdrawn := foureyes.Decide(c.by, p, "targets/t"), foureyes.Withdraw(c.by, p, "targets/t")
			refused, reason := decided, faultpb.Reason_REASON_FOUR_EYES
			if !c.own {
				refused, reason = withdrawn, faultpb.Reason_REASON_PROPOSAL_NOT_ONES_OWN
			}
			if (decided == nil) == c.own || (withdrawn == nil) != c.own {
				t.Fatalf("decides: %v, takes back: %v", decided, withdrawn)
			}
			said := c.proposer.Name
			if c.proposer.OnBehalfOf != "" {
				said += " / " + c.proposer.OnBehalfOf
			}
			f := fault.From(refused)
			if f.Kind != fault.KindPermissionDenied || f.Reason != reason || f.Params["by"] != said || f.Params["from"] != "2020-11-30T08:02:03+07:00" || f.Params["name"] != "targets/t" {
				t.Errorf("refused: %+v", f)
			}
		})
	}
}

func TestNothingProposed(t *testing.T) {
	for _, err := range []error{
		foureyes.Decide(access.Principal{Name: lan}, nil, "targets/t"), foureyes.Withdraw(access.Principal{Name: lan}, nil, "targets/t"),
	} {
		if fault.KindOf(err) != fault.KindFailedPrecondition || fault.ReasonOf(err) != faultpb.Reason_REASON_NOTHING_PROPOSED {
			t.Error(err)
		}
	}
}
