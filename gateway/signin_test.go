package gateway_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"

	"coso/gateway"
)

// From the first sign-in to the last: a one-time password is changed before anything else, the head of every page says who
// reads and where, and who has signed out is out.
func TestSigningInByThePage(t *testing.T) {
	o, oneTime := newOffice(t, "")
	o.reply = func(_ context.Context, c call) (proto.Message, error) {
		switch c.request.(type) {
		case *registrypb.ListGrantsRequest:
			return &registrypb.ListGrantsResponse{Grants: []*registrypb.Grant{
				{Unit: "units/tay-ho"}, {Unit: "units/a"}, {Unit: "units/b"}, {Unit: "units/c"}, {Unit: "units/tay-ho"},
			}}, nil
		case *registrypb.GetUnitRequest:
			return &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Quận ủy Tây Hồ"}, nil
		}
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	b := o.browser(t)
	b.goes(b.get("/units?query=quan"), "/sign-in?to=%2Funits%3Fquery%3Dquan&why=needed")
	page := b.get("/sign-in?to=%2Funits%3Fquery%3Dquan&why=needed")
	b.shows(page, http.StatusOK, "Sign in to see this page.", `value="/units?query=quan"`, `type="password"`)
	if got := page.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	form := b.form(page)
	b.goes(b.send("POST", "/sign-in", url.Values{"form": {form}, "username": {"Admin"}, "password": {oneTime}, "to": {"/units?query=quan"}}),
		"/password?to=%2Funits%3Fquery%3Dquan")
	b.goes(b.get("/units"), "/password?to=%2Funits") // nothing else before
	page = b.get("/password?to=%2Funits")
	b.shows(page, http.StatusOK, "This is a one-time password", `autocomplete="new-password"`)
	form = b.form(page)
	change := func(old, next, again string) answer {
		return b.send("POST", "/password", url.Values{"form": {form}, "username": {"admin"}, "old": {old}, "new": {next}, "again": {again}, "to": {"/units"}})
	}
	b.shows(change(oneTime, phrase, phrase2), http.StatusBadRequest, "The two new passwords differ")
	b.shows(change("wrong", phrase, phrase), http.StatusBadRequest, `role="alert"`)
	b.shows(change(oneTime, "aaaaaaaaaaaaa", "aaaaaaaaaaaaa"), http.StatusBadRequest, `role="alert"`)
	o.taken()
	b.goes(change(oneTime, phrase, phrase), "/units")
	page = b.get("/units")
	b.shows(page, http.StatusOK, "Quận ủy Tây Hồ", "and 1 more unit", "Sign out", `action="/sign-out"`)
	if got := page.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	for _, c := range o.taken() {
		if got := c.metadata.Get("authorization"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer eyJ") {
			t.Errorf("%s hears %q", c.method, got)
		}
	}
	if got := refused(t, o.do(t, ask{method: "GET", target: "/v1/units", header: http.Header{"Cookie": {"coso-session=" + b.jar["coso-session"]}}})); got.reason != "TOKEN_MISSING" {
		t.Errorf("INV-CALLER-COOKIE: the API takes a cookie: %s", got.reason)
	}
	kept := b.jar["coso-session"]
	b.goes(b.send("POST", "/sign-out", url.Values{"form": {form}}), "/sign-in?why=out")
	if b.jar["coso-session"] != "" {
		t.Error("the browser keeps its session")
	}
	b.jar["coso-session"] = kept // who has kept the cookie has nothing of it
	b.goes(b.get("/units"), "/sign-in?to=%2Funits&why=ended")
	b.shows(b.get("/sign-in?why=ended"), http.StatusOK, "Your session has ended; sign in again.")
	b.goes(b.signIn(phrase), "/units")
}

// What cannot be is said in the reader's language, in the form, and counts towards the lock-out.
func TestSigningInInVain(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	b.shows(b.signIn("wrong"), http.StatusUnauthorized, `value="admin"`, `role="alert"`)
	b.header["Accept-Language"] = []string{"vi"}
	b.shows(b.signIn("wrong"), http.StatusUnauthorized, "Đăng nhập", `lang="vi"`)
	for range 20 {
		if res := b.signIn("wrong"); res.code == http.StatusTooManyRequests {
			b.shows(res, http.StatusTooManyRequests, `role="alert"`)
			b.shows(b.signIn(phrase), http.StatusTooManyRequests, `role="alert"`)
			return
		}
	}
	t.Error("one may try for ever")
}

// INV-PAGE-SAME-BROWSER
func TestFormsOfOthers(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	form := b.form(b.get("/sign-in"))
	good := url.Values{"form": {form}, "username": {"admin"}, "password": {phrase}}
	with := func(key string, values ...string) url.Values {
		next := maps.Clone(good)
		next[key] = values
		return next
	}
	for name, c := range map[string]struct {
		header http.Header
		form   url.Values
		code   int
	}{
		"of another site":    {http.Header{"Origin": {"https://attacker.example"}}, good, http.StatusForbidden},
		"of a sibling":       {http.Header{"Sec-Fetch-Site": {"same-site"}}, good, http.StatusForbidden},
		"of nowhere":         {http.Header{"Sec-Fetch-Site": {"none"}}, good, http.StatusForbidden},
		"another browser's":  {nil, with("form", "ABCDEFGH"), http.StatusForbidden},
		"without its value":  {nil, with("form"), http.StatusForbidden},
		"with two passwords": {nil, with("password", phrase, phrase), http.StatusBadRequest},
		"with more":          {nil, with("admin", "yes"), http.StatusBadRequest},
		"too large":          {nil, with("password", strings.Repeat("a", 9000)), http.StatusRequestEntityTooLarge},
	} {
		b.header = http.Header{"Accept": {"text/html"}}
		maps.Copy(b.header, c.header)
		res := b.send("POST", "/sign-in", c.form)
		if res.code != c.code || b.jar["coso-session"] != "" {
			t.Errorf("%s: %d, want %d", name, res.code, c.code)
		}
	}
	b.header = http.Header{"Accept": {"text/html"}}
	delete(b.jar, "coso-form")
	if res := b.send("POST", "/sign-in", good); res.code != http.StatusForbidden {
		t.Errorf("without the cookie: %d", res.code)
	}
	for _, to := range []string{"https://attacker.example/", "//attacker.example", `/\attacker.example`, "/v1/units", "javascript:alert(1)", "/sign-out"} {
		page := b.get("/sign-in?to=" + url.QueryEscape(to))
		b.shows(page, http.StatusOK, `name="to" value="/"`)
	}
	b.goes(b.send("POST", "/sign-in", url.Values{"form": {b.form(b.get("/sign-in"))}, "username": {"admin"}, "password": {phrase}, "to": {"//attacker.example"}}), "/")
	// A link signs nobody out: it leads to the button that does.
	kept := b.jar["coso-session"]
	page := b.get("/sign-out")
	b.shows(page, http.StatusOK, `action="/sign-out"`, "để kết thúc phiên đăng nhập trên trình duyệt này")
	if b.jar["coso-session"] != kept {
		t.Error("signed out by a link")
	}
	b.header = http.Header{"Accept": {"text/html"}}
	if res := b.send("POST", "/sign-out", url.Values{"form": {"ABC"}}); res.code != http.StatusForbidden || b.jar["coso-session"] == "" {
		t.Errorf("signing out by another site: %d", res.code)
	}
}

// INV-CALLER-FORM-RENEWED: whoever knows the value of a browser's forms knows nothing of it when somebody has signed in or out
// there.
func TestFormsAreRenewed(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	form := b.form(b.get("/sign-in"))
	b.shows(b.send("POST", "/sign-in", url.Values{"form": {form}, "username": {"admin"}, "password": {"wrong"}}), http.StatusUnauthorized)
	if b.jar["coso-form"] != form {
		t.Error("renewed though nobody signed in: the form that is shown again is stale")
	}
	b.goes(b.send("POST", "/sign-in", url.Values{"form": {form}, "username": {"admin"}, "password": {phrase}}), "/")
	in := b.jar["coso-form"]
	b.shows(b.send("POST", "/sign-out", url.Values{"form": {form}}), http.StatusForbidden, "the session has changed")
	if got := b.form(b.get("/units")); in == form || got != in {
		t.Errorf("the form was %s, the cookie is %s, the page has %s", form, in, got)
	}
	b.goes(b.send("POST", "/sign-out", url.Values{"form": {in}}), "/sign-in?why=out")
	b.shows(b.send("POST", "/sign-in", url.Values{"form": {in}, "username": {"admin"}, "password": {phrase}}), http.StatusForbidden, "the session has changed")
	b.goes(b.signIn(phrase), "/units")
}

func TestCookiesOfSessions(t *testing.T) {
	for name, c := range map[string]struct {
		tls, forwarded, trusted bool
		secure                  bool
	}{
		"clear":                {},
		"TLS":                  {tls: true, secure: true},
		"a proxy's word":       {forwarded: true},
		"a trusted proxy's":    {forwarded: true, trusted: true, secure: true},
		"no word of the proxy": {trusted: true},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.TrustForwarded = c.trusted })
			b := o.browser(t)
			b.tls = c.tls
			if c.forwarded {
				b.header.Set("X-Forwarded-Proto", "https")
			}
			page := b.get("/sign-in")
			if hsts := page.header.Get("Strict-Transport-Security"); (hsts != "") != c.secure {
				t.Errorf("Strict-Transport-Security %q", hsts)
			}
			b.goes(b.signIn(phrase), "/units")
			prefix := ""
			if c.secure {
				prefix = "__Host-"
			}
			for _, cookie := range b.last {
				if cookie.Name != prefix+"coso-session" && cookie.Name != prefix+"coso-form" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Domain != "" ||
					cookie.Secure != c.secure || len(cookie.Value) > 2048 {
					t.Errorf("%+v", cookie)
				}
			}
			if len(b.last) != 2 { // the session's, and that of its forms
				t.Errorf("%d cookies", len(b.last))
			}
			if res := b.get("/units"); res.code != http.StatusOK {
				t.Errorf("%d %s", res.code, res.body)
			}
		})
	}
}

