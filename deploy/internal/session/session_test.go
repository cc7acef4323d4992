package session_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coso/deploy/internal/client"
	"coso/deploy/internal/session"
	"coso/deploy/internal/single"
	"coso/gateway/front"
	"coso/gateway/identity"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*Server).startGoRoutine.func1"))
}

// up starts everything and answers its address and the first account's one-time password.
func up(t *testing.T, limits identity.Limits) (base, password string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- single.Run(ctx, single.Options{
			Dir: t.TempDir(), Front: front.Settings{HTTP: "127.0.0.1:0", Sessions: limits}, Logger: slog.New(slog.DiscardHandler),
			First: func(f identity.First) { password = f.OneTimePassword },
		}, func(base string) { ready <- base })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case base = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return base, password
}

func caller(t *testing.T, base string, s *session.Session) string {
	t.Helper()
	who := &identitypb.Caller{}
	if err := client.New(base).As(s.Bearer).Get(t.Context(), "/v1/caller", nil, who); err != nil {
		t.Fatal(err)
	}
	return who.GetPrincipal()
}

func TestSignInAndOut(t *testing.T) {
	base, oneTime := up(t, identity.Limits{})
	folder := filepath.Join(t.TempDir(), "sessions")
	s := session.At(folder, base)
	if token, err := s.Bearer(t.Context()); err != nil || token != "" {
		t.Fatalf("before anybody signs in: %q, %v", token, err)
	}
	if _, err := s.SignIn(t.Context(), "admin", "không phải mật khẩu"); fault.ReasonOf(err) != faultpb.Reason_REASON_SIGN_IN_FAILED {
		t.Fatalf("a wrong password: %v", err)
	}
	got, err := s.SignIn(t.Context(), "admin", oneTime)
	if err != nil || !got.GetMustChangePassword() {
		t.Fatalf("signed in: %v, %v", got, err)
	}
	if err := s.ChangePassword(t.Context(), oneTime, "mưa rào tháng sáu"); err != nil {
		t.Fatal(err)
	}
	if who := caller(t, base, s); who != "principals/admin" {
		t.Errorf("signed in as %s", who)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if err := s.SignOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	if token, err := s.Bearer(t.Context()); err != nil || token != "" {
		t.Errorf("after signing out: %q, %v", token, err)
	}
	if err := s.SignOut(t.Context()); err != nil {
		t.Errorf("signing out again: %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("signing out leaves %v, %v", left, err)
	}
}

// Programs beside each other use up a refresh token one after the other: INV-SESSION-ONE-REFRESH. A token of a minute is
// refreshed long before it ends if half a minute must be left.
func TestManyProgramsAtOnce(t *testing.T) {
	base, oneTime := up(t, identity.Limits{Token: time.Minute})
	folder := t.TempDir()
	first := session.At(folder, base)
	if _, err := first.SignIn(t.Context(), "admin", oneTime); err != nil {
		t.Fatal(err)
	}
	first.Hurry(40 * time.Second) // every token is about to expire
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			s := session.At(folder, base)
			s.Hurry(40 * time.Second)
			if token, err := s.Bearer(t.Context()); err != nil || token == "" {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	g.Wait()
	if who := caller(t, base, first); who != "principals/admin" {
		t.Errorf("signed in as %s", who)
	}
}

func TestForgottenByTheServer(t *testing.T) {
	base, oneTime := up(t, identity.Limits{})
	folder := t.TempDir()
	s := session.At(folder, base)
	got, err := s.SignIn(t.Context(), "admin", oneTime)
	if err != nil {
		t.Fatal(err)
	}
	in := &identitypb.EndSessionRequest{RefreshToken: got.GetRefreshToken()}
	if err := client.New(base).Post(t.Context(), "/v1/sessions:end", nil, in, nil); err != nil {
		t.Fatal(err)
	}
	s.Hurry(24 * time.Hour)
	if _, err := s.Bearer(t.Context()); fault.KindOf(err) != fault.KindUnauthenticated {
		t.Errorf("refreshed with %v", err)
	}
	if who, err := s.Principal(); err != nil || who != "" {
		t.Errorf("still kept: %q, %v", who, err)
	}
}

func TestDamagedFile(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "http:%2F%2F127.0.0.1:1.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := session.At(folder, "http://127.0.0.1:1").Bearer(t.Context()); err == nil {
		t.Error("a damaged file passes for no session")
	}
}
