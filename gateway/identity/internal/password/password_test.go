package password

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

var cheap = Parameters{From: "test", Memory: 64, Passes: 1, Lanes: 1}

func TestHashes(t *testing.T) {
	h := NewHasher(cheap, 1)
	hash := func(p string) *identitypb.PasswordHash {
		t.Helper()
		out, err := h.Hash(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kept := hash("Trăng lên")
	if bytes.Equal(kept.GetHash(), hash("Trăng lên").GetHash()) {
		t.Error("two hashes of one password are the same")
	}
	for p, want := range map[string]bool{"Trăng lên": true, "Tra\u0306ng le\u0302n": true, "trăng lên": false, "Trăng lên ": false, "": false} {
		if got, err := h.Matches(t.Context(), kept, p); got != want || err != nil {
			t.Errorf("%q: %v, %v", p, got, err)
		}
	}
	before := h.Runs() // INV-PASSWORD-SAME-WORK
	if got, err := h.Matches(t.Context(), nil, ""); got || err != nil || h.Runs() != before+1 {
		t.Errorf("no hash: %v, %v, %d computations", got, err, h.Runs()-before)
	}
	if NewHasher(cheap, 1).Outgrown(kept) || !NewHasher(Latest(), 1).Outgrown(kept) {
		t.Error("what has outgrown what")
	}
}

// RFC 9106, section 4, second recommendation; a hash says itself what it was computed with.
func TestLatestParametersAreThoseOfTheRecommendation(t *testing.T) {
	p := Latest()
	if p.Memory != 64<<10 || p.Passes != 3 || p.Lanes != 4 {
		t.Errorf("%+v", p)
	}
	h := NewHasher(p, 1)
	kept, err := h.Hash(t.Context(), "Trăng lên đầu ngõ nhỏ")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := NewHasher(cheap, 1).Matches(t.Context(), kept, "Trăng lên đầu ngõ nhỏ"); !ok || err != nil {
		t.Errorf("a hash does not say what it was computed with: %v, %v", ok, err)
	}
}

func TestDamagedHashesAskForNothing(t *testing.T) {
	h := NewHasher(cheap, 1)
	good, err := h.Hash(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*identitypb.PasswordHash){
		"no memory": func(p *identitypb.PasswordHash) { p.Memory = 0 }, "all memory": func(p *identitypb.PasswordHash) { p.Memory = 1 << 30 },
		"no pass": func(p *identitypb.PasswordHash) { p.Passes = 0 }, "passes for ever": func(p *identitypb.PasswordHash) { p.Passes = 1 << 30 },
		"no lane": func(p *identitypb.PasswordHash) { p.Lanes = 0 }, "many lanes": func(p *identitypb.PasswordHash) { p.Lanes = 256 },
		"no salt": func(p *identitypb.PasswordHash) { p.Salt = nil },
	} {
		bad := &identitypb.PasswordHash{Salt: good.GetSalt(), Hash: good.GetHash(), Memory: good.GetMemory(), Passes: good.GetPasses(), Lanes: good.GetLanes()}
		change(bad)
		before := h.Runs()
		if _, err := h.Matches(t.Context(), bad, "x"); fault.KindOf(err) != fault.KindDataLoss || h.Runs() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// INV-PASSWORD-BOUNDED
func TestOnlySoManyAtOnce(t *testing.T) {
	h := NewHasher(cheap, 2)
	for range 2 { // two are under way
		h.slots <- struct{}{}
		h.queue.Add(1)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	for range 2*waiting - 2 {
		go func() {
			_, err := h.Hash(ctx, "x")
			done <- err
		}()
	}
	for h.queue.Load() < 2*waiting {
		select {
		case err := <-done:
			t.Fatalf("ended: %v", err)
		default:
		}
	}
	_, err := h.Hash(ctx, "x")
	if fault.ReasonOf(err) != faultpb.Reason_REASON_SIGN_IN_BUSY || fault.KindOf(err) != fault.KindResourceExhausted {
		t.Errorf("one too many: %v", err)
	}
	if h.Runs() != 0 {
		t.Errorf("%d computations beside the two", h.Runs())
	}
	cancel()
	for range 2*waiting - 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that went away: %v", err)
		}
	}
}

func TestRules(t *testing.T) {
	const (
		short   = faultpb.Reason_REASON_PASSWORD_TOO_SHORT
		long    = faultpb.Reason_REASON_PASSWORD_TOO_LONG
		name    = faultpb.Reason_REASON_PASSWORD_HOLDS_NAME
		simple  = faultpb.Reason_REASON_PASSWORD_TOO_SIMPLE
		allowed = faultpb.Reason_REASON_UNSPECIFIED
	)
	for p, want := range map[string]faultpb.Reason{
		"":                                  short,
		"mười một kt":                       short,
		"Trăng lên đầu":                     allowed,
		"Tra\u0306ng le\u0302n \u0111":      short, // 13 as they are sent, 11 as they are read
		"con mèo trèo cây cau":              allowed,
		"correct horse battery":             allowed,
		"k7ma-2xqz-9pbw-tr4e":               allowed,
		"Hoa sen 2020 nở":                   allowed,
		strings.Repeat("ấ", 10) + "ghiếnyu": allowed,
		strings.Repeat("ấmọế", 16):          long,
		"matkhau123456":                     simple,
		"Mật khẩu 123456":                   simple,
		"P@ssw0rd2026":                      simple,
		"password1234":                      simple,
		"qwertyuiop12":                      simple,
		"1qaz2wsx3edc":                      simple,
		"abcdefghijkl":                      simple,
		"zyxwvutsrqpo":                      simple,
		"111111111111":                      simple,
		"abababababab":                      simple,
		"hoasenhoasen":                      simple,
		"hoasen hoasen hoa":                 simple,
		"98765432101234":                    simple,
		"iloveyou1234":                      simple,
		"VietNam@HaNoi1":                    simple,
		"dangvien2345":                      simple,
		"thu-ha thu-ha 1":                   name,
		"Thu Hà yêu cây bàng":               name,
		"chữ số 0123 và 9876 và chữ khác": allowed,
	} {
		err := Check("newPassword", p, "thu-ha")
		if got := fault.ReasonOf(err); got != want {
			t.Errorf("%q: %v, want %v", p, got, want)
		}
		if err != nil {
			if f := fault.From(err); f.Kind != fault.KindInvalidArgument || f.Field != "newPassword" || p != "" && strings.Contains(f.Msg+f.MsgVi, p) {
				t.Errorf("%q: refused with %+v", p, f)
			}
		}
	}
	if err := Check("newPassword", "con mèo trèo cây cau", "an"); err != nil {
		t.Errorf("a name of two letters: %v", err)
	}
}

func TestOneTimePasswords(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		p := OneTime()
		if len(p) != 19 || strings.Trim(p, "abcdefghijklmnopqrstuvwxyz234567-") != "" || seen[p] {
			t.Fatalf("%q", p)
		}
		seen[p] = true
	}
}
