package apitoken

import (
	"regexp"
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

func token(end time.Time) *identitypb.ApiToken {
	return &identitypb.ApiToken{DisplayName: "x", ExpireTime: timestamppb.New(end)}
}

// INV-API-TOKEN-ENDS
func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		life time.Duration
		good bool
	}{{-1, false}, {0, false}, {1, true}, {366 * 24 * time.Hour, true}, {366*24*time.Hour + 1, false}} {
		life, good := c.life, c.good
		made, err := Create(token(now.Add(life)), "apiTokens/a", "accounts/lan", nil, now)
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
		has = append(has, token(now.Add(time.Hour)))
	}
	has = append(has, token(now), Revoke(token(now.Add(time.Hour)), now))
	if _, err := Create(token(now.Add(time.Hour)), "apiTokens/a", "accounts/lan", has, now); err != nil {
		t.Error(err)
	}
	has = append(has, token(now.Add(time.Hour)))
	if _, err := Create(token(now.Add(time.Hour)), "apiTokens/a", "accounts/lan", has, now); fault.ReasonOf(err) != faultpb.Reason_REASON_TOO_MANY_API_TOKENS {
		t.Error(err)
	}
}

func TestUseIsNotedByTheDay(t *testing.T) {
	midnight := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC) // in Viet Nam
	first := Used(token(midnight.Add(time.Hour)), midnight.Add(-time.Second))
	if first == nil || Used(first, midnight.Add(-time.Nanosecond)) != nil {
		t.Fatalf("%v", first)
	}
	if next := Used(first, midnight); next == nil || next.GetUseTime().AsTime() != midnight {
		t.Errorf("%v", next)
	}
}

func TestRevokedOnceAndForgottenLater(t *testing.T) {
	ended := Revoke(token(now.Add(time.Hour)), now)
	if again := Revoke(ended, now.Add(time.Minute)); again.GetRevokeTime().AsTime() != now {
		t.Errorf("%v", again)
	}
	if Over(ended, now.Add(kept)) || !Over(ended, now.Add(kept+1)) || Over(token(now.Add(time.Hour)), now.Add(kept+1)) {
		t.Error("forgotten at another time")
	}
	if shown := Shown([]*identitypb.ApiToken{ended}, now.Add(kept+1)); len(shown) != 0 {
		t.Errorf("%v", shown)
	}
}
