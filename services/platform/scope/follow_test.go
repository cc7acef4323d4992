package scope_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/feed"
	"coso/services/platform/scope"
)

// Whatever the registry announces of a unit or a grant is heard by all who follow them: an event that is new to the contract and not
// to the list fails here.
func TestEveryEventAboutUnitsAndGrantsIsHeard(t *testing.T) {
	for about, handlers := range map[protoreflect.FullName][]feed.Handler{
		"coso.registry.v1.Unit": scope.FollowUnits(nil), "coso.registry.v1.Grant": scope.FollowGrants(nil),
	} {
		var want, got []protoreflect.FullName
		events := registrypb.File_coso_registry_v1_events_proto.Messages()
		for i := range events.Len() {
			fields := events.Get(i).Fields()
			for j := range fields.Len() {
				if m := fields.Get(j).Message(); m != nil && m.FullName() == about {
					want = append(want, events.Get(i).FullName())
				}
			}
		}
		for _, h := range handlers {
			got = append(got, h.Event())
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: heard are %v, announced %v", about, got, want)
		}
	}
}
