// Package scopetest gives the people of a test what they may do in a service that follows the registry: it puts copies of
// grants into the service's store, as its follower does.
package scopetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
)

// Grant is a grant of a role in a unit, everywhere if none is named, to an account. It is in force since the year 2000.
func Grant(account string, role accesspb.Role, unit string) *registrypb.Grant {
	return &registrypb.Grant{
		Name:      fmt.Sprintf("grants/%s-%d%s", account, role, strings.Replace(unit, "units/", "-", 1)),
		Principal: "principals/" + account, Role: role, Unit: unit, Reason: "phân công", Revision: 1,
		StartTime: timestamppb.New(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)),
	}
}

// Administrator is a grant to an account to do everything, everywhere.
func Administrator(account string) *registrypb.Grant {
	return Grant(account, accesspb.Role_ROLE_ADMINISTRATOR, "")
}

// Give puts grants among the copies that a service keeps, in one command. A failure ends the test.
func Give(t testing.TB, s *store.Store, copies *store.Copy[*registrypb.Grant], grants ...*registrypb.Grant) {
	t.Helper()
	ctx := access.WithMethod(access.With(t.Context(), access.Service(s.Service())), "follow/registry")
	_, err := store.Update(ctx, s, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		for _, g := range grants {
			if err := copies.Put(tx, g); err != nil {
				return nil, err
			}
		}
		return &emptypb.Empty{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
