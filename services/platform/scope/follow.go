package scope

import (
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/feed"
	"coso/services/platform/store"
)

// FollowGrants keeps copies of the registry's grants.
func FollowGrants(grants *store.Copy[*registrypb.Grant]) []feed.Handler {
	return []feed.Handler{
		onGrant[*registrypb.GrantGiven](grants),
		onGrant[*registrypb.GrantEnded](grants),
	}
}

func onGrant[E interface {
	proto.Message
	GetGrant() *registrypb.Grant
}](grants *store.Copy[*registrypb.Grant]) feed.Handler {
	return feed.On(func(tx *store.Tx, e E, _ feed.Envelope) error {
		return keep(tx, grants, e.GetGrant())
	})
}

// FollowUnits keeps copies of the registry's units, for a service that does nothing else with them.
func FollowUnits(units *store.Copy[*registrypb.Unit]) []feed.Handler {
	return OnUnits(func(tx *store.Tx, next *registrypb.Unit) error { return keep(tx, units, next) })
}

// OnUnits hands over each unit that registry announces, after whatever change, known or not, newer or not.
func OnUnits(take func(tx *store.Tx, next *registrypb.Unit) error) []feed.Handler {
	return []feed.Handler{
		onUnit[*registrypb.UnitCreated](take),
		onUnit[*registrypb.UnitUpdated](take),
		onUnit[*registrypb.UnitReparented](take),
		onUnit[*registrypb.UnitClosed](take),
		onUnit[*registrypb.UnitClosingCorrected](take),
		onUnit[*registrypb.UnitPlacementRemoved](take),
	}
}

func onUnit[E interface {
	proto.Message
	GetUnit() *registrypb.Unit
}](take func(*store.Tx, *registrypb.Unit) error) feed.Handler {
	return feed.On(func(tx *store.Tx, e E, _ feed.Envelope) error { return take(tx, e.GetUnit()) })
}

// named is a resource of the registry.
type named interface {
	proto.Message
	GetName() string
	GetRevision() int64
}

// keep puts a copy in place of an older one.
func keep[T named](tx *store.Tx, in *store.Copy[T], next T) error {
	cur, _, err := in.Find(tx, next.GetName())
	if err != nil || !feed.Newer(cur, next) {
		return err
	}
	return in.Put(tx, next)
}
