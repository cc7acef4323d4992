package gateway_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
)

// declared is the permission that a method of the contract declares.
func (r rpc) declared() accesspb.Permission {
	p, _ := proto.GetExtension(r.method.Options(), accesspb.E_Permission).(accesspb.Permission)
	return p
}

// accounted reports whether a method is of the real service of accounts, and not of the echo.
func (r rpc) accounted() bool {
	return strings.HasPrefix(string(r.method.FullName()), "coso.identity.")
}

// INV-CALLER-PROVED, INV-CALLER-REFUSED, INV-GATEWAY-KNOWN: for every method of the contract, whoever proves nothing is refused before anybody is
// called, and what was proved is what the service hears, once.
func TestEveryMethodAsksWhoCalls(t *testing.T) {
	o, _ := newOffice(t, phrase)
	good := o.own.Token("lan")
	for _, r := range rpcs(t) {
		public := r.declared() == accesspb.Permission_PERMISSION_PUBLIC
		if res := o.do(t, r.ask()); !public && refused(t, res).reason != "TOKEN_MISSING" {
			t.Errorf("%s, no token: %d %s", r.full(), res.code, res.body)
		} else if got := res.header.Get("WWW-Authenticate"); !public && (res.code != http.StatusUnauthorized || got != "Bearer") {
			t.Errorf("%s, no token: %d, WWW-Authenticate %q", r.full(), res.code, got)
		}
		a := r.ask()
		a.header = bearing(good[:len(good)-4] + "AAAA")
		if got := refused(t, o.do(t, a)); got.http != http.StatusUnauthorized || got.reason != "TOKEN_SIGNATURE" {
			t.Errorf("%s, a bad token: %d %s", r.full(), got.http, got.reason)
		}
		if calls := o.taken(); len(calls) != 0 {
			t.Fatalf("%s was called: %v", r.full(), calls)
		}
		a.header = bearing(good)
		a.header["Grpc-Metadata-Authorization"], a.header["Grpcgateway-Authorization"] = []string{"Bearer x"}, []string{"Bearer x"}
		res := o.do(t, a)
		if r.accounted() {
			continue
		}
		calls := o.taken()
		if res.code != http.StatusOK || len(calls) != 1 {
			t.Fatalf("%s: %d, calls %v: %s", r.full(), res.code, calls, res.body)
		}
		if got := calls[0].metadata.Get("authorization"); len(got) != 1 || got[0] != "Bearer "+good {
			t.Errorf("%s hears %q", r.full(), got)
		}
	}
}

