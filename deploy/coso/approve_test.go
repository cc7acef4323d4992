package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/staff"
)

// asAdmin starts `coso up` with arguments until the test ends, and lets the commands of the test act as its first administrator; it
// answers the address and the people.
func asAdmin(t *testing.T, args ...string) (base string, people *singletest.People) {
	t.Helper()
	t.Setenv("COSO_ADMIN_PASSWORD", singletest.AdminPassword)
	ctx, stop := context.WithCancel(t.Context())
	out := &said{}
	ended := make(chan error, 1)
	go func() {
		ended <- execute(ctx, append([]string{"up", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, args...), streams{out: out, err: io.Discard})
	}()
	base = out.address(t, ended)
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("up ended with %v", err)
		}
	})
	people = singletest.At(base)
	become(t, people.Admin(t))
	return base, people
}

// become lets the commands of the test act as somebody.
func become(t *testing.T, one *staff.Person) {
	t.Helper()
	t.Setenv("COSO_API_TOKEN", strings.TrimPrefix(singletest.Bearer(t, one), "Bearer "))
}

// The city's plan is proposed by one and approved by another, who sees what it comes to.
func TestApprove(t *testing.T) {
	base, people := asAdmin(t, "--data", t.TempDir())
	out, _, err := run(t, "import", "--server", base, "../demo/hanoi-2020/units.csv", "../demo/hanoi-2020/indicators.csv",
		"../demo/hanoi-2020/periods.csv", "../demo/hanoi-2020/targets.csv")
	if err != nil {
		t.Fatal(out, err)
	}
	if !strings.Contains(out, "chỉ tiêu chờ người khác phê duyệt: coso approve --period 2020") {
		t.Errorf("import says %q", out)
	}
	if own, _, err := run(t, "approve", "--server", base, "--yes", "--lang", "en"); err != nil ||
		!strings.Contains(own, "No target waits for the approval of this account") || !strings.Contains(own, "others wait for somebody else") {
		t.Errorf("whoever proposed is told %q, %v", own, err)
	}
	become(t, people.Lan(t))
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
	become(t, people.Admin(t))
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
