package oidctest

import (
	"context"
	"sync"
	"time"

	"github.com/ory/fosite"
)

// memory keeps what the issuer has to remember: its clients, and what was authorized. It implements the storages that fosite
// asks for in the authorization code flow.
type memory struct {
	mu      sync.Mutex
	clients map[string]fosite.Client
	// kept are requests, by what they are kept for and its signature; used are the codes that were exchanged.
	kept map[string]fosite.Requester
	used map[string]bool
}

func newMemory() *memory {
	return &memory{clients: map[string]fosite.Client{}, kept: map[string]fosite.Requester{}, used: map[string]bool{}}
}

const (
	codes   = "code "
	proofs  = "pkce "
	logins  = "openid "
	access  = "access "
	refresh = "refresh "
)

func (m *memory) keep(key string, r fosite.Requester) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[key] = r
	return nil
}

func (m *memory) find(key string) (fosite.Requester, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.kept[key]; ok {
		return r, nil
	}
	return nil, fosite.ErrNotFound
}

func (m *memory) forget(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, key)
	return nil
}

// GetClient finds a client.
func (m *memory) GetClient(_ context.Context, id string) (fosite.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.clients[id]; ok {
		return c, nil
	}
	return nil, fosite.ErrNotFound
}

// ClientAssertionJWTValid is asked for clients that prove themselves by a JWT: there are none.
func (*memory) ClientAssertionJWTValid(context.Context, string) error { return fosite.ErrNotFound }

// SetClientAssertionJWT is asked for the same.
func (*memory) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return fosite.ErrNotFound
}

// CreateAuthorizeCodeSession keeps a code.
func (m *memory) CreateAuthorizeCodeSession(_ context.Context, code string, r fosite.Requester) error {
	return m.keep(codes+code, r)
}

// GetAuthorizeCodeSession finds a code, and says so if it was used.
func (m *memory) GetAuthorizeCodeSession(_ context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	r, err := m.find(codes + code)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && m.used[code] {
		return r, fosite.ErrInvalidatedAuthorizeCode
	}
	return r, err
}

// InvalidateAuthorizeCodeSession notes that a code was used.
func (m *memory) InvalidateAuthorizeCodeSession(_ context.Context, code string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[code] = true
	return nil
}

// CreatePKCERequestSession keeps a challenge.
func (m *memory) CreatePKCERequestSession(_ context.Context, code string, r fosite.Requester) error {
	return m.keep(proofs+code, r)
}

// GetPKCERequestSession finds a challenge.
func (m *memory) GetPKCERequestSession(_ context.Context, code string, _ fosite.Session) (fosite.Requester, error) {
	return m.find(proofs + code)
}

// DeletePKCERequestSession forgets a challenge.
func (m *memory) DeletePKCERequestSession(_ context.Context, code string) error {
	return m.forget(proofs + code)
}

// CreateOpenIDConnectSession keeps who signed in.
func (m *memory) CreateOpenIDConnectSession(_ context.Context, code string, r fosite.Requester) error {
	return m.keep(logins+code, r)
}

// GetOpenIDConnectSession finds who signed in.
func (m *memory) GetOpenIDConnectSession(_ context.Context, code string, _ fosite.Requester) (fosite.Requester, error) {
	return m.find(logins + code)
}

// DeleteOpenIDConnectSession forgets who signed in.
func (m *memory) DeleteOpenIDConnectSession(_ context.Context, code string) error {
	return m.forget(logins + code)
}

// CreateAccessTokenSession keeps an access token.
func (m *memory) CreateAccessTokenSession(_ context.Context, signature string, r fosite.Requester) error {
	return m.keep(access+signature, r)
}

// GetAccessTokenSession finds an access token.
func (m *memory) GetAccessTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return m.find(access + signature)
}

// DeleteAccessTokenSession forgets an access token.
func (m *memory) DeleteAccessTokenSession(_ context.Context, signature string) error {
	return m.forget(access + signature)
}

// RevokeAccessToken forgets nothing: nobody shows access tokens here.
func (*memory) RevokeAccessToken(context.Context, string) error { return nil }

// CreateRefreshTokenSession keeps a refresh token.
func (m *memory) CreateRefreshTokenSession(_ context.Context, signature, _ string, r fosite.Requester) error {
	return m.keep(refresh+signature, r)
}

// GetRefreshTokenSession finds a refresh token.
func (m *memory) GetRefreshTokenSession(_ context.Context, signature string, _ fosite.Session) (fosite.Requester, error) {
	return m.find(refresh + signature)
}

// DeleteRefreshTokenSession forgets a refresh token.
func (m *memory) DeleteRefreshTokenSession(_ context.Context, signature string) error {
	return m.forget(refresh + signature)
}

// RotateRefreshToken forgets a refresh token.
func (m *memory) RotateRefreshToken(_ context.Context, _, signature string) error {
	return m.forget(refresh + signature)
}

// RevokeRefreshToken forgets nothing: nobody shows refresh tokens here.
func (*memory) RevokeRefreshToken(context.Context, string) error { return nil }
