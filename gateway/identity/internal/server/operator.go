package server

import (
	"context"

	"coso/gateway/identity/internal/password"
	"coso/services/platform/store"

	identitypb "coso/proto/gen/coso/identity/v1"
	operatorpb "coso/proto/gen/coso/operator/v1"
)

// RenewPassword gives an account a new one-time password on the operator's word.
func (s *Server) RenewPassword(ctx context.Context, req *operatorpb.RenewPasswordRequest) (*operatorpb.RenewPasswordResponse, error) {
	secret := password.OneTime()
	hash, err := s.Hasher.Hash(ctx, secret)
	if err != nil {
		return nil, err
	}
	_, err = store.Update(ctx, s.store, req, func(tx *store.Tx) (*identitypb.Account, error) {
		return resetPassword(tx, req.GetName(), tx.Principal().Name, hash)
	})
	if err != nil {
		return nil, err
	}
	return &operatorpb.RenewPasswordResponse{OneTimePassword: secret}, nil
}
