package gateway_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/token/jwt"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"

	faultpb "coso/proto/gen/coso/fault/v1"

	"coso/gateway"
	"coso/gateway/internal/oidc/oidctest"
)

// The whole way: from the button to a page and out again, as a client with a secret and as one without, while the issuer
// changes its keys.
func TestSigningInByAnIssuer(t *testing.T) {
	for name, secret := range map[string]string{"confidential": clientSecret, "public": ""} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t, secret)
			v := newVisitor(t)
			page := v.follows(l.base + "/sign-in?to=/units")
			v.shows(page, http.StatusOK, "Sign in by Office SSO", `href="`+begins+`?to=%2Funits"`, `type="password"`)
			before := v.jar.cookies["coso-form"].Value
			v.shows(v.signsIn(l, "/units"), http.StatusOK, "Nguyễn Thị Lan", "no grants")
			if v.jar.cookies["coso-form"].Value == before {
				t.Error("INV-CALLER-FORM-RENEWED: the forms of before are good")
			}
			for _, c := range v.jar.cookies {
				if c.Name == "coso-oidc" || c.Name == "coso-session" && (c.SameSite != http.SameSiteStrictMode || !c.HttpOnly) {
					t.Errorf("%+v", c)
				}
			}
			lan := l.principal(t, v)
			l.issuer.Rotate(jose.RS256)
			minh := newVisitor(t)
			l.issuer.SignIn(oidctest.Person{Subject: "minh@office.example", Name: "Trần Văn Minh"})
			v.shows(minh.signsIn(l, "/facts"), http.StatusOK)
			if other := l.principal(t, minh); other == lan || !strings.HasPrefix(other, "principals/office-") {
				t.Errorf("%s and %s", lan, other)
			}
			l.issuer.SignIn(oidctest.Person{Subject: "lan@office.example", Name: "Nguyễn Thị Lan"})
			again := newVisitor(t)
			again.signsIn(l, "/units")
			if got := l.principal(t, again); got != lan {
				t.Errorf("%s is now %s", lan, got)
			}
			l.holdsLikeAnOwnSession(t, v)
			l.signsOut(t, v)
			for _, secret := range []string{clientSecret, "code=", "eyJ"} {
				if strings.Contains(l.log.String(), secret) {
					t.Errorf("INV-OIDC-SILENT: the log holds %q", secret)
				}
			}
		})
	}
}

// principal is as whom a browser is signed in, as the services hear it.
func (l *lobby) principal(t *testing.T, v *visitor) string {
	t.Helper()
	_, signed := v.tokens()
	c, err := l.accounts.Tokens().Verify(t.Context(), signed)
	if err != nil || c.Issuer != "coso" {
		t.Fatalf("%+v, %v", c, err)
	}
	return c.Principal
}

// holdsLikeAnOwnSession: it goes on by itself, is shown to whose it is, has no password, and ends with its limits.
func (l *lobby) holdsLikeAnOwnSession(t *testing.T, v *visitor) {
	t.Helper()
	before, signed := v.tokens()
	l.advance(9*time.Minute + 30*time.Second)
	v.shows(v.follows(l.base+"/units"), http.StatusOK, "Nguyễn Thị Lan")
	if after, _ := v.tokens(); after == before {
		t.Error("the session does not go on")
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+signed)
	sessions := identitypb.NewSessionServiceClient(l.accounts.Conn())
	own, err := sessions.ListSessions(ctx, &identitypb.ListSessionsRequest{})
	if err != nil || len(own.GetSessions()) != 2 || own.GetSessions()[1].GetAccount() != "" || own.GetSessions()[1].GetPrincipal() != l.principal(t, v) || !own.GetSessions()[1].GetCurrent() {
		t.Errorf("sessions %v, %v", own, err)
	}
	_, err = sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: phrase, NewPassword: phrase2})
	if got := fault.ReasonOf(fault.FromStatus(status.Convert(err))); got != faultpb.Reason_REASON_ACCOUNT_NEEDED {
		t.Errorf("a password is changed: %v", got)
	}
	_, err = identitypb.NewApiTokenServiceClient(l.accounts.Conn()).ListApiTokens(ctx, &identitypb.ListApiTokensRequest{})
	if got := fault.ReasonOf(fault.FromStatus(status.Convert(err))); got != faultpb.Reason_REASON_ACCOUNT_NEEDED {
		t.Errorf("API tokens: %v", got)
	}
}

