package identity

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"coso/gateway/identity/internal/password"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// INV-PASSWORD-SAME-WORK, and the same words: whether a user name is known does not show.
func TestUnknownNamesCostAndSayTheSame(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	h.account("mai") // never signed in
	h.person("hoa")
	if _, err := h.accounts.UpdateAccount(h.Context(), &identitypb.UpdateAccountRequest{
		Account: &identitypb.Account{Name: "accounts/hoa", Disabled: true, DisabledReason: "Chuyển công tác"},
	}); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, user := range []string{"lan", "mai", "hoa", "nobody", "Nguyễn Văn Không", "../admin", "sso-0123456789abcdefghijklmnopqrstuv"} {
		before := h.hasher.Runs()
		_, err := h.try(h.from("192.0.2.7"), user, "hoàn toàn sai rồi")
		refusal := h.refusal(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
		said[refusal.Msg+refusal.MsgVi+refusal.Field+fmt.Sprint(refusal.Params)] = true
		if n := h.hasher.Runs() - before; n != 1 {
			t.Errorf("%s: %d computations", user, n)
		}
	}
	if len(said) != 1 {
		t.Errorf("refusals differ: %v", said)
	}
	_, err := h.try(h.from("192.0.2.8"), "hoa", phrase) // only who knows the password hears more
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_ACCOUNT_DISABLED)
}

func TestPasswordsAreReadAsTyped(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	decomposed := "Tra\u0306ng le\u0302n \u0111a\u0302\u0300u ngo\u0303 nho\u0309" // as some keyboards send it
	if h.signIn("lan", decomposed).GetMustChangePassword() {
		t.Error("narrowed")
	}
	_, err := h.try(h.from("192.0.2.1"), "lan", strings.ToLower(phrase))
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
}

// INV-SESSION-ONCE
func TestAReusedRefreshTokenEndsTheSession(t *testing.T) {
	h := newHouse(t)
	first := h.person("lan")
	second := h.refresh(first.GetRefreshToken())
	_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: first.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_REFRESH_TOKEN_REUSED)
	_, err = h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: second.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	_, err = h.sessions.ListSessions(h.bearing(second.GetToken()), &identitypb.ListSessionsRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
}

func TestTwoRefreshesAtOnceAreOneTooMany(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	const n = 4
	answers := make(chan error, n)
	for range n {
		go func() {
			_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
			answers <- err
		}()
	}
	good := 0
	for range n {
		if err := <-answers; err == nil {
			good++
		} else if code := fault.From(fault.FromStatus(statusOf(err))).Kind; code != fault.KindUnauthenticated {
			t.Errorf("refused with %v", err)
		}
	}
	if good != 1 {
		t.Errorf("%d refreshed with one token", good)
	}
}

func TestForeignRefreshTokens(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan").GetRefreshToken()
	id, secret, _ := strings.Cut(in, ".")
	for given, reason := range map[string]faultpb.Reason{
		"x":                         faultpb.Reason_REASON_REFRESH_TOKEN_INVALID,
		in[1:]:                      faultpb.Reason_REASON_SESSION_ENDED,
		in[:len(in)-1]:              faultpb.Reason_REASON_REFRESH_TOKEN_INVALID,
		id + "." + reversed(secret): faultpb.Reason_REASON_REFRESH_TOKEN_INVALID,
		id + "." + strings.Repeat("A", len(secret)): faultpb.Reason_REASON_REFRESH_TOKEN_INVALID,
	} {
		_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: given})
		h.refused(err, fault.KindUnauthenticated, reason)
	}
	h.refresh(in) // none of them did it any harm
}

func reversed(s string) string {
	out := []byte(s)
	for i := range len(out) / 2 {
		out[i], out[len(out)-1-i] = out[len(out)-1-i], out[i]
	}
	return "A" + string(out[1:len(out)-1]) + "A"
}

// INV-SESSION-ENDS
func TestSessionsEnd(t *testing.T) {
	h := newHouse(t)
	idle := h.person("lan")
	h.clock.move(2*time.Hour + time.Second)
	_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: idle.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)

	used := h.signIn("lan", phrase)
	begun := h.clock.now()
	for h.clock.now().Sub(begun) < 11*time.Hour {
		h.clock.move(time.Hour)
		used = h.refresh(used.GetRefreshToken())
	}
	if end := used.GetSession().GetIdleExpireTime().AsTime(); end.Sub(begun).Round(time.Second) != 12*time.Hour {
		t.Errorf("ends after %s", end.Sub(begun))
	}
	h.clock.move(time.Hour + time.Second)
	_, err = h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: used.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
}

