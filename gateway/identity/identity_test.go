package identity

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// cheap are parameters that let a test sign in often.
var cheap = password.Parameters{From: "test", Memory: 64, Passes: 1, Lanes: 1}

// phrase is a password that passes the rules.
const phrase = "Trăng lên đầu ngõ nhỏ"

// clock is a time that a test moves.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time        { return time.Unix(0, c.at.Load()) }
func (c *clock) move(by time.Duration) { c.at.Add(int64(by)) }

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// house is an identity service under test. accounts are managed by quan, an administrator; whoever else calls says so.
type house struct {
	*testing.T
	*Service
	clock    *clock
	log      *syncBuffer
	dir      string
	hashing  password.Parameters
	signIns  *token.Identities
	accounts identitypb.AccountServiceClient
	sessions identitypb.SessionServiceClient
	tokens   identitypb.ApiTokenServiceClient
	end      func()
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, clock: newClock(), log: &syncBuffer{}, dir: t.TempDir(), hashing: cheap}
	h.open()
	h.grant("quan", accesspb.Role_ROLE_ADMINISTRATOR)
	t.Cleanup(func() { h.end() })
	return h
}

// open opens the service and lets it run: its timers fire.
func (h *house) open() {
	h.Helper()
	s, err := New(h.Context(), Options{
		Options: run.Options{Dir: h.dir, Clock: h.clock.now, Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		Hashing: h.hashing, SignIns: h.signIns,
	})
	if err != nil {
		h.Fatal(err)
	}
	h.Service = s
	h.accounts = identitypb.NewAccountServiceClient(tokentest.Showing(s.Conn(), func() (string, error) {
		compact, _, err := s.ring.Sign(h.Context(), "quan", 5*time.Minute, "")
		return compact, err
	}))
	h.sessions = identitypb.NewSessionServiceClient(s.Conn())
	h.tokens = identitypb.NewApiTokenServiceClient(s.Conn())
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Part(nil, nil).Run(ctx, func() {}) }()
	h.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.Error(err)
		}
	})
}

// again stops the service and opens it on the same data.
func (h *house) again() {
	h.Helper()
	h.end()
	h.open()
}

// from is a call from an address.
func (h *house) from(source string) context.Context {
	return metadata.AppendToOutgoingContext(h.Context(), SourceHeader, source)
}

// bearing is a call with a token.
func (h *house) bearing(token string) context.Context {
	return metadata.AppendToOutgoingContext(h.from("192.0.2.1"), "authorization", "Bearer "+token)
}

// account opens an account with a one-time password.
func (h *house) account(id string) (oneTime string) {
	h.Helper()
	made, err := h.accounts.CreateAccount(h.Context(), &identitypb.CreateAccountRequest{
		AccountId: id, Account: &identitypb.Account{DisplayName: "Nguyễn Thị " + id},
	})
	if err != nil {
		h.Fatal(err)
	}
	return made.GetOneTimePassword()
}

// person opens an account whose owner has chosen the phrase.
func (h *house) person(id string) *identitypb.SessionTokens {
	h.Helper()
	first := h.account(id)
	in := h.signIn(id, first)
	if _, err := h.sessions.ChangePassword(h.bearing(in.GetToken()), &identitypb.ChangePasswordRequest{OldPassword: first, NewPassword: phrase}); err != nil {
		h.Fatal(err)
	}
	return h.refresh(in.GetRefreshToken())
}

// grant gives an account's owner a role everywhere, as the registry would tell it.
func (h *house) grant(id string, role accesspb.Role) {
	h.Helper()
	_, err := store.Update(itself(h.Context(), "test"), h.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, records.Grants.Put(tx, &registrypb.Grant{
			Name: "grants/" + id, Principal: "principals/" + id, Role: role, StartTime: timestamppb.New(h.clock.now()),
		})
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) try(ctx context.Context, id, password string) (*identitypb.SessionTokens, error) {
	return h.sessions.CreateSession(ctx, &identitypb.CreateSessionRequest{Username: id, Password: password})
}

func (h *house) signIn(id, password string) *identitypb.SessionTokens {
	h.Helper()
	in, err := h.try(h.from("192.0.2.1"), id, password)
	if err != nil {
		h.Fatalf("%s does not come in: %v", id, err)
	}
	return in
}

func (h *house) refresh(token string) *identitypb.SessionTokens {
	h.Helper()
	out, err := h.sessions.RefreshSession(h.from("192.0.2.1"), &identitypb.RefreshSessionRequest{RefreshToken: token})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func statusOf(err error) *status.Status { return status.Convert(err) }

// refused demands that a call was refused for a reason.
func (h *house) refused(err error, kind fault.Kind, reason faultpb.Reason) {
	h.Helper()
	_ = h.refusal(err, kind, reason)
}

// refusal demands the same, and answers the refusal.
func (h *house) refusal(err error, kind fault.Kind, reason faultpb.Reason) *fault.Error {
	h.Helper()
	if err == nil {
		h.Fatalf("answered, want %v", reason)
	}
	f := fault.From(fault.FromStatus(statusOf(err)))
	if f.Kind != kind || f.Reason != reason {
		h.Fatalf("refused with %v %v (%v), want %v %v", f.Kind, f.Reason, err, kind, reason)
	}
	return f
}

func TestFromTheFirstSignInToTheLast(t *testing.T) {
	h := newHouse(t)
	first := h.account("lan")
	in := h.signIn(" LAN ", first)
	if !in.GetMustChangePassword() || in.GetPrincipal() != "principals/lan" || in.GetSession().GetSource() != "192.0.2.1" {
		t.Fatalf("signed in: %v", in)
	}
	narrow := h.bearing(in.GetToken())
	who, err := h.sessions.GetCaller(narrow, &identitypb.GetCallerRequest{})
	if err != nil || !who.GetMustChangePassword() || strings.Join(who.GetScope(), " ") != access.ScopePassword || who.GetSession() != in.GetSession().GetName() {
		t.Fatalf("caller %v, %v", who, err)
	}
	_, err = h.sessions.ListSessions(narrow, &identitypb.ListSessionsRequest{})
	h.refused(err, fault.KindPermissionDenied, faultpb.Reason_REASON_PASSWORD_CHANGE_NEEDED)
	if _, err := h.sessions.ChangePassword(narrow, &identitypb.ChangePasswordRequest{OldPassword: first, NewPassword: phrase}); err != nil {
		t.Fatal(err)
	}
	in = h.refresh(in.GetRefreshToken())
	wide := h.bearing(in.GetToken())
	who, err = h.sessions.GetCaller(wide, &identitypb.GetCallerRequest{})
	if err != nil || who.GetMustChangePassword() || len(who.GetScope()) != 0 || who.GetDisplayName() != "Nguyễn Thị lan" || who.GetAccount() != "accounts/lan" {
		t.Fatalf("caller %v, %v", who, err)
	}
	other := h.signIn("lan", phrase)
	list, err := h.sessions.ListSessions(wide, &identitypb.ListSessionsRequest{})
	if err != nil || len(list.GetSessions()) != 2 || list.GetSessions()[0].GetCurrent() || !list.GetSessions()[1].GetCurrent() {
		t.Fatalf("sessions %v, %v", list, err)
	}
	if _, err := h.sessions.EndSession(wide, &identitypb.EndSessionRequest{Name: other.GetSession().GetName()}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // signing out twice is no error
		if _, err := h.sessions.EndSession(wide, &identitypb.EndSessionRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.sessions.GetCaller(wide, &identitypb.GetCallerRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	_, err = h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: other.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
}