// signsOut: the session ends here, and the page says where it does not.
func (l *lobby) signsOut(t *testing.T, v *visitor) {
	t.Helper()
	kept, _ := v.tokens()
	form := formValue.FindSubmatch(v.follows(l.base + "/sign-out").body)
	if form == nil {
		t.Fatal("no form to sign out")
	}
	out := v.goes(l.base+"/sign-out", "same-origin", url.Values{"form": {string(form[1])}})
	if out.code != http.StatusSeeOther || out.header.Get("Location") != "/sign-in?why=out" {
		t.Fatalf("%d to %q", out.code, out.header.Get("Location"))
	}
	v.shows(v.follows(l.base+"/sign-in?why=out"), http.StatusOK,
		"your session at Office SSO goes on", `href="`+l.issuer.URL()+oidctest.End+`?client_id=`+clientID+`"`)
	_, err := identitypb.NewSessionServiceClient(l.accounts.Conn()).RefreshSession(t.Context(), &identitypb.RefreshSessionRequest{RefreshToken: kept})
	if got := fault.ReasonOf(fault.FromStatus(status.Convert(err))); got != faultpb.Reason_REASON_SESSION_ENDED {
		t.Errorf("after signing out: %v", got)
	}
}

// Whatever the issuer answers that is not right, nobody is signed in, and the page says in both languages what to do.
func TestSigningInByAnIssuerInVain(t *testing.T) {
	l := newLobby(t, clientSecret)
	claim := func(name string, value any) func(*lobby) {
		return func(l *lobby) { l.issuer.Alter(func(c jwt.MapClaims) { c[name] = value }) }
	}
	for name, c := range map[string]struct {
		wrong func(l *lobby)
		code  int
		vi    string
		en    string
	}{
		"access denied":  {func(l *lobby) { l.issuer.Refuse(fosite.ErrAccessDenied) }, 403, "Office SSO báo rằng chưa đăng nhập được", "Office SSO says that you did not sign in"},
		"busy":           {func(l *lobby) { l.issuer.Refuse(fosite.ErrTemporarilyUnavailable) }, 503, "Chưa kết nối được với Office SSO", "Office SSO cannot be reached"},
		"not authorized": {func(l *lobby) { l.issuer.Refuse(fosite.ErrUnauthorizedClient) }, 503, "(unauthorized_client)", "does not take this system as its client"},
		"another secret": {func(l *lobby) { l.issuer.Register(clientID, "other", l.base+returns) }, 503, "không chấp nhận hệ thống này", "(invalid_client)"},
		"no token there": {func(l *lobby) { l.issuer.Away(oidctest.Token, true) }, 503, "Chưa kết nối được với Office SSO", "try again in a few minutes"},
		"another nonce":  {claim("nonce", "another"), 401, "không thuộc lần đăng nhập này", "belongs to another sign-in"},
		"another client": {claim("aud", []string{"other"}), 401, "cấp cho hệ thống khác", "issued for another system"},
		"another party":  {claim("azp", "other"), 401, "cấp cho hệ thống khác", "issued for another system"},
		"another issuer": {claim("iss", "https://other.example"), 401, "mà hệ thống này không biết", "does not know"},
		"expired":        {claim("exp", time.Now().Add(-time.Minute).Unix()), 401, "đã hết hạn", "expired"},
		"nobody":         {claim("sub", ""), 401, "Không đọc được một phần của mã đăng nhập (token.claims.sub)", "(token.claims.sub)"},
		"no keys there":  {func(l *lobby) { l.issuer.Rotate(jose.ES256); l.issuer.Away(oidctest.Keys, true) }, 401, "không công bố khóa", "does not publish the key"},
		"too late":       {func(l *lobby) { l.advance(10 * time.Minute) }, 400, "đã quá hạn", "is too old"},
	} {
		t.Run(name, func(t *testing.T) {
			defer l.asItWas()
			readers := map[string]*visitor{c.vi: newVisitor(t), c.en: newVisitor(t)}
			readers[c.vi].header.Set("Accept-Language", "vi")
			begun := map[*visitor]string{}
			for _, v := range readers {
				begun[v] = v.follows(l.base + begins).header.Get("Location")
			}
			c.wrong(l)
			for text, v := range readers {
				there := v.goes(begun[v], "cross-site", nil)
				v.shows(v.goes(there.header.Get("Location"), "cross-site", nil), c.code, text, `href="/sign-in"`)
				if refresh, _ := v.tokens(); refresh != "" || v.jar.cookies["coso-oidc"] != nil {
					t.Errorf("the browser keeps %v", v.jar.cookies)
				}
			}
		})
	}
}

