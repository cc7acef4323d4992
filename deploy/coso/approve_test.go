package main

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/client"

	accesspb "coso/proto/gen/coso/access/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	registrypb "coso/proto/gen/coso/registry/v1"

	"google.golang.org/protobuf/proto"
)

const adminPassword = "trăng lên đầu ngõ nhỏ"

// twoOffices starts a coso with the demo's catalogue in which admin and lan administer everything, and answers its address and
// how to become one of them.
func twoOffices(t *testing.T) (base string, become func(user string)) {
	t.Helper()
	t.Setenv("COSO_ADMIN_PASSWORD", adminPassword)
	ctx, stop := context.WithCancel(t.Context())
	dir := t.TempDir()
	out := &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, []string{"up", "--data", filepath.Join(dir, "data"), "--http", "127.0.0.1:0"}, streams{out: out, err: io.Discard})
	}()
	base = out.address(t, ended)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	})
	nobody := client.New(base)
	tokens := map[string]string{"admin": signIn(t, nobody, "admin", adminPassword)}
	admin := nobody.As(func(context.Context) (string, error) { return tokens["admin"], nil })
	made := &identitypb.CreateAccountResponse{}
	send(t, admin, "/v1/accounts?accountId=lan", &identitypb.Account{DisplayName: "Lan"}, made)
	first := signIn(t, nobody, "lan", made.GetOneTimePassword())
	send(t, nobody.As(func(context.Context) (string, error) { return first, nil }), "/v1/sessions:changePassword",
		&identitypb.ChangePasswordRequest{OldPassword: made.GetOneTimePassword(), NewPassword: "gió đưa cành trúc la đà"}, &identitypb.ChangePasswordResponse{})
	send(t, admin, "/v1/grants", &registrypb.Grant{
		Principal: "principals/lan", Role: accesspb.Role_ROLE_ADMINISTRATOR, Reason: "phê duyệt", Document: "1-QĐ/TU",
	}, &registrypb.Grant{})
	tokens["lan"] = signIn(t, nobody, "lan", "gió đưa cành trúc la đà")
	return base, func(user string) { t.Setenv("COSO_API_TOKEN", tokens[user]) }
}

func signIn(t *testing.T, c *client.Client, user, password string) string {
	t.Helper()
	tokens := &identitypb.SessionTokens{}
	send(t, c, "/v1/sessions", &identitypb.CreateSessionRequest{Username: user, Password: password}, tokens)
	return tokens.GetToken()
}

func send(t *testing.T, c *client.Client, path string, in, out proto.Message) {
	t.Helper()
	if err := c.Post(t.Context(), path, nil, in, out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// The city's plan is proposed by one and approved by another, who sees what it comes to.
func TestApprove(t *testing.T) {
	base, become := twoOffices(t)
	become("admin")
	var out string
	for deadline := time.Now().Add(time.Minute); ; { // planning hears a moment later who may do what
		var err error
		if out, _, err = run(t, "import", "--server", base, "../demo/hanoi-2020/units.csv", "../demo/hanoi-2020/indicators.csv",
			"../demo/hanoi-2020/periods.csv", "../demo/hanoi-2020/targets.csv"); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(out, err)
		}
	}
	if !strings.Contains(out, "chỉ tiêu chờ người khác phê duyệt: coso approve --period 2020") {
		t.Errorf("import says %q", out)
	}
	if own, _, err := run(t, "approve", "--server", base, "--yes", "--lang", "en"); err != nil ||
		!strings.Contains(own, "No target waits for the approval of this account") || !strings.Contains(own, "others wait for somebody else") {
		t.Errorf("whoever proposed is told %q, %v", own, err)
	}
	become("lan")
	shown, _, err := run(t, "approve", "--server", base, "--unit", "ha-noi", "--dry-run")
	if err != nil || !strings.Contains(shown, "party-organisations, kỳ 2020: 1 chỉ tiêu, tổng 70") || !strings.Contains(shown, "admin") ||
		strings.Contains(shown, "Đã phê duyệt") {
		t.Errorf("a rehearsal says %q, %v", shown, err)
	}
	got, _, err := run(t, "approve", "--server", base, "--period", "2020", "--yes")
	if err != nil || !strings.Contains(got, "Đã phê duyệt") {
		t.Errorf("approve says %q, %v", got, err)
	}
	if again, _, err := run(t, "approve", "--server", base); err != nil || again != "Không có chỉ tiêu nào chờ tài khoản này phê duyệt.\n" {
		t.Errorf("again: %q, %v", again, err)
	}
	become("admin")
	if out, _, err := run(t, "import", "--server", base, "../demo/hanoi-2020/targets.csv"); err != nil || strings.Contains(out, "coso approve") {
		t.Errorf("imported again: %q, %v", out, err)
	}
}

func TestApproveRefusesWhatIsNoName(t *testing.T) {
	for _, args := range [][]string{{"--period", "Năm 2020"}, {"--unit", "Tây Hồ"}} {
		if _, _, err := run(t, append([]string{"approve"}, args...)...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestConfirmed(t *testing.T) {
	for answer, want := range map[string]bool{"c\n": true, "Có\n": true, "y": true, "YES\n": true, "": false, "\n": false, "k\n": false, "không\n": false} {
		var said strings.Builder
		if got := (approveCommand{}).confirmed(&said, strings.NewReader(answer), 3); got != want || !strings.Contains(said.String(), "3") {
			t.Errorf("%q: %v, %q", answer, got, said.String())
		}
	}
}
