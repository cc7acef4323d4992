// Package session keeps who is signed in, on this machine in a file for each server or in memory, and proves it to the server
// with each request. A file holds a refresh token and is readable by its owner alone.
//
// INV-SESSION-ONE-REFRESH: a refresh token is used by one process at a time and only once, however many programs run beside
// each other: what is kept is locked from reading to writing.
package session

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"coso/deploy/internal/client"
	"coso/services/platform/fault"

	identitypb "coso/proto/gen/coso/identity/v1"
)

// spare is how long a token must still hold to be sent.
const spare = 30 * time.Second

// Folder is where sessions lie unless told otherwise: `coso/sessions` in the user's configuration.
func Folder() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for sessions: %w", err)
	}
	return filepath.Join(dir, "coso", "sessions"), nil
}

// Session is what is kept of one server. Its methods are safe for concurrent use, in files by several processes too.
type Session struct {
	base  string
	place place
	now   func() time.Time
}

// place is where a session is kept. What is read is nil if nothing is.
type place interface {
	locked(ctx context.Context, do func() error) error
	read() (*kept, error)
	keep(k *kept) error
	forget() error
}

// At is the session for the server at base, kept in a folder.
func At(folder, base string) *Session {
	return &Session{base: base, place: file{filepath.Join(folder, url.PathEscape(base)+".json")}, now: time.Now}
}

// InMemory is a session for the server at base that ends with the process.
func InMemory(base string) *Session { return &Session{base: base, place: &memory{}, now: time.Now} }

// kept is the file.
type kept struct {
	Principal    string    `json:"principal"`
	Token        string    `json:"token"`
	Expires      time.Time `json:"expires"`
	RefreshToken string    `json:"refreshToken"`
}

// SignIn begins a session in place of the one that is kept. The answer says whether the password must be changed first:
// then nothing else is served. Errors are the server's.
func (s *Session) SignIn(ctx context.Context, username, password string) (*identitypb.SessionTokens, error) {
	got := &identitypb.SessionTokens{}
	in := &identitypb.CreateSessionRequest{Username: username, Password: password}
	if err := client.New(s.base).Post(ctx, "/v1/sessions", nil, in, got); err != nil {
		return nil, err
	}
	return got, s.place.locked(ctx, func() error { return s.place.keep(keeping(got)) })
}

// ChangePassword gives the account another password and takes up the session that is no longer narrowed.
func (s *Session) ChangePassword(ctx context.Context, old, next string) error {
	in := &identitypb.ChangePasswordRequest{OldPassword: old, NewPassword: next}
	if err := client.New(s.base).As(s.Bearer).Post(ctx, "/v1/sessions:changePassword", nil, in, nil); err != nil {
		return err
	}
	return s.place.locked(ctx, func() error {
		k, err := s.place.read()
		if err != nil {
			return err
		}
		_, err = s.refresh(ctx, k)
		return err
	})
}

// SignOut ends the session at the server and forgets it. One that is not kept is no error; one that the server cannot be
// told about is kept.
func (s *Session) SignOut(ctx context.Context) error {
	return s.place.locked(ctx, func() error {
		k, err := s.place.read()
		if err != nil || k == nil {
			return err
		}
		in := &identitypb.EndSessionRequest{RefreshToken: k.RefreshToken}
		if err := client.New(s.base).Post(ctx, "/v1/sessions:end", nil, in, nil); err != nil && fault.KindOf(err) != fault.KindUnauthenticated {
			return err
		}
		return s.place.forget()
	})
}

// Bearer is the token that proves who is signed in, a fresh one where the last is about to expire; empty: nobody is. It is a
// client.Proof. A session that the server does not know any more is forgotten, and the server's refusal says so.
func (s *Session) Bearer(ctx context.Context) (string, error) {
	if k, err := s.place.read(); err != nil || k == nil || s.holds(k) {
		return tokenOf(k), err
	}
	token := ""
	err := s.place.locked(ctx, func() error {
		k, err := s.place.read() // another program may have been faster
		if err != nil || k == nil || s.holds(k) {
			token = tokenOf(k)
			return err
		}
		token, err = s.refresh(ctx, k)
		return err
	})
	return token, err
}

// Proof is Bearer for a server that must know who calls: a NobodyError if nobody is signed in.
func (s *Session) Proof(ctx context.Context) (string, error) {
	token, err := s.Bearer(ctx)
	if err == nil && token == "" {
		err = &client.NobodyError{Base: s.base}
	}
	return token, err
}

// Principal is who is signed in; empty: nobody is.
func (s *Session) Principal() (string, error) {
	k, err := s.place.read()
	if err != nil || k == nil {
		return "", err
	}
	return k.Principal, nil
}

func keeping(got *identitypb.SessionTokens) *kept {
	return &kept{
		Principal: got.GetPrincipal(), Token: got.GetToken(), Expires: got.GetExpireTime().AsTime(), RefreshToken: got.GetRefreshToken(),
	}
}

func tokenOf(k *kept) string {
	if k == nil {
		return ""
	}
	return k.Token
}

func (s *Session) holds(k *kept) bool { return s.now().Add(spare).Before(k.Expires) }

// refresh asks for a new token while nobody else does.
func (s *Session) refresh(ctx context.Context, k *kept) (string, error) {
	got := &identitypb.SessionTokens{}
	err := client.New(s.base).Post(ctx, "/v1/sessions:refresh", nil, &identitypb.RefreshSessionRequest{RefreshToken: k.RefreshToken}, got)
	if fault.KindOf(err) == fault.KindUnauthenticated && err != nil {
		return "", errors.Join(err, s.place.forget())
	}
	if err != nil {
		return "", err
	}
	return got.GetToken(), s.place.keep(keeping(got))
}
