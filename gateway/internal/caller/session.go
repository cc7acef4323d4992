package caller

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

const (
	sessionCookie = "coso-session"
	// between stands between refresh token and signed token in the cookie: neither has it.
	between = "~"
	// fresh is how long a signed token of a session must hold on: a page may take as long.
	fresh = 45 * time.Second
	// signLimit is how long the gateway's own service may take to sign in or out.
	signLimit = 15 * time.Second
)

// held is what a browser's cookie holds.
type held struct{ refresh, token string }

// heldBy reads the cookie of a request.
func (d *Desk) heldBy(r *http.Request) (held, bool) {
	c, err := r.Cookie(d.cookieName(r, sessionCookie))
	if err != nil {
		return held{}, false
	}
	refresh, signed, ok := strings.Cut(c.Value, between)
	return held{refresh, signed}, ok
}

// Session finds out who calls as Handler does, but takes the session of a browser's cookie too: for pages, and for what sends
// no headers. A session goes on by itself: before its signed token ends the next one is put into the cookie with the answer
// to come. nil: nobody. Unauthenticated for a session that has ended, whose cookie is taken away.
func (d *Desk) Session(w http.ResponseWriter, r *http.Request) (*Caller, error) {
	c, err := d.bearing(r)
	if c != nil || err != nil {
		return c, err
	}
	has, ok := d.heldBy(r)
	if !ok {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	return d.doubted(r, has.refresh+between+has.token, func() (*Caller, error) { return d.goesOn(w, r, has) })
}

// goesOn is who has a session, which goes on.
func (d *Desk) goesOn(w http.ResponseWriter, r *http.Request, has held) (*Caller, error) {
	claims, bad := d.Tokens.Verify(r.Context(), has.token)
	if bad == nil && claims.Expires.Sub(d.Now()) > fresh {
		return &Caller{Claims: claims, Token: has.token, Session: true}, nil
	}
	next, err := d.renew(r, has.refresh)
	switch {
	case err == nil:
		return d.admitted(w, r, next)
	case fault.KindOf(err) == fault.KindUnauthenticated || fault.KindOf(err) == fault.KindInvalidArgument:
		d.Forget(w, r)
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "").With(err)
	case bad == nil: // the gateway's own service is away; what the browser has holds a moment longer
		return &Caller{Claims: claims, Token: has.token, Session: true}, nil
	}
	return nil, err
}

// Listening tells next who calls, by token or cookie, and refuses whoever may not call a method.
func (d *Desk) Listening(m *Method, next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := d.Session(w, r)
		if err == nil {
			err = d.Admit(c, m)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), c)))
	})
}

// admitted gives a browser the tokens of its session.
func (d *Desk) admitted(w http.ResponseWriter, r *http.Request, s *identitypb.SessionTokens) (*Caller, error) {
	claims, err := d.Tokens.Verify(r.Context(), s.GetToken())
	if err != nil {
		return nil, err
	}
	value := s.GetRefreshToken() + between + s.GetToken()
	d.proved.keep(sha256.Sum256([]byte(value)), signed{until: claims.Expires}, d.Now())
	d.setCookie(w, r, sessionCookie, value, 0)
	return &Caller{Claims: claims, Token: s.GetToken(), Session: true}, nil
}

// renew goes on with a session. Requests that come with the same refresh token, as those of several tabs do, share one answer,
// also some seconds after it was given: a refresh token that is used twice would end the session.
func (d *Desk) renew(r *http.Request, refresh string) (*identitypb.SessionTokens, error) {
	return d.turns.take(r.Context(), refresh, d.Now, func() (*identitypb.SessionTokens, error) {
		// Who goes away must not leave the browser with what is used up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(asking(r)), signLimit)
		defer cancel()
		next, err := d.sessions.RefreshSession(ctx, &identitypb.RefreshSessionRequest{RefreshToken: refresh})
		return next, answered(err)
	})
}

// SignIn begins a session and gives it to the browser.
func (d *Desk) SignIn(w http.ResponseWriter, r *http.Request, user, password string) (*Caller, error) {
	s, err := d.sessions.CreateSession(asking(r), &identitypb.CreateSessionRequest{Username: user, Password: password})
	if err != nil {
		return nil, answered(err)
	}
	d.renewForm(w, r)
	return d.admitted(w, r, s)
}

// SignOut ends the session of the browser, which forgets it whatever becomes of that. Who has none is signed out already.
func (d *Desk) SignOut(w http.ResponseWriter, r *http.Request) error {
	d.renewForm(w, r)
	has, ok := d.heldBy(r)
	if !ok {
		return nil
	}
	d.Forget(w, r)
	_, err := d.sessions.EndSession(asking(r), &identitypb.EndSessionRequest{RefreshToken: has.refresh})
	d.turns.forget(has.refresh)
	if err = answered(err); fault.KindOf(err) == fault.KindUnauthenticated {
		return nil
	}
	return err
}

// ChangePassword changes the password of who is signed in by a browser's session, and goes on with tokens that are not
// narrowed to that any more.
func (d *Desk) ChangePassword(w http.ResponseWriter, r *http.Request, c *Caller, was, next string) error {
	ctx := metadata.AppendToOutgoingContext(asking(r), "authorization", c.Bearer())
	_, err := d.sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: was, NewPassword: next})
	if err != nil {
		return answered(err)
	}
	has, ok := d.heldBy(r)
	if !ok {
		return fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "")
	}
	if known, ok := d.turns.find(has.refresh, d.Now()); ok { // renewed with this very request
		has.refresh = known.GetRefreshToken()
	}
	s, err := d.renew(r, has.refresh)
	if err == nil {
		_, err = d.admitted(w, r, s)
	}
	return err
}

// Who asks who calls.
func (d *Desk) Who(r *http.Request, c *Caller) (*identitypb.Caller, error) {
	who, err := d.sessions.GetCaller(metadata.AppendToOutgoingContext(asking(r), "authorization", c.Bearer()), &identitypb.GetCallerRequest{})
	return who, answered(err)
}
