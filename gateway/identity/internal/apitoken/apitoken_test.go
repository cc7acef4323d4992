package apitoken

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

var now = time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)

func TestSecrets(t *testing.T) {
	form := regexp.MustCompile(`^coso_[a-z2-7]{59}$`)
	secret, hash := NewSecret()
	if !form.MatchString(secret) {
		t.Errorf("%q", secret)
	}
	if got, ok := Hash(secret); !ok || got != hash {
		t.Errorf("%s %v", got, ok)
	}
	for i := range secret { // any character that is another, or gone
		bad := []byte(secret)
		bad[i] ^= 1
		if _, ok := Hash(string(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
		if _, ok := Hash(secret[:i] + secret[i+1:]); ok {
			t.Errorf("without character %d", i)
		}
	}
}

func FuzzHash(f *testing.F) {
	secret, _ := NewSecret()
	f.Add(secret)
	f.Add("coso_")
	f.Fuzz(func(t *testing.T, s string) {
		if hash, ok := Hash(s); ok != (hash != "") || ok && len(s) != len(secret) {
			t.Errorf("%q: %s %v", s, hash, ok)
		}
	})
}

func until(end time.Time) *identitypb.ApiToken {
	return &identitypb.ApiToken{DisplayName: "x", ExpireTime: timestamppb.New(end)}
}

// INV-API-TOKEN-ENDS
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		life time.Duration
		good bool
	}{{-1, false}, {0, false}, {1, true}, {366 * 24 * time.Hour, true}, {366*24*time.Hour + 1, false}} {
		life, good := c.life, c.good
		made, err := Create(until(now.Add(life)), "apiTokens/a", "accounts/lan", nil, now)
		if good != (err == nil) || err != nil && fault.ReasonOf(err) != faultpb.Reason_REASON_API_TOKEN_EXPIRY {
			t.Errorf("%s: %v", life, err)
		}
		if good && (made.GetAccount() != "accounts/lan" || made.GetCreateTime().AsTime() != now || Good(made, now) != nil || Good(made, now.Add(life)) == nil) {
			t.Errorf("%v", made)
		}
	}
}

func TestEndedOnesLeaveRoom(t *testing.T) {
	var has []*identitypb.ApiToken
	for range Most - 1 {
		has = append(has, until(now.Add(time.Hour)))
	}
	has = append(has, until(now), Revoke(until(now.Add(time.Hour)), now))
	if _, err := Create(until(now.Add(time.Hour)), "apiTokens/a", "accounts/lan", has, now); err != nil {
		t.Error(err)
	}
	has = append(has, until(now.Add(time.Hour)))
	if _, err := Create(until(now.Add(time.Hour)), "apiTokens/a", "accounts/lan", has, now); fault.ReasonOf(err) != faultpb.Reason_REASON_TOO_MANY_API_TOKENS {
		t.Error(err)
	}
}

func TestUseIsNotedByTheDay(t *testing.T) {
	midnight := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC) // in Viet Nam
	first := Used(until(midnight.Add(time.Hour)), midnight.Add(-time.Second))
	if first == nil || Used(first, midnight.Add(-time.Nanosecond)) != nil {
		t.Fatalf("%v", first)
	}
	if next := Used(first, midnight); next == nil || next.GetUseTime().AsTime() != midnight {
		t.Errorf("%v", next)
	}
}

func TestRevokedOnceAndForgottenLater(t *testing.T) {
	ended := Revoke(until(now.Add(time.Hour)), now)
	if again := Revoke(ended, now.Add(time.Minute)); again.GetRevokeTime().AsTime() != now {
		t.Errorf("%v", again)
	}
	if Over(ended, now.Add(kept)) || !Over(ended, now.Add(kept+1)) || Over(until(now.Add(time.Hour)), now.Add(kept+1)) {
		t.Error("forgotten at another time")
	}
}

// INV-API-TOKEN-BOUNDED: what ended first is forgotten first, what is in use never.
func TestSurplus(t *testing.T) {
	var all []*identitypb.ApiToken
	for i := range 300 {
		made := until(now.Add(24 * time.Hour))
		if i >= Most {
			made.RevokeTime = timestamppb.New(now.Add(time.Duration(i-500) * time.Minute))
		}
		all = append(all, made)
	}
	for i, want := range []int{200, 42, 1, 1} {
		gone := Surplus(all, now)
		if len(gone) != want {
			t.Fatalf("%d: %d of %d are forgotten, want %d", i, len(gone), len(all), want)
		}
		for _, one := range gone {
			if Good(one, now) == nil {
				t.Fatal("one in use is forgotten")
			}
			for _, left := range all[Most:] {
				if !slices.Contains(gone, left) && left.GetRevokeTime().AsTime().Before(one.GetRevokeTime().AsTime()) {
					t.Fatal("one that ended later is forgotten first")
				}
			}
		}
		all = slices.DeleteFunc(all, func(one *identitypb.ApiToken) bool { return slices.Contains(gone, one) })
		another := until(now.Add(24 * time.Hour))
		another.RevokeTime = timestamppb.New(now.Add(time.Duration(i) * time.Second))
		all = append(all, another)
	}
	if len(all) != MostKept {
		t.Errorf("%d are left", len(all))
	}
	for _, one := range all {
		one.RevokeTime = timestamppb.New(now)
	}
	if gone := Surplus(all, now.Add(kept+1)); len(gone) != MostKept {
		t.Errorf("%d are forgotten of what is over", len(gone))
	}
}
