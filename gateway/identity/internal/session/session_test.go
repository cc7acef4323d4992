package session

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	identitypb "coso/proto/gen/coso/identity/v1"
)

var (
	start  = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	limits = Limits{Token: 10 * time.Minute, Idle: 2 * time.Hour, Longest: 12 * time.Hour}
)

func issued(id string, at time.Time) *identitypb.IssuedToken {
	return &identitypb.IssuedToken{Id: id, ExpireTime: timestamppb.New(at.Add(limits.Token))}
}

func TestRefreshTokens(t *testing.T) {
	s := NewSecret("0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f")
	name, read, ok := Read(s.Text)
	if !ok || name != "sessions/0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f" || !reflect.DeepEqual(read, s) {
		t.Fatalf("%s %v %v", name, read, ok)
	}
	older := "0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f." + strings.Repeat("A", 43)
	if strings.Contains(s.Text, fmt.Sprintf("%x", s.Hash)) || NewSecret("0198f0c2-5a4b-7c3d-8e9f-0a1b2c3d4e5f").Text == s.Text {
		t.Error("not a secret")
	}
	for _, bad := range []string{older, "", ".", "a", "a.", s.Text[:len(s.Text)-1], s.Text + "A", strings.Replace(s.Text, ".", "-", 1), s.Text[:len(s.Text)-1] + "=", s.Text[36:]} {
		if _, _, ok := Read(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

// INV-SESSION-ONCE: of all the refresh tokens that a session had, the last is good, and the others are used up, however many
// there were; what is kept of them does not grow.
func TestEachRefreshTokenIsGoodOnce(t *testing.T) {
	secret := NewSecret("x")
	s, p := Begin("sessions/x", "accounts/lan", "192.0.2.1", secret, issued("t", start), limits, start)
	past := []Secret{}
	for i := range 3000 {
		if Judge(p, secret) != Good {
			t.Fatal("the last is not good")
		}
		past = append(past, secret)
		secret = secret.Next()
		at := start.Add(time.Duration(i) * time.Second)
		s, p = Refresh(s, p, secret, "192.0.2.2", issued(fmt.Sprint("t", i), at), limits, at)
	}
	for i, used := range past {
		if got := Judge(p, used); got != UsedUp {
			t.Fatalf("%d: %v", i, got)
		}
	}
	if Judge(p, NewSecret("x")) != Foreign {
		t.Error("another's is taken for its own")
	}
	p.FamilyHash = nil // a session of an older version
	if Judge(p, secret) != Foreign {
		t.Error("a session that knows no family takes a token")
	}
	if n := len(p.GetTokens()); n != maxTokens || proto.Size(p) > 1024 {
		t.Errorf("%d tokens, %d bytes", n, proto.Size(p))
	}
}

// INV-SESSION-ENDS
func TestEnds(t *testing.T) {
	secret := NewSecret("x")
	s, p := Begin("sessions/x", "accounts/lan", "192.0.2.1", secret, issued("t", start), limits, start)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {limits.Idle - 1, false}, {limits.Idle, true}, {limits.Longest, true}} {
		if got := Ended(s, start.Add(c.after)); got != c.want {
			t.Errorf("after %s: %v", c.after, got)
		}
	}
	later, _ := Refresh(s, p, NewSecret("x"), "192.0.2.2", issued("u", start), limits, start.Add(11*time.Hour))
	if Ended(later, start.Add(12*time.Hour-1)) || !Ended(later, start.Add(12*time.Hour)) || later.GetSource() != "192.0.2.2" {
		t.Errorf("%v", later)
	}
	if s.GetUseTime().AsTime() != start {
		t.Error("the session before was changed")
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	secret := NewSecret("x")
	s, p := Begin("sessions/x", "accounts/lan", "192.0.2.1", secret, issued("t", start), limits, start)
	newer := []byte{0xfa, 0x3f, 1, 'x'} // field 1023, as a newer version may write
	s.ProtoReflect().SetUnknown(newer)
	p.ProtoReflect().SetUnknown(newer)
	s, p = Refresh(s, p, NewSecret("x"), "", issued("u", start), limits, start)
	if string(s.ProtoReflect().GetUnknown()) != string(newer) || string(p.ProtoReflect().GetUnknown()) != string(newer) {
		t.Error("lost")
	}
}

func TestSurplus(t *testing.T) {
	var has []*identitypb.Session
	for i := range Most + 3 {
		at := start.Add(time.Duration(i) * time.Minute)
		s, _ := Begin(fmt.Sprint("sessions/", i), "accounts/lan", "", NewSecret("x"), issued("t", at), limits, at)
		has = append(has, s)
	}
	now := start.Add(limits.Idle) // the first has ended by then
	var gone []string
	for _, s := range Surplus(has, now) {
		gone = append(gone, s.GetName())
	}
	if fmt.Sprint(gone) != "[sessions/3 sessions/2 sessions/1 sessions/0]" {
		t.Errorf("%v", gone)
	}
	open := Open(has, now)
	if len(open) != Most+2 || open[0].GetName() != fmt.Sprint("sessions/", Most+2) {
		t.Errorf("%d open, the first %s", len(open), open[0].GetName())
	}
}
