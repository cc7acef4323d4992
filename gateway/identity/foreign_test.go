package identity

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"coso/gateway/internal/oidc/oidctest"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// abroad is an identity service that believes an issuer.
type abroad struct {
	*house

	issuer *oidctest.Issuer
}

func newAbroad(t *testing.T) *abroad {
	t.Helper()
	a := &abroad{house: newHouse(t), issuer: oidctest.New(t)}
	a.believes(a.issuer.URL())
	return a
}

// believes opens the service again, believing an issuer; "": none.
func (a *abroad) believes(issuer string) {
	a.Helper()
	a.signIns = nil
	if issuer != "" {
		keys, err := token.NewRemoteKeys(token.RemoteOptions{Issuer: a.issuer.URL(), Logger: slog.New(slog.DiscardHandler), PauseBetween: time.Nanosecond})
		if err != nil {
			a.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(a.Context()))
		ended := make(chan error, 1)
		go func() { ended <- keys.Run(ctx) }()
		a.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				a.Error(err)
			}
		})
		if a.signIns, err = token.NewIdentities(token.Issuer{
			URL: issuer, Algorithms: []token.Algorithm{token.ES256}, Prefix: "office", Keys: keys,
		}, "coso-page", a.clock.now); err != nil {
			a.Fatal(err)
		}
	}
	a.again()
}

// comes begins a session of the issuer's person.
func (a *abroad) comes() *identitypb.SessionTokens {
	a.Helper()
	in, err := identitypb.NewSignInServiceClient(a.ConnOf(mtls.Gateway)).BeginSession(a.from("192.0.2.1"),
		&identitypb.BeginSessionRequest{IdToken: a.issuer.IDToken("coso-page", "n-1", a.clock.now()), Nonce: "n-1"})
	if err != nil {
		a.Fatal(err)
	}
	return in
}

// A session of another issuer's user holds as any, and ends as any: signed out, unused, too long, or by an administrator.
func TestForeignSessionsEnd(t *testing.T) {
	a := newAbroad(t)
	in := a.comes()
	who, err := a.sessions.GetCaller(a.bearing(in.GetToken()), &identitypb.GetCallerRequest{})
	if err != nil || who.GetPrincipal() != in.GetPrincipal() || who.GetAccount() != "" || who.GetDisplayName() != "Nguyễn Thị Lan" || who.GetSession() != in.GetSession().GetName() {
		t.Fatalf("caller %v, %v", who, err)
	}
	for name, end := range map[string]func(in *identitypb.SessionTokens){
		"signed out": func(in *identitypb.SessionTokens) {
			if _, err := a.sessions.EndSession(a.bearing(in.GetToken()), &identitypb.EndSessionRequest{}); err != nil {
				t.Fatal(err)
			}
		},
		"unused": func(*identitypb.SessionTokens) { a.clock.move(2*time.Hour + time.Second) },
		"issuer not named any more": func(*identitypb.SessionTokens) {
			a.believes("https://other.example")
			a.believes("")
		},
	} {
		in := a.refresh(a.comes().GetRefreshToken())
		end(in)
		_, err := a.sessions.RefreshSession(a.Context(), &identitypb.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
		if got := fault.ReasonOf(fault.FromStatus(statusOf(err))); got != faultpb.Reason_REASON_SESSION_ENDED {
			t.Errorf("%s: %v", name, err)
		}
		a.believes(a.issuer.URL())
	}
}

// An administrator ends the sessions of somebody, of whichever kind, and nobody else does.
func TestEndingSomebodysSessions(t *testing.T) {
	a := newAbroad(t)
	admin, lan := a.person("admin"), a.person("lan")
	a.grant("admin", accesspb.Role_ROLE_ADMINISTRATOR)
	foreign := []*identitypb.SessionTokens{a.comes(), a.comes()}
	minh := a.comesAs(oidctest.Person{Subject: "minh@office.example", Name: "Trần Văn Minh"})
	end := func(as *identitypb.SessionTokens, principal string) (int32, error) {
		res, err := a.sessions.EndSessions(a.bearing(as.GetToken()), &identitypb.EndSessionsRequest{Principal: principal})
		return res.GetEnded(), err
	}
	for name, as := range map[string]*identitypb.SessionTokens{"an account": lan, "another issuer's user": foreign[0]} {
		if _, err := end(as, foreign[0].GetPrincipal()); fault.KindOf(fault.FromStatus(statusOf(err))) != fault.KindPermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := end(admin, foreign[0].GetPrincipal()); err != nil || n != 2 {
		t.Fatalf("%d, %v", n, err)
	}
	for _, in := range foreign {
		_, err := a.sessions.RefreshSession(a.Context(), &identitypb.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
		a.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
		_, err = a.sessions.GetCaller(a.bearing(in.GetToken()), &identitypb.GetCallerRequest{})
		a.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	}
	a.refresh(minh.GetRefreshToken())
	if n, err := end(admin, "principals/lan"); err != nil || n != 1 {
		t.Errorf("an account's: %d, %v", n, err)
	}
	_, err := end(admin, "principals/nobody")
	a.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	if n, err := end(admin, "principals/office-"+strings.Repeat("0", 32)); err != nil || n != 0 {
		t.Errorf("of whom there are none: %d, %v", n, err)
	}
}

func (a *abroad) comesAs(p oidctest.Person) *identitypb.SessionTokens {
	a.Helper()
	a.issuer.SignIn(p)
	return a.comes()
}

// INV-SESSION-FOREIGN, INV-IDENTITY-SILENT: a token that proves nothing begins no session.
func TestForeignSessionsNeedProof(t *testing.T) {
	a := newAbroad(t)
	begin := func(idToken, nonce string) error {
		_, err := identitypb.NewSignInServiceClient(a.ConnOf(mtls.Gateway)).BeginSession(a.Context(), &identitypb.BeginSessionRequest{IdToken: idToken, Nonce: nonce})
		return err
	}
	good := a.issuer.IDToken("coso-page", "n-1", a.clock.now())
	for name, c := range map[string]struct {
		err    error
		kind   fault.Kind
		reason faultpb.Reason
	}{
		"another nonce":  {begin(good, "n-2"), fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_NONCE},
		"no nonce":       {begin(good, ""), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED},
		"no token":       {begin("", "n-1"), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED},
		"another client": {begin(a.issuer.IDToken("other", "n-1", a.clock.now()), "n-1"), fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_AUDIENCE},
		"expired":        {begin(a.issuer.IDToken("coso-page", "n-1", a.clock.now().Add(-time.Hour)), "n-1"), fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_EXPIRED},
		"our own":        {begin(a.person("lan").GetToken(), "n-1"), fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN},
	} {
		t.Run(name, func(*testing.T) { a.refused(c.err, c.kind, c.reason) })
	}
}
