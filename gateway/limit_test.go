package gateway_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/fault"
	"coso/services/platform/token"

	"coso/gateway"
)

// INV-LIMIT-APART: who asks too much waits, and nobody else does.
func TestRates(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{Rate: 10, Burst: 100} })
	lan, minh := o.own.Token("lan"), o.own.Token("minh")
	write := func(compact string) answer {
		return o.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: bearing(compact)})
	}
	read := func(compact string) answer {
		return o.do(t, ask{method: "GET", target: "/v1/units/a", header: bearing(compact)})
	}
	for i := range 20 {
		if res := write(lan); res.code != http.StatusOK {
			t.Fatalf("write %d: %d %s", i, res.code, res.body)
		}
	}
	res := write(lan)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || got.reason != "TOO_MANY_REQUESTS" || res.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s, Retry-After %q", got.http, got.reason, res.header.Get("Retry-After"))
	}
	if n := len(o.taken()); n != 20 {
		t.Errorf("%d calls", n)
	}
	if res := write(minh); res.code != http.StatusOK {
		t.Errorf("another: %d %s", res.code, res.body)
	}
	o.advance(200 * time.Millisecond) // two look-ups' worth
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if res := read(lan); res.code != want {
			t.Errorf("look-up %d: %d", i, res.code)
		}
	}
	o.advance(time.Minute)
	if res := write(lan); res.code != http.StatusOK {
		t.Errorf("a minute later: %d", res.code)
	}
}

// Whoever is not known is counted by address: for passwords that are tried, and for tokens that prove nothing.
func TestRatesOfStrangers(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{Rate: 10, Burst: 100} })
	lan := ask{method: "GET", target: "/v1/units", header: bearing(o.own.Token("lan"))}
	if res := o.do(t, lan); res.code != http.StatusOK {
		t.Fatalf("%d %s", res.code, res.body)
	}
	bad := ask{method: "GET", target: "/v1/units", header: bearing("x")}
	for range 20 {
		if res := o.do(t, bad); res.code != http.StatusUnauthorized {
			t.Fatalf("%d %s", res.code, res.body)
		}
	}
	res := o.do(t, bad)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || res.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.http, got.reason)
	}
	b := o.browser(t)
	b.shows(b.signIn(phrase), http.StatusTooManyRequests, `role="alert"`)
	if res := o.do(t, lan); res.code != http.StatusOK {
		t.Errorf("who is known, from there: %d", res.code)
	}
}

// looks counts how often tokens are looked at, by the verifier that does.
type looks struct {
	verifier interface {
		Verify(ctx context.Context, compact string) (token.Claims, error)
	}
	n atomic.Int64
	// within is told of each look, which goes on when hold is closed; nil: at once.
	within, hold chan struct{}
}

// Verify looks at one.
func (l *looks) Verify(ctx context.Context, compact string) (token.Claims, error) {
	l.n.Add(1)
	if l.within != nil {
		l.within <- struct{}{}
		<-l.hold
	}
	return l.verifier.Verify(ctx, compact)
}

// newWatchedOffice is an office that counts the looks at tokens; an address may show twenty that prove nothing.
func newWatchedOffice(t *testing.T) (*office, *looks) {
	t.Helper()
	l := &looks{}
	o, _ := newOffice(t, phrase, func(g *gateway.Options) {
		l.verifier, g.Tokens, g.TrustForwarded, g.Limits = g.Tokens, l, true, gateway.Limits{Rate: 10, Burst: 100}
	})
	return o, l
}

func shown(compact, from string) ask {
	a := ask{method: "GET", target: "/v1/units", header: bearing(compact)}
	a.header.Set("X-Forwarded-For", from)
	return a
}

