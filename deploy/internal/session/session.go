// Package session keeps who is signed in on this machine, a file for each server, and proves it to the server with each
// request. A file holds a refresh token and is readable by its owner alone.
//
// INV-SESSION-ONE-REFRESH: a refresh token is used by one process at a time and only once, however many programs run beside
// each other: the file is locked from reading to writing.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"coso/deploy/internal/client"
	"coso/services/platform/fault"

	identitypb "coso/proto/gen/coso/identity/v1"
)

const (
	// spare is how long a token must still hold to be sent.
	spare = 30 * time.Second
	// patience is how long another program's refresh is waited for, look how often it is asked.
	patience = 30 * time.Second
	look     = 20 * time.Millisecond
)

// Folder is where sessions lie unless told otherwise: `coso/sessions` in the user's configuration.
func Folder() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for sessions: %w", err)
	}
	return filepath.Join(dir, "coso", "sessions"), nil
}

// Session is what is kept of one server. Its methods are safe for concurrent use, by several processes too.
type Session struct {
	base, path string
	now        func() time.Time
}

// At is the session for the server at base, kept in a folder.
func At(folder, base string) *Session {
	return &Session{base: base, path: filepath.Join(folder, url.PathEscape(base)+".json"), now: time.Now}
}

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
	return got, s.locked(ctx, func() error { return s.keep(got) })
}

// ChangePassword gives the account another password and takes up the session that is no longer narrowed.
func (s *Session) ChangePassword(ctx context.Context, old, next string) error {
	in := &identitypb.ChangePasswordRequest{OldPassword: old, NewPassword: next}
	if err := client.New(s.base).As(s.Bearer).Post(ctx, "/v1/sessions:changePassword", nil, in, nil); err != nil {
		return err
	}
	return s.locked(ctx, func() error {
		k, err := s.read()
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
	return s.locked(ctx, func() error {
		k, err := s.read()
		if err != nil || k == nil {
			return err
		}
		in := &identitypb.EndSessionRequest{RefreshToken: k.RefreshToken}
		if err := client.New(s.base).Post(ctx, "/v1/sessions:end", nil, in, nil); err != nil && fault.KindOf(err) != fault.KindUnauthenticated {
			return err
		}
		return os.Remove(s.path)
	})
}

// Bearer is the token that proves who is signed in, a fresh one where the last is about to expire; empty: nobody is. It is a
// client.Proof. A session that the server does not know any more is forgotten, and the server's refusal says so.
func (s *Session) Bearer(ctx context.Context) (string, error) {
	if k, err := s.read(); err != nil || k == nil || s.holds(k) {
		return tokenOf(k), err
	}
	token := ""
	err := s.locked(ctx, func() error {
		k, err := s.read() // another program may have been faster
		if err != nil || k == nil || s.holds(k) {
			token = tokenOf(k)
			return err
		}
		token, err = s.refresh(ctx, k)
		return err
	})
	return token, err
}

// Principal is who is signed in; empty: nobody is.
func (s *Session) Principal() (string, error) {
	k, err := s.read()
	if err != nil || k == nil {
		return "", err
	}
	return k.Principal, nil
}

func tokenOf(k *kept) string {
	if k == nil {
		return ""
	}
	return k.Token
}

func (s *Session) holds(k *kept) bool { return s.now().Add(spare).Before(k.Expires) }

// refresh asks for a new token with the file locked.
func (s *Session) refresh(ctx context.Context, k *kept) (string, error) {
	got := &identitypb.SessionTokens{}
	err := client.New(s.base).Post(ctx, "/v1/sessions:refresh", nil, &identitypb.RefreshSessionRequest{RefreshToken: k.RefreshToken}, got)
	if fault.KindOf(err) == fault.KindUnauthenticated && err != nil {
		return "", errors.Join(err, os.Remove(s.path))
	}
	if err != nil {
		return "", err
	}
	return got.GetToken(), s.keep(got)
}

// locked runs do while no other process reads or writes the file.
func (s *Session) locked(ctx context.Context, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	lock := flock.New(s.path+".lock", flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, look); err != nil {
		return fmt.Errorf("session: another program holds %s: %w", lock.Path(), err)
	}
	return errors.Join(do(), lock.Close())
}

// read answers what is kept; nil: nothing.
func (s *Session) read() (*kept, error) {
	raw, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nobody is signed in, which is no error
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	k := &kept{}
	if err := json.Unmarshal(raw, k); err != nil {
		return nil, fmt.Errorf("session: %s cannot be read (%w); remove it and sign in again", s.path, err)
	}
	return k, nil
}

// keep replaces the file whole, so that a cut leaves the old one.
func (s *Session) keep(got *identitypb.SessionTokens) error {
	raw, err := json.Marshal(kept{
		Principal: got.GetPrincipal(), Token: got.GetToken(), Expires: got.GetExpireTime().AsTime(), RefreshToken: got.GetRefreshToken(),
	})
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(s.path), ".session-*") // readable by its owner alone
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	_, err = next.Write(raw)
	if err = errors.Join(err, next.Sync(), next.Close()); err == nil {
		err = os.Rename(next.Name(), s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("session: %w", err), os.Remove(next.Name()))
	}
	return nil
}
