package main

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/staff"
)

// upUntil runs `coso up` on a folder with arguments until stop, and answers its address and what it said until then.
func upUntil(t *testing.T, args ...string) (base, text string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, append([]string{"up", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, args...), streams{out: out, err: io.Discard})
	}()
	base = out.address(t, ended)
	out.mu.Lock()
	defer out.mu.Unlock()
	return base, out.text.String(), func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	}
}

// A new user's first start with the demo: the city is there, and two people may sign in with one-time passwords; the next start
// leaves both as they are.
func TestUpWithTheDemo(t *testing.T) {
	dir := t.TempDir()
	base, text, stop := upUntil(t, "--data", dir, "--demo", "hanoi-2020")
	if !strings.Contains(text, "thành lập được 100/70 tổ chức đảng, đạt 142,86% kế hoạch năm 2020.") {
		t.Errorf("the report is\n%s", text)
	}
	secrets := map[string]string{}
	for _, found := range regexp.MustCompile(`user name (\w+), one-time password (\S+) `).FindAllStringSubmatch(text, -1) {
		secrets[found[1]] = found[2]
		if !strings.Contains(text, "tên đăng nhập "+found[1]+", mật khẩu dùng một lần "+found[2]) {
			t.Errorf("of %s it says nothing in Vietnamese:\n%s", found[1], text)
		}
	}
	if len(secrets) != 2 {
		t.Fatalf("one-time passwords of %v:\n%s", secrets, text)
	}
	for user, secret := range secrets {
		one, err := staff.SignIn(t.Context(), base, user, secret, singletest.LanPassword)
		if err != nil {
			t.Fatal(err)
		}
		become(t, one)
		got, _, err := run(t, "progress", "--server", base, "--unit", "ha-noi", "--period", "2020", "--as-of", "2020-11-30")
		if err != nil || !strings.Contains(got, "100/70") {
			t.Errorf("as %s: %q, %v", user, got, err)
		}
		if user != staff.First {
			continue
		}
		if _, _, err := run(t, "demo", "--server", base); err != nil {
			t.Errorf("the demo once more: %v", err)
		}
	}
	stop()
	base, text, stop = upUntil(t, "--data", dir, "--demo", "hanoi-2020")
	if !strings.Contains(text, "coso reset-password admin") || strings.Contains(text, "one-time password ") {
		t.Errorf("the next start says\n%s", text)
	}
	if _, err := staff.SignIn(t.Context(), base, "lan", singletest.LanPassword, ""); err != nil {
		t.Error(err)
	}
	stop()
}

// Whoever is not signed in is told so in a sentence, in their language, before anything is sent.
func TestNobodyIsSignedIn(t *testing.T) {
	t.Setenv("COSO_API_TOKEN", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, args := range [][]string{
		{"import", "../demo/hanoi-2020/units.csv"}, {"export", "--dir", t.TempDir()}, {"progress", "--unit", "ha-noi", "--period", "2020"}, {"approve"}, {"demo"},
	} {
		const nobody = "http://127.0.0.1:1" // nothing answers there
		_, _, err := run(t, append(args, "--server", nobody)...)
		if err == nil || err.Error() != "chưa đăng nhập vào "+nobody+"; hãy đăng nhập bằng `coso sign-in TÊN --server "+nobody+"`, hoặc đặt mã truy cập API vào biến COSO_API_TOKEN" {
			t.Errorf("%s says %v", args[0], err)
		}
		_, _, err = run(t, append(args, "--server", nobody, "--lang", "en")...)
		if err == nil || !strings.HasPrefix(err.Error(), "nobody is signed in to "+nobody+"; sign in with `coso sign-in USER") {
			t.Errorf("%s says %v", args[0], err)
		}
	}
}