// INV-CALLER-DOUBTED: an address that has shown too much that proves nothing has nothing more looked at, nor exchanged, nor renewed, but
// what has proved somebody before, in whatever way it comes.
func TestProofsAreCountedBeforeTheyAreLookedAt(t *testing.T) {
	const here, there = "203.0.113.7", "203.0.113.8"
	o, l := newWatchedOffice(t)
	b := o.browser(t)
	b.header.Set("X-Forwarded-For", here)
	b.goes(b.signIn(phrase), "/units")
	secret, _ := o.apiToken(t, "API_TOKEN_SCOPE_ALL")
	lan := o.own.Token("lan")
	o.advance(2 * time.Minute) // what signing in has cost is paid
	for _, known := range []string{lan, secret} {
		if res := o.do(t, shown(known, here)); res.code != http.StatusOK {
			t.Fatalf("%d %s", res.code, res.body)
		}
	}
	for i := range 20 {
		if res := o.do(t, shown([]string{"x", "coso_x"}[i%2], here)); res.code != http.StatusUnauthorized {
			t.Fatalf("proof %d: %d %s", i, res.code, res.body)
		}
	}
	before, minh := l.n.Load(), o.own.Token("minh")
	for name, a := range map[string]ask{
		"a bad token": shown("x", here), "a bad API token": shown("coso_x", here), "a good token that is not known": shown(minh, here),
		"two":                    {method: "GET", target: "/v1/units", header: http.Header{"Authorization": {"Bearer x", "Bearer y"}, "X-Forwarded-For": {here}}},
		"a bad cookie of a page": {method: "GET", target: "/units", header: http.Header{"Cookie": {"coso-session=x~y"}, "X-Forwarded-For": {here}}},
		"a bad cookie of events": {method: "GET", target: "/v1/events", header: http.Header{"Cookie": {"coso-session=x~y"}, "X-Forwarded-For": {here}}},
	} {
		res := o.do(t, a)
		if res.code != http.StatusTooManyRequests || res.header.Get("Retry-After") != "5" {
			t.Errorf("%s: %d, Retry-After %q: %s", name, res.code, res.header.Get("Retry-After"), res.body)
		}
	}
	if n := l.n.Load() - before; n != 0 {
		t.Errorf("%d were looked at", n)
	}
	for name, known := range map[string]string{"a token": lan, "an API token": secret} {
		if res := o.do(t, shown(known, here)); res.code != http.StatusOK {
			t.Errorf("%s that is known: %d %s", name, res.code, res.body)
		}
	}
	b.shows(b.get("/units"), http.StatusOK)
	if res := o.do(t, shown(minh, there)); res.code != http.StatusOK {
		t.Errorf("from elsewhere: %d", res.code)
	}
	if res := o.do(t, shown(minh, here)); res.code != http.StatusOK {
		t.Errorf("who has proved to be somebody elsewhere: %d", res.code)
	}
	o.advance(5 * time.Second)
	if res := o.do(t, shown("x", here)); res.code != http.StatusUnauthorized {
		t.Errorf("when it was told: %d", res.code)
	}
}

// INV-CALLER-DOUBTED: however many come at the same time.
func TestProofsAtTheSameTime(t *testing.T) {
	o, l := newWatchedOffice(t)
	l.within, l.hold = make(chan struct{}), make(chan struct{})
	codes := make(chan int, 20)
	for range 20 {
		go func() { codes <- o.do(t, shown("x", "203.0.113.7")).code }()
		<-l.within
	}
	if res := o.do(t, shown("x", "203.0.113.7")); res.code != http.StatusTooManyRequests {
		t.Errorf("while twenty are looked at: %d", res.code)
	}
	close(l.hold)
	for range 20 {
		if code := <-codes; code != http.StatusUnauthorized {
			t.Errorf("%d", code)
		}
	}
}

// A token that was known and proves nobody any more is doubted like any other.
func TestWhatProvesNobodyAnyMore(t *testing.T) {
	o, l := newWatchedOffice(t)
	lan := o.own.Token("lan")
	if res := o.do(t, shown(lan, "203.0.113.7")); res.code != http.StatusOK {
		t.Fatalf("%d %s", res.code, res.body)
	}
	o.advance(6 * time.Minute)
	for range 20 {
		if got := refused(t, o.do(t, shown(lan, "203.0.113.7"))); got.reason != "TOKEN_EXPIRED" {
			t.Fatalf("refused with %s", got.reason)
		}
	}
	before := l.n.Load()
	if res := o.do(t, shown(lan, "203.0.113.7")); res.code != http.StatusTooManyRequests || l.n.Load() != before {
		t.Errorf("%d, looked at %d times", res.code, l.n.Load()-before)
	}
}

// So is a session that has ended though its signed token has not.
func TestSessionsThatHaveEndedAreDoubted(t *testing.T) {
	o, _ := newWatchedOffice(t)
	b := o.browser(t)
	b.goes(b.signIn(phrase), "/units")
	kept := b.jar["coso-session"]
	refresh, _, _ := strings.Cut(kept, "~")
	if _, err := identitypb.NewSessionServiceClient(o.accounts.Conn()).EndSession(t.Context(), &identitypb.EndSessionRequest{RefreshToken: refresh}); err != nil {
		t.Fatal(err)
	}
	o.advance(9*time.Minute + 30*time.Second) // it has to be renewed
	for range 21 {                            // the first was known
		b.jar["coso-session"] = kept
		b.goes(b.get("/units"), "/sign-in?to=%2Funits&why=ended")
	}
	b.jar["coso-session"] = kept
	if res := b.get("/units"); res.code != http.StatusTooManyRequests || res.header.Get("Retry-After") == "" {
		t.Errorf("%d to %q", res.code, res.header.Get("Location"))
	}
}

