package oidc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// pending is a sign-in that was begun. The browser keeps it, sealed: nothing is kept here, so nobody can fill a memory, and a
// restart costs whoever is just signing in one more try.
type pending struct {
	// State comes back with the browser, Nonce in the ID token; Verifier proves to the issuer who began (PKCE).
	State, Nonce, Verifier string
	// To is the page to which it leads.
	To string
	// Until is when it has taken too long.
	Until time.Time
}

// seal seals pending sign-ins with a key that no other process has, nor this one after a restart.
type seal struct{ aead cipher.AEAD }

// what the seal is for, so that nothing else sealed with the key passes for it.
const sealedFor = "coso oidc sign-in 1"

var errSeal = errors.New("no sealed sign-in of this process")

func newSeal() (*seal, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &seal{aead}, err
}

func (s *seal) close(p *pending) (string, error) {
	raw, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, raw, []byte(sealedFor))), nil //nolint:gosec // G407: this AEAD draws the nonce itself
}

func (s *seal) open(sealed string) (*pending, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errSeal
	}
	if raw, err = s.aead.Open(nil, nil, raw, []byte(sealedFor)); err != nil {
		return nil, errSeal
	}
	p := &pending{}
	return p, json.Unmarshal(raw, p)
}
