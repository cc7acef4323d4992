// Package foureyes holds the rules of what one person proposes and another decides. A noun that is decided so keeps an
// accesspb.Proposal beside what is proposed, and asks this package who may decide it and who may take it back; what a decision
// does is the noun's own. That a decider holds the permission is the store's to ask.
//
// A person is everybody under whose name an act is done: whoever acts, and whoever in whose stead it is. So a substitute and the
// one he stands in for are one person here, on either side.
//
// INV-FOUR-EYES: whoever proposed something, in whose stead it was proposed, and who acts in the stead of one of them, does not
// decide it. The refusal says who proposed and when.
package foureyes

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Act is who does something, when, and by which request: the request id, empty if it has none.
type Act struct {
	By      access.Principal
	At      time.Time
	Request string
}

// Propose notes who proposes.
func Propose(a Act) *accesspb.Proposal {
	return &accesspb.Proposal{
		Principal: a.By.Name, OnBehalfOf: a.By.OnBehalfOf, ProposeTime: timestamppb.New(a.At), RequestId: a.Request,
	}
}

// Decide refuses, about the resource of this name, whoever must not decide p: PermissionDenied FOUR_EYES,
// INV-FOUR-EYES; FailedPrecondition NOTHING_PROPOSED if p is nil.
func Decide(by access.Principal, p *accesspb.Proposal, name string) error {
	switch {
	case p == nil:
		return nothing(name)
	case own(by, p):
		return fault.PermissionDenied(faultpb.Reason_REASON_FOUR_EYES, "", params(p, name)...)
	}
	return nil
}

// Withdraw refuses, about the resource of this name, everybody who must not take p back: whoever did not propose it.
// PermissionDenied PROPOSAL_NOT_ONES_OWN; FailedPrecondition NOTHING_PROPOSED if p is nil.
func Withdraw(by access.Principal, p *accesspb.Proposal, name string) error {
	switch {
	case p == nil:
		return nothing(name)
	case !own(by, p):
		return fault.PermissionDenied(faultpb.Reason_REASON_PROPOSAL_NOT_ONES_OWN, "", params(p, name)...)
	}
	return nil
}

// own reports whether a person who acts is one who proposed.
func own(by access.Principal, p *accesspb.Proposal) bool {
	return slices.ContainsFunc(persons(by.Name, by.OnBehalfOf), func(name string) bool {
		return slices.Contains(persons(p.GetPrincipal(), p.GetOnBehalfOf()), name)
	})
}

// persons are the names that are somebody's.
func persons(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

func nothing(name string) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_NOTHING_PROPOSED, "", "name", name)
}

func params(p *accesspb.Proposal, name string) []string {
	return []string{
		"name", name, "by", fault.List(persons(p.GetPrincipal(), p.GetOnBehalfOf())), "from", civil.Moment(p.GetProposeTime().AsTime()),
	}
}
