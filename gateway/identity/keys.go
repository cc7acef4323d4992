package identity

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"coso/gateway/identity/internal/records"
	"coso/services/platform/store"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
)

const (
	rotationKind = "keys"
	rotation     = rotationKind + "/rotate"
	// rotateEvery is how often the keys are looked at. They change about once a month.
	rotateEvery = 24 * time.Hour
)

// ring signs tokens with the keys that the store holds, and is the source of the keys that verify them. The keys are read
// again before each signature and each answer of what is published, so a key is used as soon as the timer has stored it,
// and by every replica of the store. Safe for concurrent use.
type ring struct {
	now   func() time.Time
	store *store.Store

	signer atomic.Pointer[token.Signer]
	mu     sync.Mutex
	read   *accesspb.KeyRingPrivate
}

// ready makes the keys that are missing, and the timer that goes on with it, and reads them. It is done before each
// signature too: where a clock jumped ahead, or a machine slept for weeks, somebody may sign in before the timer has fired.
func (r *ring) ready(ctx context.Context) error {
	ctx = itself(ctx, rotationKind)
	due, err := store.View(ctx, r.store, func(tx *store.ReadTx) (bool, error) {
		_, changed, err := turned(tx, r.now())
		if err != nil || changed {
			return changed, err
		}
		_, set, err := store.FindTimer(tx, rotation)
		return !set, err
	})
	if err == nil && due {
		_, err = store.Update(ctx, r.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
			return &emptypb.Empty{}, rotate(tx, store.Timer{})
		})
	}
	// While the store takes no commands, the keys that are there go on: Sign refuses once none signs any more.
	if failed := r.Refresh(ctx); failed != nil {
		return errors.Join(err, failed)
	}
	return nil
}

// rotate is what the timer does.
func rotate(tx *store.Tx, _ store.Timer) error {
	next, changed, err := turned(tx, tx.At())
	if err != nil {
		return err
	}
	if changed {
		if err := records.KeyRings.Put(tx, next); err != nil {
			return err
		}
	}
	return store.SetTimer(tx, rotation, tx.At().Add(rotateEvery), nil)
}

// turned is the ring as it has to be at a moment, and whether it is another than the stored one.
func turned(r store.Reader, at time.Time) (next *accesspb.KeyRingPrivate, changed bool, err error) {
	cur, _, err := records.KeyRings.Find(r, records.KeyRing)
	if err != nil {
		return nil, false, err
	}
	next, changed, err = token.Rotate(cur, at)
	if err == nil {
		next.Name = records.KeyRing
	}
	return next, changed, err
}

// Refresh reads the keys as they are stored now.
func (r *ring) Refresh(ctx context.Context) error {
	stored, err := store.View(itself(ctx, rotationKind), r.store, func(tx *store.ReadTx) (*accesspb.KeyRingPrivate, error) {
		return records.KeyRings.Get(tx, records.KeyRing)
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if proto.Equal(stored, r.read) {
		return nil
	}
	if signer := r.signer.Load(); signer != nil {
		err = signer.Use(stored)
	} else if signer, err = token.NewSigner(token.SignerOptions{Issuer: Issuer, Audience: Audience, Now: r.now}, stored); err == nil {
		r.signer.Store(signer)
	}
	if err == nil {
		r.read = stored
	}
	return err
}

// Key returns the key that is published now under this id for this algorithm.
func (r *ring) Key(id string, algorithm token.Algorithm) (*token.Key, bool) {
	return r.signer.Load().Key(id, algorithm)
}

// Sign signs a token; see token.Signer.Sign.
func (r *ring) Sign(ctx context.Context, account string, life time.Duration, scope token.Scope) (string, token.Claims, error) {
	if err := r.ready(ctx); err != nil {
		return "", token.Claims{}, err
	}
	return r.signer.Load().Sign(account, life, scope)
}

// Published is the JWK set (RFC 7517) of the public keys with which tokens are verified.
func (s *Service) Published(ctx context.Context) ([]byte, error) {
	if err := s.ring.Refresh(ctx); err != nil {
		return nil, err
	}
	return s.ring.signer.Load().Document()
}