// asItWas takes back what a test has done to the issuer and the clock.
func (l *lobby) asItWas() {
	l.issuer.Alter(nil)
	l.issuer.Refuse(nil)
	l.issuer.Register(clientID, clientSecret, l.base+returns)
	for _, path := range []string{oidctest.Token, oidctest.Keys} {
		l.issuer.Away(path, false)
	}
	l.at.Store(time.Now().UnixNano())
}

// INV-OIDC-SAME-BROWSER
func TestSignInsOfOthers(t *testing.T) {
	l := newLobby(t, clientSecret)
	v := newVisitor(t)
	back := v.leaves(l, "/units")
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	with := func(key, value string) string {
		q := u.Query()
		if q.Set(key, value); value == "" {
			q.Del(key)
		}
		return l.base + returns + "?" + q.Encode()
	}
	stale := "was begun in another browser"
	other := newVisitor(t)
	other.shows(other.goes(back, "cross-site", nil), 400, stale)
	theirs := newVisitor(t)
	theirs.leaves(l, "/units")
	theirs.shows(theirs.goes(back, "cross-site", nil), 400, stale)
	for name, address := range map[string]string{
		"another state": with("state", "ABCDEFGHIJ"), "no state": with("state", ""), "another issuer": with("iss", "https://other.example"),
		"two states": back + "&state=1", "no code": with("code", ""), "both": with("error", "access_denied"),
	} {
		t.Run(name, func(t *testing.T) {
			again := newVisitor(t)
			again.jar.cookies["coso-oidc"] = v.jar.cookies["coso-oidc"]
			if res := again.goes(address, "cross-site", nil); res.code < 400 || again.jar.cookies["coso-session"] != nil || again.jar.cookies["coso-oidc"] != nil {
				t.Errorf("%d %s", res.code, res.body)
			}
		})
	}
	kept := v.jar.cookies["coso-oidc"]
	forged := newVisitor(t)
	forged.jar.cookies["coso-oidc"] = &http.Cookie{Name: "coso-oidc", Value: kept.Value[:len(kept.Value)-4] + "AAAA"}
	forged.shows(forged.goes(back, "cross-site", nil), 400, stale)
	if res := v.goes(back, "cross-site", nil); res.code != http.StatusOK {
		t.Fatalf("%d %s", res.code, res.body)
	}
	v.shows(v.goes(back, "cross-site", nil), 400, stale) // the same address once more
	v.jar.cookies["coso-oidc"] = kept
	v.shows(v.goes(back, "cross-site", nil), 400, "has ended before") // and with the cookie that was taken away: the issuer knows its code
	v.shows(v.follows(l.base+"/units"), http.StatusOK, "Nguyễn Thị Lan")
}

