package server

import (
	"context"

	accesspb "coso/proto/gen/coso/access/v1"
	operatorpb "coso/proto/gen/coso/operator/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/registry/internal/grant"
	"coso/services/registry/internal/records"
)

// AppointAdministrator grants a principal the role of an administrator everywhere, unless that holds already and for good.
func (s *Server) AppointAdministrator(ctx context.Context, req *operatorpb.AppointAdministratorRequest) (*registrypb.Grant, error) {
	name := grants + rpc.NewID("")
	return store.Update(ctx, s.store, req, func(tx *store.Tx) (*registrypb.Grant, error) {
		for has, err := range records.Grants.By(tx, records.GrantsConcerning, store.Text(req.GetPrincipal())) {
			if err != nil {
				return nil, err
			}
			if has.GetPrincipal() == req.GetPrincipal() && grant.Keeps(has, tx.At()) {
				return has, nil
			}
		}
		asked := &registrypb.Grant{
			Principal: req.GetPrincipal(), Role: accesspb.Role_ROLE_ADMINISTRATOR, Reason: req.GetReason(),
		}
		next, event, err := grant.Give(asked, name, nil, tx.At())
		if err != nil {
			return nil, err
		}
		return records.Grants.Create(tx, next, event)
	})
}
