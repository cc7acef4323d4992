package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
)

// Algorithm is how a token is signed, by its JOSE name.
type Algorithm string

// The algorithms there are. Each takes one type of key, and each type of key one of them.
const (
	EdDSA Algorithm = "EdDSA" // Ed25519
	ES256 Algorithm = "ES256" // P-256
	RS256 Algorithm = "RS256" // 2048 bits at least
)

// The bounds of an RSA key, in bits: shorter is weak, longer only costs time.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxKeys bounds the keys of one issuer.
const maxKeys = 100

// KeySource are the keys that an issuer publishes. Signer and RemoteKeys are sources. Safe for concurrent use.
type KeySource interface {
	// Key returns the key that is published now under this id for this algorithm. It is quick and never waits.
	Key(id string, algorithm Algorithm) (*Key, bool)
	// Refresh asks the issuer for its keys if that may bring new ones, and waits until it has answered. Unavailable if there
	// are no keys to go by; it is no error that a key is still not there.
	Refresh(ctx context.Context) error
}

// Key is the public key of an issuer. It is not changed once made.
type Key struct {
	name   keyName
	public crypto.PublicKey
	// thumb is the RFC 7638 thumbprint: another key of the same name has another.
	thumb [32]byte
}

// keyName is what a key is found by: its id is looked up together with the algorithm, so that a key is never used with
// another than it was published for.
type keyName struct {
	id        string
	algorithm Algorithm
}

// fits reports whether the key signed what p holds.
func (k *Key) fits(p *parts) bool {
	return jwsbb.Verify(k.public, string(k.name.algorithm), p.signed, p.signature) == nil
}

func (k *Key) same(other *Key) bool { return k.name == other.name && k.thumb == other.thumb }

var errKey = errors.New("not a key for signatures of tokens")

// parseKey reads a JWK. It is refused if it is private or symmetric, for anything but signatures, too weak, for an algorithm
// other than the three, or without an id.
func parseKey(raw []byte) (*Key, error) {
	k, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, errKey // without the cause: it may repeat the key
	}
	if private, err := jwk.IsPrivateKey(k); err != nil || private {
		return nil, fmt.Errorf("%w: it is secret", errKey)
	}
	if use, ok := k.KeyUsage(); ok && use != "sig" {
		return nil, fmt.Errorf("%w: its use is %q", errKey, use)
	}
	if ops, ok := k.KeyOps(); ok && !slices.Contains(ops, jwk.KeyOpVerify) {
		return nil, fmt.Errorf("%w: verify is none of its key_ops", errKey)
	}
	id, ok := k.KeyID()
	if !ok || id == "" || len(id) > maxKeyID {
		return nil, fmt.Errorf("%w: it has no kid", errKey)
	}
	var public any
	if err := jwk.Export(k, &public); err != nil {
		return nil, errKey
	}
	key := &Key{name: keyName{id: id}, public: public}
	if key.name.algorithm, err = algorithmOf(public); err != nil {
		return nil, err
	}
	if given, ok := k.Algorithm(); ok && given.String() != string(key.name.algorithm) {
		return nil, fmt.Errorf("%w: it is published for %s", errKey, given)
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, errKey
	}
	copy(key.thumb[:], sum)
	return key, nil
}

// algorithmOf returns the one algorithm that a key is for.
func algorithmOf(public crypto.PublicKey) (Algorithm, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return EdDSA, nil
		}
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return "", fmt.Errorf("%w: its curve is not P-256", errKey)
		}
		if _, err := k.ECDH(); err == nil { // a point of the curve
			return ES256, nil
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return "", fmt.Errorf("%w: it has %d bits, from %d to %d are allowed", errKey, bits, minRSA, maxRSA)
		}
		return RS256, nil
	}
	return "", errKey
}

// keySet are the keys of an issuer.
type keySet map[keyName]*Key

// parseKeys reads a JWK set (RFC 7517). Keys that are no use are left out and returned as unusable; two different keys of
// one name make the whole set unusable, since which one was meant cannot be known.
func parseKeys(raw []byte) (set keySet, unusable []error, err error) {
	document, err := parseObject(raw)
	if err != nil {
		return nil, nil, err
	}
	var list []json.RawMessage
	if keys := document["keys"]; len(keys) == 0 || keys[0] != '[' || json.Unmarshal(keys, &list) != nil {
		return nil, nil, errors.New("no list of keys")
	}
	if len(list) > maxKeys {
		return nil, nil, fmt.Errorf("%d keys, more than %d", len(list), maxKeys)
	}
	set = keySet{}
	for i, raw := range list {
		key, err := parseKey(raw)
		if err != nil {
			unusable = append(unusable, fmt.Errorf("keys[%d]: %w", i, err))
			continue
		}
		if other := set[key.name]; other != nil && !other.same(key) {
			return nil, nil, fmt.Errorf("two keys with the kid of keys[%d]", i)
		}
		set[key.name] = key
	}
	return set, unusable, nil
}