// A service's refusal says when to come back as the gateway's own does.
func TestServicesSayWhenToComeBack(t *testing.T) {
	g := newGate(t)
	g.reply = func(context.Context, call) (proto.Message, error) {
		return nil, fault.ToStatus(fault.ResourceExhausted(faultpb.Reason_REASON_TOO_MANY_REQUESTS, "", "limit", "3").After(2100*time.Millisecond), "").Err()
	}
	res := g.do(t, ask{method: "GET", target: "/v1/units/a"})
	if got := refused(t, res); got.http != http.StatusTooManyRequests || res.header.Get("Retry-After") != "3" || !strings.Contains(string(res.body), `"retryDelay":"2.100s"`) {
		t.Errorf("%d, Retry-After %q: %s", got.http, res.header.Get("Retry-After"), res.body)
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	for l, ok := range map[gateway.Limits]bool{
		{}: true, {Rate: 1, Burst: 100, AtOnce: 1}: true, {Rate: -1}: false, {Burst: 99}: false, {AtOnce: -1}: false, {Streams: -1}: false,
	} {
		if err := l.Check(); (err == nil) != ok {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

func TestRequestsAtOnce(t *testing.T) {
	o, _ := newOffice(t, phrase, func(g *gateway.Options) { g.Limits = gateway.Limits{AtOnce: 2} })
	under, end := make(chan struct{}), make(chan struct{})
	o.reply = func(context.Context, call) (proto.Message, error) {
		under <- struct{}{}
		<-end
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	lan := ask{method: "GET", target: "/v1/units", header: bearing(o.own.Token("lan"))}
	answers := make(chan int)
	for range 2 {
		go func() { answers <- o.do(t, lan).code }()
	}
	<-under
	<-under
	res := o.do(t, lan)
	if got := refused(t, res); got.http != http.StatusTooManyRequests || got.reason != "TOO_MANY_AT_ONCE" || res.header.Get("Retry-After") == "" {
		t.Errorf("the third: %d %s", got.http, got.reason)
	}
	close(end)
	for range 2 {
		if code := <-answers; code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
	go func() { <-under }()
	if res := o.do(t, lan); res.code != http.StatusOK {
		t.Errorf("when they have ended: %d", res.code)
	}
}

// INV-GATEWAY-CLOSED, and what every answer says to a browser, whatever it answers.
func TestWhatEveryAnswerSays(t *testing.T) {
	o, _ := newOffice(t, phrase)
	b := o.browser(t)
	b.goes(b.signIn(phrase), "/units")
	for _, target := range []string{
		"/", "/units", "/facts", "/khong-co", "/sign-in", "/password", "/docs", "/docs/start.js", "/openapi.json", "/healthz", "/readyz",
		"/v1/units", "/v1/khong-co", "/v1/events", "//x",
	} {
		for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodPost} {
			res := b.send(method, target, nil)
			h := res.header
			for name := range h {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s %s: %s", method, target, name)
				}
			}
			csp := h.Get("Content-Security-Policy")
			if !strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe-eval") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("%s %s: %v", method, target, h)
			}
			personal := !strings.HasPrefix(target, "/docs") && target != "/openapi.json"
			if got := h.Get("Cache-Control"); personal && got != "no-store" && method == http.MethodGet {
				t.Errorf("%s %s: Cache-Control %q (%s)", method, target, got, strconv.Itoa(res.code))
			}
			if h.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s %s: Strict-Transport-Security in clear", method, target)
			}
		}
	}
	b.tls = true
	if got := b.get("/healthz").header.Get("Strict-Transport-Security"); got == "" {
		t.Error("by TLS: no Strict-Transport-Security")
	}
}

// Nothing that tells of the inside of the program answers where clients come.
func TestNothingOfTheInside(t *testing.T) {
	o, _ := newOffice(t, phrase)
	for _, target := range []string{
		"/debug/pprof/", "/debug/pprof/profile", "/debug/vars", "/debug/requests", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
		"/metrics", "/livez", "/grpc.health.v1.Health/Check", "/v1/feed", "/v1/backups", "/v1/checkpoints", "/coso.feed.v1.FeedService/SkipEvent",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if res := o.do(t, ask{method: method, target: target, header: bearing(o.own.Token("lan"))}); res.code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, target, res.code)
			}
		}
	}
}
