package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	identitypb "coso/proto/gen/coso/identity/v1"
	"coso/services/platform/run"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	"coso/gateway"
	"coso/gateway/identity"
)

// phrase and phrase2 are passwords that pass the rules.
const (
	phrase  = "Trăng lên đầu ngõ nhỏ"
	phrase2 = "Gió qua vườn cau cũ"
)

// office is a gateway with the real service of accounts, over an echo of the others. Its own clock moves by advance alone.
type office struct {
	*gate

	accounts *identity.Service
	at       atomic.Int64
}

// newOffice opens an office whose first account, admin, has this password; "": a one-time password, which is answered.
func newOffice(t *testing.T, password string, more ...func(*gateway.Options)) (o *office, oneTime string) {
	t.Helper()
	return newOfficeOf(t, password, nil, more...)
}

// newOfficeOf opens an office whose service of accounts believes an issuer too.
func newOfficeOf(t *testing.T, password string, signIns func(now func() time.Time) *token.Identities, more ...func(*gateway.Options)) (o *office, oneTime string) {
	t.Helper()
	o = &office{gate: &gate{echo: &echo{}, own: tokentest.Issuer(t)}}
	o.at.Store(time.Now().UnixNano())
	issuer := o.own.Trusted()
	issuer.Prefix = "sso"
	var err error
	options := identity.Options{Options: run.Options{Dir: t.TempDir(), Clock: o.now, Logger: slog.New(slog.DiscardHandler)}}
	if signIns != nil {
		options.SignIns = signIns(o.now)
	}
	o.accounts, err = identity.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- o.accounts.Part(nil, nil).Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	first, err := o.accounts.EnsureFirst(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.Options{Issuers: []token.Issuer{o.accounts.Own(), issuer}, Now: o.now})
	if err != nil {
		t.Fatal(err)
	}
	o.open(t, o.inProcess(t), append([]func(*gateway.Options){func(g *gateway.Options) {
		g.Identity, g.Keys, g.Tokens, g.Clock = o.accounts.Conn(), o.accounts.Published, verifier, o.now
	}}, more...)...)
	return o, first.OneTimePassword
}

func (o *office) now() time.Time          { return time.Unix(0, o.at.Load()) }
func (o *office) advance(d time.Duration) { o.at.Add(int64(d)) }

// bearing are the headers of a program with a token.
func bearing(compact string) http.Header { return http.Header{"Authorization": {"Bearer " + compact}} }

// session signs in as a program does, where the password is phrase.
func (o *office) session(t *testing.T) *identitypb.SessionTokens {
	t.Helper()
	s, err := identitypb.NewSessionServiceClient(o.accounts.Conn()).CreateSession(t.Context(),
		&identitypb.CreateSessionRequest{Username: "admin", Password: phrase})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apiToken makes an API token of admin and answers its secret and name.
func (o *office) apiToken(t *testing.T, scope string) (secret, name string) {
	t.Helper()
	s := o.session(t)
	res := o.do(t, ask{
		method: "POST", target: "/v1/apiTokens", header: bearing(s.GetToken()),
		body: `{"displayName":"may tinh","scope":"` + scope + `","expireTime":"` + timestamppb.New(o.now().Add(24*time.Hour)).AsTime().Format(time.RFC3339) + `"}`,
	})
	if res.code != http.StatusOK {
		t.Fatalf("%d %s", res.code, res.body)
	}
	found := regexp.MustCompile(`"(apiTokens/[^"]+)".*"secret":"([^"]+)"`).FindSubmatch(res.body)
	if found == nil {
		t.Fatalf("no secret in %s", res.body)
	}
	return string(found[2]), string(found[1])
}

// browser keeps cookies and follows no redirect by itself.
type browser struct {
	*testing.T

	office *office
	tls    bool
	header http.Header

	mu   sync.Mutex
	jar  map[string]string
	last []*http.Cookie
}

func (o *office) browser(t *testing.T) *browser {
	t.Helper()
	return &browser{T: t, office: o, jar: map[string]string{}, header: http.Header{"Accept": {"text/html"}, "Accept-Language": {"en"}}}
}

func (b *browser) send(method, target string, form url.Values) answer {
	b.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequestWithContext(b.Context(), method, target, body)
	r.Host = here
	maps.Copy(r.Header, b.header)
	if b.tls {
		r.TLS = &tls.ConnectionState{}
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}
	}
	b.mu.Lock()
	for name, value := range b.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	w := httptest.NewRecorder()
	b.office.handler.ServeHTTP(w, r)
	return b.took(w.Result())
}

// took keeps the cookies of an answer.
func (b *browser) took(res *http.Response) answer {
	b.Helper()
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		b.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = res.Cookies()
	for _, c := range b.last {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
		} else {
			b.jar[c.Name] = c.Value
		}
	}
	return answer{code: res.StatusCode, header: res.Header, body: body}
}

func (b *browser) get(target string) answer {
	b.Helper()
	return b.send(http.MethodGet, target, nil)
}

var formValue = regexp.MustCompile(`name="form" value="([^"]+)"`)

// form is the hidden value of the forms of a page.
func (b *browser) form(page answer) string {
	b.Helper()
	found := formValue.FindSubmatch(page.body)
	if found == nil {
		b.Fatalf("no form in %d %s", page.code, page.body)
	}
	return string(found[1])
}

// signIn fills in the form, and answers what comes back.
func (b *browser) signIn(password string) answer {
	b.Helper()
	page := b.get("/sign-in")
	return b.send(http.MethodPost, "/sign-in", url.Values{"form": {b.form(page)}, "username": {"admin"}, "password": {password}, "to": {"/units"}})
}

// goes demands that an answer sends the browser elsewhere.
func (b *browser) goes(res answer, to string) {
	b.Helper()
	if res.code != http.StatusSeeOther || res.header.Get("Location") != to {
		b.Fatalf("%d to %q, want %q: %s", res.code, res.header.Get("Location"), to, res.body)
	}
}

// shows demands that an answer is a page with these texts.
func (b *browser) shows(res answer, code int, texts ...string) {
	b.Helper()
	for _, text := range texts {
		if !bytes.Contains(res.body, []byte(text)) {
			b.Errorf("without %q", text)
		}
	}
	if res.code != code || b.Failed() {
		b.Fatalf("%d, want %d: %s", res.code, code, res.body)
	}
}
