package token

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// KeyAge is how long a key signs.
	KeyAge = 30 * 24 * time.Hour
	// MaxLife is the longest life of an own token.
	MaxLife = time.Hour

	// linger is how long a key is published after it has signed for the last time.
	linger = MaxLife + Leeway
)

// Rotate returns the ring as it has to be at a moment, and whether it differs: it drops the keys whose tokens have all
// expired, and sees to it that there is one key that signs and one that comes next, published already, so that verifiers
// know it by the time it signs. An empty ring is the beginning. The ring given is not changed. It is to be called when the
// installation starts and at least every few days; a ring that was left alone until its last key had ended begins anew with
// a key that verifiers have to ask for.
func Rotate(ring *accesspb.KeyRingPrivate, at time.Time) (next *accesspb.KeyRingPrivate, changed bool, err error) {
	at = at.UTC().Truncate(time.Second)
	next = proto.CloneOf(ring)
	if next == nil {
		next = &accesspb.KeyRingPrivate{}
	}
	next.Keys = slices.DeleteFunc(next.GetKeys(), func(k *accesspb.SigningKeyPrivate) bool { return !at.Before(k.GetExpireTime().AsTime()) })
	for {
		start := at
		if n := len(next.GetKeys()); n > 0 {
			last := next.GetKeys()[n-1]
			if last.GetSigningStartTime().AsTime().After(at) {
				return next, !proto.Equal(ring, next), nil
			}
			if end := last.GetSigningEndTime().AsTime(); end.After(at) {
				start = end
			}
		}
		key, err := newKey(at, start)
		if err != nil {
			return nil, false, err
		}
		next.Keys = append(next.Keys, key)
	}
}

func newKey(at, start time.Time) (*accesspb.SigningKeyPrivate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fault.Internal(err)
	}
	thumb, err := thumbprint(public)
	if err != nil {
		return nil, err
	}
	end := start.Add(KeyAge)
	return &accesspb.SigningKeyPrivate{
		Id: idOf(thumb), Seed: private.Seed(), CreateTime: timestamppb.New(at), SigningStartTime: timestamppb.New(start),
		SigningEndTime: timestamppb.New(end), ExpireTime: timestamppb.New(end.Add(linger)),
	}, nil
}

// thumbprint is what a key is told from others by (RFC 7638).
func thumbprint(public ed25519.PublicKey) (thumb [32]byte, err error) {
	k, err := jwk.Import(public)
	if err != nil {
		return thumb, fault.Internal(err)
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return thumb, fault.Internal(err)
	}
	copy(thumb[:], sum)
	return thumb, nil
}

func idOf(thumb [32]byte) string { return base64.RawURLEncoding.EncodeToString(thumb[:]) }

// signingKey is a key of a ring, ready for use.
type signingKey struct {
	Key

	private ed25519.PrivateKey
	// signs and ends are the first moment at which it signs and the one at which the next takes over; expires is the one at
	// which it is published no more.
	signs, ends, expires time.Time
}

// openRing makes the keys of a ring ready. DataLoss if one is not what its id says, or out of order.
func openRing(ring *accesspb.KeyRingPrivate) ([]*signingKey, error) {
	keys := make([]*signingKey, 0, len(ring.GetKeys()))
	for i, k := range ring.GetKeys() {
		key, err := openKey(k)
		if err == nil && i > 0 && key.signs.Before(keys[i-1].ends) {
			err = fmt.Errorf("key %d signs before the one before it has ended", i)
		}
		if err != nil {
			return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(fmt.Errorf("key ring %s: %w", ring.GetName(), err))
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func openKey(k *accesspb.SigningKeyPrivate) (*signingKey, error) {
	if len(k.GetSeed()) != ed25519.SeedSize {
		return nil, fmt.Errorf("the seed of %q has %d bytes", k.GetId(), len(k.GetSeed()))
	}
	private := ed25519.NewKeyFromSeed(k.GetSeed())
	public := private.Public().(ed25519.PublicKey) //nolint:forcetypeassert // as the type says
	thumb, err := thumbprint(public)
	if err != nil {
		return nil, err
	}
	if idOf(thumb) != k.GetId() {
		return nil, fmt.Errorf("the seed of %q is of another key", k.GetId())
	}
	return &signingKey{
		Key:     Key{name: keyName{id: k.GetId(), algorithm: EdDSA}, public: public, thumb: thumb},
		private: private,
		signs:   k.GetSigningStartTime().AsTime(), ends: k.GetSigningEndTime().AsTime(), expires: k.GetExpireTime().AsTime(),
	}, nil
}
