package follow

import (
	"slices"

	"coso/services/award/internal/records"
	"coso/services/platform/feed"
	"coso/services/platform/scope"
)

// Registry follows what registry announces of units and grants: who may read which nominations.
func Registry() feed.Follower {
	return feed.Follower{
		Source: "registry", Handlers: slices.Concat(scope.FollowUnits(records.Units), scope.FollowGrants(records.Grants)),
	}
}
