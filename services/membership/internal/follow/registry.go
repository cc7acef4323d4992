// Package follow is what membership does with other services' events: it keeps copies of registry's units and
// organisations, by which intakes are judged, and of its grants, by which callers are. A copy is replaced only by a newer revision of its original.
package follow

import (
	"slices"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership/internal/records"
	"coso/services/platform/feed"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Registry follows what registry announces of units and organisations.
func Registry() feed.Follower {
	return feed.Follower{Source: "registry", Handlers: slices.Concat(scope.FollowGrants(records.Grants), scope.FollowUnits(records.Units), []feed.Handler{
		feed.On(organisation[*registrypb.OrganisationFounded]),
		feed.On(organisation[*registrypb.OrganisationUpdated]),
		feed.On(organisation[*registrypb.OrganisationDissolved]),
		feed.On(organisation[*registrypb.OrganisationDissolutionCorrected]),
		feed.On(organisation[*registrypb.OrganisationWithdrawn]),
	})}
}

// aboutOrganisation is an event that carries an organisation after a change.
type aboutOrganisation interface {
	GetOrganisation() *registrypb.Organisation
}

func organisation[E aboutOrganisation](tx *store.Tx, e E, _ feed.Envelope) error {
	cur, _, err := records.Organisations.Find(tx, e.GetOrganisation().GetName())
	if err != nil || !feed.Newer(cur, e.GetOrganisation()) {
		return err
	}
	return records.Organisations.Put(tx, e.GetOrganisation())
}
