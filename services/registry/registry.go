// Package registry is the service of units, enterprises and organisations: which bodies plan and are counted, in which
// enterprises, and which organisations were founded there. It also gives and ends the grants, by which all services know who
// may do what. It follows no other service; what it announces, the others follow. Its nouns, invariants and events stand in
// README.md.
package registry

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	accesspb "coso/proto/gen/coso/access/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/feed"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/registry/internal/records"
	"coso/services/registry/internal/server"
)

// Name is the service's name in positions, subjects and file names.
const Name = "registry"

// FirstAdministrator is the principal that administers an installation in which nobody ever held a grant, unless an operator
// names another: the account `admin`.
const FirstAdministrator = "principals/admin"

// New opens the service's store in o.Dir and registers its methods; nothing runs before its Part does, which first gives
// FirstAdministrator his grant where there never was one. Errors are those of store.Open.
func New(o run.Options) (*run.Service, error) { return AdministeredBy(FirstAdministrator)(o) }

// AdministeredBy makes a registry as New does, with another first administrator; CheckAdministrator says who can be.
func AdministeredBy(principal string) func(run.Options) (*run.Service, error) {
	return func(o run.Options) (*run.Service, error) {
		var made *run.Service // before it is made, nobody asks it anything
		takers := func(ctx context.Context, wanted uint64, wait time.Duration) []feed.Taker {
			return made.Takers(ctx, wanted, wait)
		}
		var err error
		made, err = run.New(o, run.Parts{
			Name: Name, Schema: records.Schema, Authority: records.Book,
			Register: func(r grpc.ServiceRegistrar, s *store.Store) { server.Register(r, s, takers) },
			Begin:    func(ctx context.Context, s *store.Store) error { return server.FirstAdministrator(ctx, s, principal) },
		})
		return made, err
	}
}

// CheckAdministrator answers why somebody cannot be the first administrator.
func CheckAdministrator(principal string) error {
	if err := fault.Validate(&registrypb.Grant{Principal: principal, Role: accesspb.Role_ROLE_ADMINISTRATOR, Reason: Name}); err != nil {
		return fmt.Errorf("--first-administrator: %q names nobody who signs in; it is principals/ and an account's name, e.g. %s", principal, FirstAdministrator)
	}
	return nil
}

// Schema is what the service's store holds, for who opens its file while it does not run.
func Schema() *store.Schema { return records.Schema }