func TestBadTokens(t *testing.T) {
	o, _ := newOffice(t, phrase)
	good := o.own.Token("lan")
	for name, c := range map[string]struct {
		header []string
		reason string
	}{
		"two":             {[]string{"Bearer " + good, "Bearer " + good}, "TOKEN_MALFORMED"},
		"another scheme":  {[]string{"Basic bGFuOng="}, "TOKEN_SCHEME"},
		"no scheme":       {[]string{good}, "TOKEN_SCHEME"},
		"nothing":         {[]string{"Bearer "}, "TOKEN_MALFORMED"},
		"no token":        {[]string{"Bearer abc"}, "TOKEN_MALFORMED"},
		"empty":           {[]string{""}, "TOKEN_SCHEME"},
		"no algorithm":    {[]string{"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJsYW4ifQ."}, "TOKEN_MALFORMED"},
		"a strange scope": {[]string{"Bearer " + o.own.Token("lan", "everything")}, "TOKEN_SCOPE_UNKNOWN"},
		"no API token":    {[]string{"Bearer coso_abc"}, "API_TOKEN_INVALID"},
	} {
		res := o.do(t, ask{method: "GET", target: "/v1/units", header: http.Header{"Authorization": c.header}})
		got := refused(t, res)
		if got.http != http.StatusUnauthorized || got.reason != c.reason || !strings.Contains(res.header.Get("WWW-Authenticate"), c.reason) {
			t.Errorf("%s: %d %s, WWW-Authenticate %q", name, got.http, got.reason, res.header.Get("WWW-Authenticate"))
		}
		if strings.Contains(string(res.body), "eyJ") {
			t.Errorf("%s: the token is repeated: %s", name, res.body)
		}
	}
	o.advance(6 * time.Minute)
	if got := refused(t, o.do(t, ask{method: "GET", target: "/v1/units", header: bearing(good)})); got.reason != "TOKEN_EXPIRED" {
		t.Errorf("an expired token: %s", got.reason)
	}
	if n := len(o.taken()); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// What anybody may see stays open.
func TestWhatIsPublic(t *testing.T) {
	o, _ := newOffice(t, phrase)
	for _, target := range []string{"/healthz", "/readyz", "/openapi.json", "/docs", "/docs/start.js", "/.well-known/jwks.json", "/sign-in"} {
		if res := o.do(t, ask{method: "GET", target: target}); res.code != http.StatusOK {
			t.Errorf("%s: %d %s", target, res.code, res.body)
		}
	}
	res := o.do(t, ask{method: "POST", target: "/v1/sessions", body: `{"username":"admin","password":"` + phrase + `"}`})
	if res.code != http.StatusOK || !strings.Contains(string(res.body), `"refreshToken":"`) {
		t.Errorf("signing in: %d %s", res.code, res.body)
	}
}

// A narrowed token is refused in the gateway as in the services, whatever the method; for reading is what is read by GET. What is public
// takes every token.
func TestNarrowedTokens(t *testing.T) {
	o, _ := newOffice(t, phrase)
	public := map[string]bool{"CreateSession": true, "RefreshSession": true, "ExchangeApiToken": true}
	allowed := map[string]bool{"ChangePassword": true, "GetCaller": true, "EndSession": true}
	maps.Copy(allowed, public)
	for _, r := range rpcs(t) {
		a := r.ask()
		a.header = bearing(o.own.Token("lan", "password"))
		res := o.do(t, a)
		refusedFor := strings.Contains(string(res.body), "PASSWORD_CHANGE_NEEDED")
		if own := allowed[string(r.method.Name())]; refusedFor == own || refusedFor && res.code != http.StatusForbidden {
			t.Errorf("%s with password: %d %s", r.full(), res.code, res.body)
		}
		a.header = bearing(o.own.Token("lan", "api", "read"))
		res = o.do(t, a)
		narrow := strings.Contains(string(res.body), `"TOKEN_SCOPE"`)
		refusedFor = narrow || strings.Contains(string(res.body), `"SESSION_NEEDED"`)
		if refusedFor == (r.verb == http.MethodGet || public[string(r.method.Name())]) || refusedFor && (res.code != http.StatusForbidden || narrow != strings.Contains(res.header.Get("WWW-Authenticate"), "insufficient_scope")) {
			t.Errorf("%s with read: %d %s", r.full(), res.code, res.body)
		}
	}
	o.taken()
}

// An API token stands for its account until it is revoked: then for as long as what was got for it, five minutes at most.
func TestAPITokens(t *testing.T) {
	o, _ := newOffice(t, phrase)
	all, name := o.apiToken(t, "API_TOKEN_SCOPE_ALL")
	read, _ := o.apiToken(t, "API_TOKEN_SCOPE_READ")
	o.taken()
	get := func(secret string) answer {
		return o.do(t, ask{method: "GET", target: "/v1/units", header: bearing(secret)})
	}
	var heard []string
	for range 3 {
		if res := get(all); res.code != http.StatusOK {
			t.Fatalf("%d %s", res.code, res.body)
		}
		for _, c := range o.taken() {
			heard = append(heard, strings.Join(c.metadata.Get("authorization"), ","))
		}
	}
	if len(heard) != 3 || heard[0] != heard[2] || !strings.HasPrefix(heard[0], "Bearer eyJ") || strings.Contains(heard[0], "coso_") {
		t.Errorf("the service heard %q", heard)
	}
	if res := o.do(t, ask{method: "GET", target: "/v1/caller", header: bearing(all)}); !strings.Contains(string(res.body), `"principals/admin"`) {
		t.Errorf("caller: %d %s", res.code, res.body)
	}
	if res := get(read); res.code != http.StatusOK {
		t.Errorf("reading: %d %s", res.code, res.body)
	}
	if got := refused(t, o.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: bearing(read)})); got.reason != "TOKEN_SCOPE" {
		t.Errorf("writing with one for reading: %s", got.reason)
	}
	if got := refused(t, o.do(t, ask{method: "POST", target: "/v1/sessions:changePassword", body: `{"oldPassword":"x","newPassword":"y"}`, header: bearing(all)})); got.reason != "SESSION_NEEDED" {
		t.Errorf("changing the password: %s", got.reason)
	}
	s := o.session(t)
	if res := o.do(t, ask{method: "POST", target: "/v1/" + name + ":revoke", body: "{}", header: bearing(s.GetToken())}); res.code != http.StatusOK {
		t.Fatalf("%d %s", res.code, res.body)
	}
	if res := get(all); res.code != http.StatusOK {
		t.Errorf("what was got for it does not hold: %d", res.code)
	}
	o.advance(5 * time.Minute)
	if got := refused(t, get(all)); got.http != http.StatusUnauthorized || got.reason != "API_TOKEN_REVOKED" {
		t.Errorf("after five minutes: %d %s", got.http, got.reason)
	}
	if res := get(read); res.code != http.StatusOK {
		t.Errorf("another, after five minutes: %d %s", res.code, res.body)
	}
}
