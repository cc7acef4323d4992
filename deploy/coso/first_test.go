package main

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The first account's password is a secret: no report of settings and no refusal repeats it.
func TestAdminPasswordIsNotShown(t *testing.T) {
	const secret, bad = "trăng lên đầu ngõ nhỏ", "matkhau123456"
	t.Setenv("COSO_ADMIN_PASSWORD", secret)
	out, _, err := run(t, "up", "--check-config", "--data", t.TempDir())
	if got := strings.Join(strings.Fields(out), " "); err != nil || !strings.Contains(got, "admin-password (given) environment COSO_ADMIN_PASSWORD") || strings.Contains(out, secret) {
		t.Errorf("%v:\n%s", err, out)
	}
	t.Setenv("COSO_ADMIN_PASSWORD", bad)
	out, _, err = run(t, "up", "--check-config", "--data", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "COSO_ADMIN_PASSWORD: ") || strings.Contains(out+err.Error(), bad) {
		t.Errorf("%v:\n%s", err, out)
	}
	for flag, want := range map[string]string{"--token-life=16m": "--token-life: 16m0s", "--session-idle=1m": "--session-idle", "--session-life=1h": "--session-life"} {
		if _, _, err := run(t, "up", "--check-config", "--data", t.TempDir(), flag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// The first start says how to sign in, and that is how one does.
func TestUpSaysHowToSignIn(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out := &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, []string{"up", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, streams{out: out, err: io.Discard})
	}()
	base := out.address(t, ended)
	out.mu.Lock()
	text := out.text.String()
	out.mu.Unlock()
	found := regexp.MustCompile(`user name admin, one-time password (\S+)`).FindStringSubmatch(text)
	if len(found) != 2 || !strings.Contains(text, "mật khẩu dùng một lần "+found[1]) {
		t.Fatalf("it does not say how:\n%s", text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/sessions", strings.NewReader(`{"username":"admin","password":"`+found[1]+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"mustChangePassword":true`) {
		t.Errorf("%d, %v: %s", resp.StatusCode, err, body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("up ended with %v", err)
	}
}