// A browser is let in from elsewhere where it comes back, and nowhere else; and goes nowhere else but to pages of this site.
func TestWaysOfSigningInByAnIssuer(t *testing.T) {
	l := newLobby(t, clientSecret)
	v := newVisitor(t)
	for _, address := range []string{"/units", begins, "/sign-in", "/sign-out"} {
		if res := v.goes(l.base+address, "cross-site", nil); res.code != http.StatusForbidden {
			t.Errorf("%s from elsewhere: %d", address, res.code)
		}
	}
	if res := v.goes(l.base+returns, "cross-site", url.Values{"code": {"x"}}); res.code != http.StatusForbidden {
		t.Errorf("a form from elsewhere: %d", res.code)
	}
	if res := v.goes(l.base+returns, "same-origin", url.Values{"code": {"x"}}); res.code != http.StatusMethodNotAllowed || res.header.Get("Allow") != "GET" {
		t.Errorf("a form: %d", res.code)
	}
	for _, to := range []string{"https://attacker.example/", "//attacker.example", `/\attacker.example`, "/v1/units", "javascript:alert(1)", "/sign-out", strings.Repeat("/units?query=a", 200)} {
		in := v.goes(v.leaves(l, to), "cross-site", nil)
		if got := in.header.Get("Refresh"); got != "0; url=/" {
			t.Errorf("%q leads to %q", to, got)
		}
	}
	begun := v.follows(l.base + begins)
	asked, err := url.Parse(begun.header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := asked.Query()
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("client_id") != clientID ||
		q.Get("scope") != "openid profile" || q.Get("redirect_uri") != l.base+returns || len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22 || q.Get("state") == q.Get("nonce") {
		t.Errorf("asks %v", q)
	}
	c := v.jar.cookies["coso-oidc"]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge <= 0 || c.MaxAge > 15*60 || strings.Contains(c.Value, q.Get("state")) || len(c.Value) > 2048 {
		t.Errorf("%+v", c)
	}
	if res := v.follows(l.base + begins + "?x=1"); res.code != http.StatusBadRequest {
		t.Errorf("an unknown parameter: %d", res.code)
	}
}

// Behind a proxy that takes TLS, the issuer is told the address that the browser knows.
func TestTheAddressThatTheIssuerIsTold(t *testing.T) {
	l := newLobby(t, "", func(g *gateway.Options) { g.TrustForwarded = true })
	v := newVisitor(t)
	v.header.Set("X-Forwarded-Proto", "https")
	begun := v.follows(l.base + begins)
	asked, err := url.Parse(begun.header.Get("Location"))
	if want := strings.Replace(l.base, "http://", "https://", 1) + returns; err != nil || asked.Query().Get("redirect_uri") != want {
		t.Errorf("%q, want %q", asked.Query().Get("redirect_uri"), want)
	}
	if v.jar.cookies["__Host-coso-oidc"] == nil {
		t.Errorf("%v", v.jar.cookies)
	}
}

// An issuer that is away, or is none, is said so; the accounts go on.
func TestIssuersThatAreAway(t *testing.T) {
	for name, c := range map[string]struct {
		wrong func(l *lobby)
		text  string
	}{
		"away":              {func(l *lobby) { l.issuer.Away(oidctest.Discovery, true) }, "Office SSO cannot be reached"},
		"another":           {func(l *lobby) { l.issuer.Say(map[string]any{"issuer": "https://other.example"}) }, "Office SSO cannot be reached"},
		"without addresses": {func(l *lobby) { l.issuer.Say(map[string]any{"token_endpoint": nil}) }, "Office SSO cannot be reached"},
		"takes keys of ours": {func(l *lobby) {
			l.issuer.Say(map[string]any{"token_endpoint_auth_methods_supported": []string{"private_key_jwt"}})
		}, "(token_endpoint_auth_methods_supported)"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLobby(t, clientSecret)
			c.wrong(l)
			v := newVisitor(t)
			v.shows(v.follows(l.base+begins), 503, c.text)
			v.shows(v.follows(l.base+"/sign-in"), http.StatusOK, "Sign in by Office SSO", `type="password"`)
		})
	}
	l := newLobby(t, clientSecret)
	v := newVisitor(t)
	v.signsIn(l, "/units")
	l.issuer.Away(oidctest.Discovery, true)
	l.advance(11 * time.Minute) // what it said last holds on
	if res := v.follows(l.base + begins); res.code != http.StatusSeeOther {
		t.Errorf("%d %s", res.code, res.body)
	}
}

