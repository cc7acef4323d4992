package identity

import (
	"bytes"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/server"
	"coso/services/platform/store"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
)

// settle sees to it that nothing counts which a restore has brought back: sessions that had ended, API tokens that were
// revoked, refresh tokens that were used up. Which they are, the journal does not know any more, so in a new incarnation all
// sessions end, all API tokens are revoked, and the keys that signed before sign nothing more (INV-IDENTITY-NOT-REVIVED).
// Passwords are those of the backup. Cut off, it goes on with the next start: the new keys are made last.
func (s *Service) settle(ctx context.Context) error {
	ctx = itself(ctx, "restored")
	incarnation := s.Store().Incarnation()
	ring, err := store.View(ctx, s.Store(), func(tx *store.ReadTx) (*accesspb.KeyRingPrivate, error) {
		ring, _, err := records.KeyRings.Find(tx, records.KeyRing)
		return ring, err
	})
	if err != nil || bytes.Equal(ring.GetIncarnation(), incarnation[:]) {
		return err
	}
	for more := true; more; {
		_, err := store.Update(ctx, s.Store(), nil, func(tx *store.Tx) (_ *emptypb.Empty, err error) {
			more, err = server.EndSome(tx)
			return &emptypb.Empty{}, err
		})
		if err != nil {
			return err
		}
	}
	_, err = store.Update(ctx, s.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		next, _, err := token.Rotate(nil, tx.At())
		if err != nil {
			return nil, err
		}
		next.Name, next.Incarnation = records.KeyRing, incarnation[:]
		return &emptypb.Empty{}, records.KeyRings.Put(tx, next)
	})
	return err
}
