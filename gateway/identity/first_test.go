package identity

import (
	"os"
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

func (h *house) first(given string) First {
	h.Helper()
	f, err := h.EnsureFirst(h.Context(), given)
	if err != nil {
		h.Fatal(err)
	}
	return f
}

// INV-IDENTITY-WAY-IN
func TestTheFirstAccount(t *testing.T) {
	h := newHouse(t)
	lost := h.first("") // the process was cut off before it could print this
	h.again()
	first := h.first("")
	if first.Principal != "principals/admin" || first.OneTimePassword == lost.OneTimePassword || !strings.Contains(first.Greeting(), first.OneTimePassword) {
		t.Fatalf("%+v", first)
	}
	_, err := h.try(h.from("192.0.2.1"), "admin", lost.OneTimePassword)
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
	h.signIn("admin", first.OneTimePassword) // signed in, and went away without a new password
	h.again()
	first = h.first("")
	in := h.signIn("admin", first.OneTimePassword)
	if _, err := h.sessions.ChangePassword(h.bearing(in.GetToken()), &identitypb.ChangePasswordRequest{OldPassword: first.OneTimePassword, NewPassword: phrase}); err != nil {
		t.Fatal(err)
	}
	h.again()
	if f := h.first(""); f != (First{}) || f.Greeting() != "" {
		t.Errorf("made another: %+v", f)
	}
	if f := h.first("một mật khẩu khác hẳn"); f != (First{}) {
		t.Errorf("made another: %+v", f)
	}
	h.signIn("admin", phrase)
}

func TestTheOperatorsPassword(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []string{"ngắn", "adminadminadmin", "password-admin-1"} {
		if _, err := h.EnsureFirst(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "COSO_ADMIN_PASSWORD") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	h.first("") // started without it before
	if f := h.first(phrase); f.Principal != "principals/admin" || f.OneTimePassword != "" {
		t.Errorf("%+v", f)
	}
	if h.signIn("admin", phrase).GetMustChangePassword() {
		t.Error("narrowed")
	}
	if f := h.first(""); f != (First{}) {
		t.Errorf("made another: %+v", f)
	}
}

// Whoever has opened accounts needs no first one, and an administrator's reset is not undone by a start.
func TestNoFirstAccountBesideOthers(t *testing.T) {
	h := newHouse(t)
	h.account("lan")
	if f := h.first(""); f != (First{}) {
		t.Errorf("%+v", f)
	}
	other := newHouse(t)
	other.first("")
	reset, err := other.accounts.ResetPassword(t.Context(), &identitypb.ResetPasswordRequest{Name: "accounts/admin"})
	if err != nil || other.first("") != (First{}) {
		t.Fatal("a start undid a reset", err)
	}
	other.signIn("admin", reset.GetOneTimePassword())
}

// A kill right after the account was made: a copy of the files, with nothing closed.
func TestAKillLeavesAWayIn(t *testing.T) {
	h := newHouse(t)
	h.first("")
	killed := &house{T: t, clock: h.clock, log: h.log, dir: t.TempDir(), hashing: cheap}
	if err := os.CopyFS(killed.dir, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
	killed.open()
	defer killed.end()
	killed.signIn("admin", killed.first("").OneTimePassword)
}

// A clock that went back stops commands, and no start: the keys and the accounts that are there go on.
func TestAStartWithoutCommands(t *testing.T) {
	h := newHouse(t)
	h.first("")
	in := h.person("lan")
	h.clock.move(-time.Hour)
	h.again()
	if f := h.first(""); f != (First{}) {
		t.Errorf("%+v", f)
	}
	h.clock.move(time.Hour)
	if _, err := h.sessions.GetCaller(h.bearing(in.GetToken()), &identitypb.GetCallerRequest{}); err != nil {
		t.Error(err)
	}
}