// INV-OIDC-ONE-ISSUER: an issuer that says so in its discovery names itself in every answer; one that does not, or names another, is
// none (RFC 9207).
func TestAnswersNameTheirIssuer(t *testing.T) {
	l := newLobby(t, clientSecret)
	l.issuer.Say(map[string]any{"authorization_response_iss_parameter_supported": true})
	v := newVisitor(t)
	for _, named := range []string{"", "&iss=", "&iss=" + url.QueryEscape("https://elsewhere.example")} {
		v.shows(v.goes(v.leaves(l, "/units")+named, "cross-site", nil), 400, "is too old")
	}
	if res := v.goes(v.leaves(l, "/units")+"&iss="+url.QueryEscape(l.issuer.URL()), "cross-site", nil); res.code != http.StatusOK {
		t.Errorf("%d %s", res.code, res.body)
	}
}

// Whoever has no issuer sees no button, and finds no such address.
func TestWithoutAnIssuer(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	page := b.get("/sign-in?why=out")
	if strings.Contains(string(page.body), begins) {
		t.Errorf("%s", page.body)
	}
	for _, address := range []string{begins, returns} {
		if res := b.get(address); res.code != http.StatusNotFound {
			t.Errorf("%s: %d", address, res.code)
		}
	}
	_, err := identitypb.NewSignInServiceClient(o.accounts.ConnOf(mtls.Gateway)).BeginSession(t.Context(), &identitypb.BeginSessionRequest{IdToken: "x", Nonce: "x"})
	if got := fault.ReasonOf(fault.FromStatus(status.Convert(err))); got != faultpb.Reason_REASON_METHOD_UNKNOWN {
		t.Errorf("a session: %v", got)
	}
}

// INV-SESSION-FOREIGN: nobody but the gateway begins sessions for what an issuer says.
func TestOnlyTheGatewayBeginsForeignSessions(t *testing.T) {
	l := newLobby(t, clientSecret)
	req := &identitypb.BeginSessionRequest{IdToken: l.issuer.IDToken(clientID, "n-1", l.now()), Nonce: "n-1"}
	lan := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+l.session(t).GetToken())
	for name, c := range map[string]struct {
		ctx  context.Context
		conn interface {
			identitypb.SignInServiceClient
		}
	}{
		"nobody":          {t.Context(), identitypb.NewSignInServiceClient(l.accounts.Conn())},
		"an account":      {lan, identitypb.NewSignInServiceClient(l.accounts.Conn())},
		"another service": {t.Context(), identitypb.NewSignInServiceClient(l.accounts.ConnOf("registry"))},
	} {
		_, err := c.conn.BeginSession(c.ctx, req)
		if got := fault.ReasonOf(fault.FromStatus(status.Convert(err))); got != faultpb.Reason_REASON_SERVICES_ONLY {
			t.Errorf("%s: %v", name, err)
		}
	}
	in, err := identitypb.NewSignInServiceClient(l.accounts.ConnOf(mtls.Gateway)).BeginSession(t.Context(), req)
	if err != nil || !strings.HasPrefix(in.GetPrincipal(), "principals/office-") || in.GetSession().GetAccount() != "" {
		t.Errorf("the gateway: %v, %v", in, err)
	}
}
