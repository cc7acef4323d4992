// Package follow is what planning does with the events of registry and membership: it keeps copies of the units, takes
// the facts over, and judges the targets that a batch of events concerns, in the same command. An event needs no other
// stream, nor any unit, to be there before it: facts wait under their unit's name.
//
// INV-FOLLOW-NEWER: of a unit or source only a later revision than the one known takes effect.
// INV-FOLLOW-ANY-ORDER: however the two streams interleave and are cut into batches, the same facts, counters, progress
// and crossings stand at the end.
package follow

import (
	"slices"

	"google.golang.org/protobuf/proto"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/fact"
	"coso/services/planning/internal/records"
	"coso/services/platform/feed"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Followers are the followers of one store, which is the only one they may be given to.
func Followers(a *records.Atlas) []feed.Follower {
	return []feed.Follower{registry(a), membership(a)}
}

func registry(a *records.Atlas) feed.Follower {
	b := &batch{atlas: a}
	return feed.Follower{Source: "registry", After: b.judge, Handlers: slices.Concat(scope.FollowGrants(records.Grants), scope.OnUnits(b.unit), []feed.Handler{
		onOrganisation[*registrypb.OrganisationFounded](b),
		onOrganisation[*registrypb.OrganisationUpdated](b),
		onOrganisation[*registrypb.OrganisationDissolved](b),
		onOrganisation[*registrypb.OrganisationDissolutionCorrected](b),
		onOrganisation[*registrypb.OrganisationWithdrawn](b),
	})}
}

func membership(a *records.Atlas) feed.Follower {
	b := &batch{atlas: a}
	return feed.Follower{Source: "membership", After: b.judge, Fresh: []string{
		planningpb.TargetService_AssignTarget_FullMethodName,
		planningpb.TargetService_ApproveTarget_FullMethodName,
		planningpb.TargetService_BatchApproveTargets_FullMethodName,
	}, Handlers: []feed.Handler{
		onIntake[*membershippb.IntakeReported](b),
		onIntake[*membershippb.IntakeUpdated](b),
		onIntake[*membershippb.IntakeWithdrawn](b),
	}}
}

func (b *batch) unit(tx *store.Tx, next *registrypb.Unit) error {
	return b.touched(tx).ReplaceUnit(tx, next)
}

func onOrganisation[E interface {
	proto.Message
	GetOrganisation() *registrypb.Organisation
}](b *batch) feed.Handler {
	return feed.On(func(tx *store.Tx, e E, _ feed.Envelope) error {
		set, err := fact.OfOrganisation(e.GetOrganisation())
		if err != nil {
			return err
		}
		return b.touched(tx).ReplaceFacts(tx, set)
	})
}

func onIntake[E interface {
	proto.Message
	GetIntake() *membershippb.Intake
}](b *batch) feed.Handler {
	return feed.On(func(tx *store.Tx, e E, _ feed.Envelope) error {
		set, err := fact.OfIntake(e.GetIntake())
		if err != nil {
			return err
		}
		return b.touched(tx).ReplaceFacts(tx, set)
	})
}

// batch holds what the events of one command have touched. A command's closure may fail half-way and run again, each
// time with a transaction of its own: what belongs to another one is forgotten. The store runs one closure at a time.
type batch struct {
	atlas *records.Atlas
	tx    *store.Tx
	notes *records.Touched
}

func (b *batch) touched(tx *store.Tx) *records.Touched {
	if b.tx != tx {
		b.tx, b.notes = tx, b.atlas.NewTouched()
	}
	return b.notes
}

// judge judges what the command has touched, once its last event is applied.
func (b *batch) judge(tx *store.Tx) error {
	notes := b.touched(tx)
	b.tx, b.notes = nil, nil
	return notes.Judge(tx)
}
