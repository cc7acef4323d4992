package token_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// desk verifies ID tokens of the office.
func (w *world) desk(t testing.TB) *token.Identities {
	t.Helper()
	i, err := token.NewIdentities(token.Issuer{
		URL: officeURL, Algorithms: []token.Algorithm{token.EdDSA, token.ES256}, Prefix: "office",
		Keys: remote(t, token.RemoteOptions{Issuer: officeURL, JWKS: w.office.URL}),
	}, "coso-page", w.own.Now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestIdentities(t *testing.T) {
	w := newWorld(t)
	desk := w.desk(t)
	now := w.own.Now()
	good := fields{
		"iss": officeURL, "sub": "lan@office.example", "aud": "coso-page", "exp": now.Unix() + 300, "iat": now.Unix(), "nonce": "n-1", "name": "Nguyễn Thị Lan",
	}
	id := func(changes fields) string { return forge(t, edKey(), "EdDSA", w.head.but(nil), good.but(changes)) }
	eventually(t, "keys are read", func() bool { _, _, err := desk.Verify(t.Context(), id(nil), "n-1"); return err == nil })
	c, name, err := desk.Verify(t.Context(), id(nil), "n-1")
	if err != nil || name != "Nguyễn Thị Lan" || !desk.Names(c.Principal) || !strings.HasPrefix(c.Principal, "principals/office-") {
		t.Fatalf("%+v %q %v", c, name, err)
	}
	if same, err := w.Verify(t.Context(), w.good(t, nil, nil)); err != nil || same.Principal != c.Principal {
		t.Errorf("an access token of the same person is %+v, %v", same, err)
	}
	for what, changes := range map[string]fields{
		"a list":            {"aud": []string{"coso-page"}},
		"several, for this": {"aud": []string{"coso-page", "other"}, "azp": "coso-page"},
	} {
		if _, _, err := desk.Verify(t.Context(), id(changes), "n-1"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, c := range map[string]struct{ changes, want fields }{
		"user name":  {fields{"name": nil, "preferred_username": "lan"}, fields{"name": "lan"}},
		"no name":    {fields{"name": nil}, fields{"name": ""}},
		"two lines":  {fields{"name": "a\nb"}, fields{"name": ""}},
		"long":       {fields{"name": strings.Repeat("ă", 201)}, fields{"name": ""}},
		"not a text": {fields{"name": 7}, fields{"name": ""}},
	} {
		if _, name, err := desk.Verify(t.Context(), id(c.changes), "n-1"); err != nil || name != c.want["name"] {
			t.Errorf("%s: %q, %v", what, name, err)
		}
	}
	for what, c := range map[string]struct {
		compact, nonce string
		reason         faultpb.Reason
		field          string
	}{
		"nothing":            {"", "n-1", faultpb.Reason_REASON_TOKEN_MISSING, ""},
		"another sign-in":    {id(nil), "n-2", faultpb.Reason_REASON_TOKEN_NONCE, "token.claims.nonce"},
		"no nonce":           {id(fields{"nonce": nil}), "n-1", faultpb.Reason_REASON_TOKEN_NONCE, "token.claims.nonce"},
		"no nonce asked for": {id(fields{"nonce": nil}), "", faultpb.Reason_REASON_TOKEN_NONCE, "token.claims.nonce"},
		"the API":            {id(fields{"aud": "coso-office"}), "n-1", faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.aud"},
		"another client":     {id(fields{"aud": []string{"coso-page", "other"}, "azp": "other"}), "n-1", faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.azp"},
		"no party named":     {id(fields{"aud": []string{"coso-page", "other"}}), "n-1", faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.azp"},
		"azp alone":          {id(fields{"azp": "other"}), "n-1", faultpb.Reason_REASON_TOKEN_AUDIENCE, "token.claims.azp"},
		"expired":            {id(fields{"exp": now.Unix()}), "n-1", faultpb.Reason_REASON_TOKEN_EXPIRED, "token.claims.exp"},
		"to come":            {id(fields{"iat": now.Add(time.Minute).Unix()}), "n-1", faultpb.Reason_REASON_TOKEN_NOT_YET_VALID, ""},
		"another issuer":     {id(fields{"iss": otherURL}), "n-1", faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss"},
		"our own":            {w.own.Token("lan"), "n-1", faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss"},
		"altered":            {id(nil)[:len(id(nil))-4] + "AAAA", "n-1", faultpb.Reason_REASON_TOKEN_SIGNATURE, "token.signature"},
		"nobody's":           {forge(t, nil, "", w.head.but(fields{"alg": "none"}), good.but(nil)), "n-1", faultpb.Reason_REASON_TOKEN_ALGORITHM, "token.header.alg"},
		"an access token":    {forge(t, edKey(), "EdDSA", w.head.but(fields{"typ": "at+jwt"}), good.but(nil)), "n-1", faultpb.Reason_REASON_TOKEN_MALFORMED, "token.header.typ"},
		"a logout":           {forge(t, edKey(), "EdDSA", w.head.but(fields{"typ": "logout+jwt"}), good.but(nil)), "n-1", faultpb.Reason_REASON_TOKEN_MALFORMED, "token.header.typ"},
	} {
		t.Run(what, func(t *testing.T) {
			_, _, err := desk.Verify(t.Context(), c.compact, c.nonce)
			wants(t, err, fault.KindUnauthenticated, c.reason, c.field)
		})
	}
}

func TestNewIdentitiesRefuses(t *testing.T) {
	w := newWorld(t)
	issuer := token.Issuer{URL: officeURL, Algorithms: []token.Algorithm{token.EdDSA}, Prefix: "office", Keys: w.own.Signer()}
	if _, err := token.NewIdentities(issuer, "", w.own.Now); err == nil {
		t.Error("no client: accepted")
	}
	if _, err := token.NewIdentities(w.own.Trusted(), "coso-page", w.own.Now); err == nil {
		t.Error("the installation itself: accepted")
	}
}

// INV-TOKEN-NAME: who signed in by another issuer has tokens of our own, under a name that no account can have.
func TestTokensOfForeignSessions(t *testing.T) {
	w := newWorld(t)
	c, err := w.Verify(t.Context(), w.good(t, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimPrefix(c.Principal, "principals/")
	if !token.ForeignID(id) || token.AccountID(id) || token.ForeignID("lan") {
		t.Errorf("%s is an account's", id)
	}
	own, err := w.Verify(t.Context(), w.own.Token(id))
	if err != nil || own.Principal != c.Principal || own.Issuer == c.Issuer {
		t.Errorf("%+v, %v", own, err)
	}
}

func TestDiscover(t *testing.T) {
	s := newSite(t, gone)
	good := fields{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/a", "token_endpoint": s.URL + "/t", "end_session_endpoint": s.URL + "/e",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post"}, "authorization_response_iss_parameter_supported": true,
	}
	discover := func(changes fields) (token.Provider, error) {
		document := good.but(changes)
		s.now(jsonDocument(document))
		return token.Discover(t.Context(), token.RemoteOptions{Issuer: s.URL, Logger: slog.New(slog.DiscardHandler)})
	}
	p, err := discover(nil)
	if err != nil || p.Authorization != s.URL+"/a" || p.Token != s.URL+"/t" || p.EndSession != s.URL+"/e" || fmt.Sprint(p.Methods) != "[client_secret_post]" || !p.NamesItself {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := discover(fields{"end_session_endpoint": nil, "token_endpoint_auth_methods_supported": nil, "authorization_response_iss_parameter_supported": nil}); err != nil || p.EndSession != "" || len(p.Methods) != 0 || p.NamesItself {
		t.Errorf("%+v, %v", p, err)
	}
	for what, changes := range map[string]fields{
		"another issuer":   {"issuer": otherURL},
		"no authorization": {"authorization_endpoint": nil},
		"no token":         {"token_endpoint": nil},
		"in clear":         {"token_endpoint": "http://sso.office.example/t"},
		"a script":         {"authorization_endpoint": "javascript:alert(1)"},
		"end in clear":     {"end_session_endpoint": "http://sso.office.example/e"},
	} {
		if p, err := discover(changes); err == nil {
			t.Errorf("%s: %+v", what, p)
		}
	}
	s.now(gone)
	if _, err := token.Discover(t.Context(), token.RemoteOptions{Issuer: s.URL, Logger: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("gone: %v", err)
	}
}
