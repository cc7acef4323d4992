package gateway_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"coso/services/platform/mtls"
	"coso/services/platform/run/settings"
	"coso/services/platform/token"

	"coso/gateway"
	"coso/gateway/internal/oidc/oidctest"
)

const (
	clientID     = "coso-page"
	clientSecret = "Sương giăng đầu núi & cuối=sông"
	begins       = "/sign-in/oidc"
	returns      = "/sign-in/oidc/callback"
)

// lobby is an office, by HTTP, in which one signs in by an issuer.
type lobby struct {
	*office

	issuer *oidctest.Issuer
	base   string
	log    *syncLog
}

// syncLog is a log that several goroutines write.
type syncLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newLobby opens an office that is a client with this secret; "": a public one.
func newLobby(t *testing.T, secret string, more ...func(*gateway.Options)) *lobby {
	t.Helper()
	l := &lobby{issuer: oidctest.New(t), log: &syncLog{}}
	logger := slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	issuers := []token.Issuer{{
		URL: l.issuer.URL(), Audience: "coso-api", Algorithms: []token.Algorithm{token.ES256, token.RS256}, Prefix: "office", Keys: l.keys(t),
	}}
	own := gateway.OIDC{ClientID: clientID, Name: "Office SSO"}
	if secret != "" {
		own.ClientSecretFile = settings.File(filepath.Join(t.TempDir(), "secret"))
		if err := os.WriteFile(string(own.ClientSecretFile), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.office, _ = newOfficeOf(t, phrase, func(now func() time.Time) *token.Identities {
		found, err := own.Identities(issuers, now)
		if err != nil {
			t.Fatal(err)
		}
		return found
	})
	issuer, err := gateway.NewIssuer(own, issuers, l.accounts.ConnOf(mtls.Gateway), logger, l.now)
	if err != nil {
		t.Fatal(err)
	}
	l.open(t, l.inProcess(t), append([]func(*gateway.Options){func(g *gateway.Options) {
		g.Identity, g.Keys, g.Tokens, g.Clock = l.accounts.Conn(), l.accounts.Published, l.accounts.Tokens(), l.now
		g.Issuer, g.Logger = issuer, logger
	}}, more...)...)
	server := httptest.NewServer(l.handler)
	t.Cleanup(server.Close)
	l.base = server.URL
	l.issuer.Register(clientID, secret, l.base+returns)
	return l
}

// keys reads the issuer's keys until the test ends.
func (l *lobby) keys(t *testing.T) *token.RemoteKeys {
	t.Helper()
	keys, err := token.NewRemoteKeys(token.RemoteOptions{Issuer: l.issuer.URL(), Logger: slog.New(slog.DiscardHandler), PauseBetween: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- keys.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return keys
}

// visitor is a browser, as far as cookies and redirects go. It follows none by itself.
type visitor struct {
	*testing.T

	client *http.Client
	jar    *jar
	header http.Header
}

// jar keeps the cookies of one host, and withholds the strict ones from what another site has set going.
type jar struct {
	mu      sync.Mutex
	cookies map[string]*http.Cookie
	foreign bool
}

// SetCookies keeps cookies.
func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range cookies {
		if j.cookies[c.Name] = c; c.MaxAge < 0 {
			delete(j.cookies, c.Name)
		}
	}
}

// Cookies are those that are sent.
func (j *jar) Cookies(*url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var sent []*http.Cookie
	for _, c := range j.cookies {
		if !j.foreign || c.SameSite != http.SameSiteStrictMode {
			sent = append(sent, &http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return sent
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	v := &visitor{T: t, jar: &jar{cookies: map[string]*http.Cookie{}}, header: http.Header{"Accept": {"text/html"}, "Accept-Language": {"en"}}}
	v.client = &http.Client{Jar: v.jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(v.client.CloseIdleConnections)
	return v
}

// goes is what a window does that goes to an address, set going by a page of this site or of another.
func (v *visitor) goes(address, site string, form url.Values) answer {
	v.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(v.Context(), method, address, body)
	if err != nil {
		v.Fatal(err)
	}
	r.Header = v.header.Clone()
	for name, value := range map[string]string{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"} {
		r.Header.Set(name, value)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	v.jar.mu.Lock()
	v.jar.foreign = site == "cross-site"
	v.jar.mu.Unlock()
	res, err := v.client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		v.Fatal(err)
	}
	return answer{code: res.StatusCode, header: res.Header, body: text}
}

func (v *visitor) follows(address string) answer {
	v.Helper()
	return v.goes(address, "same-origin", nil)
}

// leaves begins to sign in, and is sent from the issuer back to the address that is answered.
func (v *visitor) leaves(l *lobby, to string) (back string) {
	v.Helper()
	begun := v.follows(l.base + begins + "?to=" + url.QueryEscape(to))
	if begun.code != http.StatusSeeOther || !strings.HasPrefix(begun.header.Get("Location"), l.issuer.URL()+oidctest.Authorize+"?") {
		v.Fatalf("%d to %q: %s", begun.code, begun.header.Get("Location"), begun.body)
	}
	there := v.goes(begun.header.Get("Location"), "cross-site", nil)
	back = there.header.Get("Location")
	if there.code != http.StatusSeeOther || !strings.HasPrefix(back, l.base+returns+"?") {
		v.Fatalf("the issuer answers %d to %q: %s", there.code, back, there.body)
	}
	return back
}

// signsIn goes the whole way, up to the page that it leads to.
func (v *visitor) signsIn(l *lobby, to string) answer {
	v.Helper()
	in := v.goes(v.leaves(l, to), "cross-site", nil)
	if in.code != http.StatusOK || in.header.Get("Refresh") != "0; url="+to {
		v.Fatalf("%d %q: %s", in.code, in.header.Get("Refresh"), in.body)
	}
	return v.follows(l.base + to)
}

// shows demands that an answer is a page with these texts.
func (v *visitor) shows(res answer, code int, texts ...string) {
	v.Helper()
	for _, text := range texts {
		if !strings.Contains(string(res.body), text) {
			v.Errorf("without %q", text)
		}
	}
	if res.code != code || v.Failed() {
		v.Fatalf("%d, want %d: %s", res.code, code, res.body)
	}
}

// tokens are what the browser's session is used with.
func (v *visitor) tokens() (refresh, signed string) {
	v.Helper()
	v.jar.mu.Lock()
	defer v.jar.mu.Unlock()
	c := v.jar.cookies["coso-session"]
	if c == nil {
		return "", ""
	}
	refresh, signed, _ = strings.Cut(c.Value, "~")
	return refresh, signed
}