func TestATokenHoldsForItsTime(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	if life := in.GetExpireTime().AsTime().Sub(h.clock.now()); life > 10*time.Minute || life < 9*time.Minute {
		t.Errorf("holds for %s", life)
	}
	h.clock.move(10 * time.Minute)
	_, err := h.sessions.GetCaller(h.bearing(in.GetToken()), &identitypb.GetCallerRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_EXPIRED)
}

func TestTheOldestOfTooManySessionsEnds(t *testing.T) {
	h := newHouse(t)
	first := h.person("lan")
	for range 20 {
		h.clock.move(time.Second)
		h.signIn("lan", phrase)
	}
	_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: first.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	list, err := h.sessions.ListSessions(h.bearing(h.signIn("lan", phrase).GetToken()), &identitypb.ListSessionsRequest{})
	if err != nil || len(list.GetSessions()) != 20 {
		t.Errorf("%d sessions, %v", len(list.GetSessions()), err)
	}
}

func TestChangingThePassword(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	other := h.signIn("lan", phrase)
	ctx := h.bearing(in.GetToken())
	change := func(was, next string) error {
		_, err := h.sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: was, NewPassword: next})
		return err
	}
	f := h.refusal(change("sai rồi sai rồi", "một hai ba bốn năm"), fault.KindInvalidArgument, faultpb.Reason_REASON_PASSWORD_WRONG)
	if f.Field != "oldPassword" {
		t.Errorf("field %s", f.Field)
	}
	h.refused(change(phrase, phrase), fault.KindInvalidArgument, faultpb.Reason_REASON_PASSWORD_UNCHANGED)
	h.refused(change(phrase, "ngắn quá"), fault.KindInvalidArgument, faultpb.Reason_REASON_PASSWORD_TOO_SHORT)
	h.refused(change(phrase, "matkhau123456"), fault.KindInvalidArgument, faultpb.Reason_REASON_PASSWORD_TOO_SIMPLE)
	if err := change(phrase, "một hai ba bốn năm"); err != nil {
		t.Fatal(err)
	}
	_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: other.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	h.refresh(in.GetRefreshToken())
	_, err = h.try(h.from("192.0.2.1"), "lan", phrase)
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
	h.signIn("lan", "một hai ba bốn năm")
}

func TestWhoIsNotSignedIn(t *testing.T) {
	h := newHouse(t)
	_, err := h.sessions.ListSessions(h.Context(), &identitypb.ListSessionsRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_MISSING)
	_, err = h.sessions.EndSession(h.Context(), &identitypb.EndSessionRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_MISSING)
	_, err = h.sessions.GetCaller(h.bearing("a.b.c"), &identitypb.GetCallerRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_MALFORMED)

	h.person("mai")
	lan, mai := h.person("lan"), h.signIn("mai", phrase)
	_, err = h.sessions.EndSession(h.bearing(lan.GetToken()), &identitypb.EndSessionRequest{Name: mai.GetSession().GetName()})
	h.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	h.refresh(mai.GetRefreshToken())
}

// A password is hashed anew when the parameters have grown.
func TestPasswordsAreHashedAnew(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	h.hashing = password.Parameters{From: "later", Memory: 128, Passes: 2, Lanes: 1}
	h.again()
	for want := int64(2); want >= 1; want-- { // the first time once to compare and once anew
		before := h.hasher.Runs()
		h.signIn("lan", phrase)
		if n := h.hasher.Runs() - before; n != want {
			t.Errorf("%d computations, want %d", n, want)
		}
	}
}

// What was answered is there after a kill: a copy of the files as they lie there, with nothing closed.
func TestAKillLosesNoSession(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	killed := &house{T: t, clock: h.clock, log: h.log, dir: t.TempDir(), hashing: cheap}
	if err := os.CopyFS(killed.dir, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
	killed.open()
	defer killed.end()
	if who, err := killed.sessions.GetCaller(killed.bearing(in.GetToken()), &identitypb.GetCallerRequest{}); err != nil || who.GetPrincipal() != "principals/lan" {
		t.Errorf("the token: %v, %v", who, err)
	}
	killed.refresh(in.GetRefreshToken())
	killed.signIn("lan", phrase)
}
