package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/single/singletest"
)

// outside is a browser that comes to a coso by https through a proxy that takes TLS, as an office's do. It follows no redirect.
type outside struct {
	*testing.T

	http.Client

	cookies map[string]*http.Cookie
}

// behind puts a proxy before the coso at base and answers a browser before that. Whatever host it asks for, the proxy is asked.
func behind(t *testing.T, base string) *outside {
	t.Helper()
	to, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(proxy.Close)
	roots := proxy.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:forcetypeassert // as httptest documents it
	way := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, ServerName: "example.com"},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, proxy.Listener.Addr().String())
		},
	}
	t.Cleanup(way.CloseIdleConnections)
	return &outside{t, http.Client{Transport: way, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, map[string]*http.Cookie{}}
}

// ask sends a form, or asks for a page, with the cookies that came before.
func (o *outside) ask(address, origin string, form url.Values) (code int, text string) {
	o.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(o.Context(), method, address, body)
	if err != nil {
		o.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
	}
	for _, c := range o.cookies {
		r.AddCookie(c)
	}
	res, err := o.Do(r)
	if err != nil {
		o.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	for _, c := range res.Cookies() {
		if !c.Secure {
			o.Errorf("%s %s: the cookie %s goes in clear text too", method, address, c.Name)
		}
		o.cookies[c.Name] = c
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		o.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

var hiddenField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// One signs in to `coso up` by https through a proxy that it was told to believe, at the name that it was told, and at no other.
func TestUpBehindAProxy(t *testing.T) {
	t.Setenv("COSO_HOSTS", "example.com")
	base, _ := asAdmin(t, "--data", t.TempDir(), "--trust-proxy")
	o := behind(t, base)
	const site = "https://example.com"
	form := func() url.Values {
		_, page := o.ask(site+"/sign-in", "", nil)
		found := hiddenField.FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no form in %s", page)
		}
		return url.Values{"form": {found[1]}, "username": {"admin"}, "password": {singletest.AdminPassword}}
	}
	for _, foreign := range []string{"https://evil.example", "http://example.com"} {
		if code, text := o.ask(site+"/sign-in", foreign, form()); code != http.StatusForbidden {
			t.Errorf("from %s: %d %s", foreign, code, text)
		}
	}
	if code, text := o.ask(site+"/sign-in", site, form()); code != http.StatusSeeOther {
		t.Fatalf("%d %s", code, text)
	}
	if c := o.cookies["__Host-coso-session"]; c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("the session is in %v", o.cookies)
	}
	if code, text := o.ask(site+"/", "", nil); code != http.StatusOK || !strings.Contains(text, "Quản trị") && !strings.Contains(text, "admin") {
		t.Errorf("signed in: %d %s", code, text)
	}
	if code, text := o.ask("https://other.example/", "", nil); code != http.StatusMisdirectedRequest {
		t.Errorf("another name: %d %s", code, text)
	}
}

// What is inside is shown where the operator says, and not where clients come.
func TestUpShowsOperations(t *testing.T) {
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ops := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	asAdmin(t, "--data", t.TempDir(), "--ops", ops)
	for path, want := range map[string]string{"/livez": "alive", "/readyz": "ready", "/metrics": "coso_feed"} {
		deadline := time.Now().Add(singletest.Patience)
		for {
			text, err := get(t, "http://"+ops+path)
			if err == nil && strings.Contains(text, want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s answers %q, %v", path, text, err)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	if _, _, err := run(t, "up", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--ops", ops); err == nil || !strings.Contains(err.Error(), "--ops: another program listens on port ") {
		t.Errorf("a second one says %v", err)
	}
}

// get reads what answers 200.
func get(t *testing.T, address string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %d", res.StatusCode)
	}
	return string(text), err
}