// A session goes on while it is used, also if many tabs of it ask at once with the same cookie, and if one of them comes late.
func TestSessionsOfManyTabs(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	b.goes(b.signIn(phrase), "/units")
	for range 3 {
		before := b.jar["coso-session"]
		o.advance(9*time.Minute + 30*time.Second)
		var tabs sync.WaitGroup
		for range 8 {
			tabs.Go(func() {
				tab := o.browser(t)
				tab.jar["coso-session"] = before
				if res := tab.get("/units"); res.code != http.StatusOK {
					t.Errorf("%d to %s", res.code, res.header.Get("Location"))
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				b.jar["coso-session"] = tab.jar["coso-session"]
			})
		}
		tabs.Wait()
		if b.jar["coso-session"] == before {
			t.Error("the session was not renewed")
		}
		o.advance(10 * time.Second)
		late := o.browser(t)
		late.jar["coso-session"] = before
		if res := late.get("/units"); res.code != http.StatusOK {
			t.Errorf("who comes late: %d", res.code)
		}
	}
	// A used cookie that turns up much later is a thief's, or its browser's: nobody knows, so the session ends.
	before := b.jar["coso-session"]
	o.advance(9*time.Minute + 30*time.Second)
	b.shows(b.get("/units"), http.StatusOK)
	o.advance(11 * time.Minute)
	thief := o.browser(t)
	thief.jar["coso-session"] = before
	thief.goes(thief.get("/units"), "/sign-in?to=%2Funits&why=ended")
	b.goes(b.get("/units"), "/sign-in?to=%2Funits&why=ended")
}

// What a reader may not see is said so, with what to tell an administrator.
func TestPagesOneMayNotSee(t *testing.T) {
	o, _ := newOffice(t, phrase)
	o.reply = func(_ context.Context, c call) (proto.Message, error) {
		if _, ok := c.request.(*registrypb.ListUnitsRequest); ok {
			return nil, fault.ToStatus(fault.PermissionDenied(faultpb.Reason_REASON_PERMISSION_DENIED, "", "value", "UNITS_READ"), "").Err()
		}
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	b := o.browser(t)
	b.goes(b.signIn(phrase), "/units")
	b.shows(b.get("/units"), http.StatusForbidden, "UNITS_READ", "To ask for access, tell an administrator the account principals/admin", "Sign out")
	// A program is told so in its own way.
	b.header = http.Header{"Accept": {"*/*"}}
	delete(b.jar, "coso-session")
	if got := refused(t, b.get("/units")); got.http != http.StatusUnauthorized || got.reason != "TOKEN_MISSING" {
		t.Errorf("a program: %d %s", got.http, got.reason)
	}
}
