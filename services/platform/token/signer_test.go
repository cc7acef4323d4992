package token_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

var start = time.Date(2026, 11, 22, 8, 0, 0, 500, time.UTC)

func rotate(t testing.TB, ring *accesspb.KeyRingPrivate, at time.Time) (*accesspb.KeyRingPrivate, bool) {
	t.Helper()
	before := proto.CloneOf(ring)
	next, changed, err := token.Rotate(ring, at)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(before, ring) {
		t.Error("the ring that was given has changed")
	}
	if changed == proto.Equal(ring, next) {
		t.Errorf("changed: %v", changed)
	}
	return next, changed
}

// INV-TOKEN-PUBLISHED: at whatever moments a ring is rotated, one key signs and one comes next; a key that signs was
// published by the rotation before, unless the ring was left alone until its end; and it stays until its tokens have expired.
func TestRotate(t *testing.T) {
	for _, step := range []time.Duration{12 * time.Hour, 36 * time.Hour, 29 * 24 * time.Hour, token.KeyAge, token.KeyAge + time.Second, 59 * 24 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			var ring *accesspb.KeyRingPrivate
			for at := start; at.Before(start.Add(400 * 24 * time.Hour)); at = at.Add(step) {
				next, _ := rotate(t, ring, at)
				signing := 0
				for _, k := range next.GetKeys() {
					signs, ends, expires := k.GetSigningStartTime().AsTime(), k.GetSigningEndTime().AsTime(), k.GetExpireTime().AsTime()
					if ends.Sub(signs) != token.KeyAge || expires.Sub(ends) != token.MaxLife+token.Leeway || !expires.After(at) {
						t.Errorf("at %s: %s %s %s", at, signs, ends, expires)
					}
					if !at.Before(signs) && at.Before(ends) {
						signing++
						if ring != nil && !has(ring, k) && step <= token.KeyAge {
							t.Errorf("at %s: a key signs that was not published before", at)
						}
					}
				}
				if last := next.GetKeys()[len(next.GetKeys())-1]; signing != 1 || !last.GetSigningStartTime().AsTime().After(at) {
					t.Fatalf("at %s %d keys sign, the last from %s", at, signing, last.GetSigningStartTime().AsTime())
				}
				if _, again := rotate(t, next, at); again {
					t.Error("a second rotation changes it again")
				}
				for _, k := range ring.GetKeys() {
					if k.GetExpireTime().AsTime().After(at) && !has(next, k) {
						t.Errorf("at %s: a key is gone that is needed until %s", at, k.GetExpireTime().AsTime())
					}
				}
				ring = next
			}
		})
	}
}

func has(ring *accesspb.KeyRingPrivate, key *accesspb.SigningKeyPrivate) bool {
	return slices.ContainsFunc(ring.GetKeys(), func(k *accesspb.SigningKeyPrivate) bool { return proto.Equal(k, key) })
}

// A ring that was left alone until all had ended begins anew; one that is opened by a clock set back goes on.
func TestRotateAfterALongStop(t *testing.T) {
	ring, _ := rotate(t, &accesspb.KeyRingPrivate{Name: "keyRings/tokens"}, start)
	late, changed := rotate(t, ring, start.Add(100*24*time.Hour))
	if !changed || len(late.GetKeys()) != 2 || has(late, ring.GetKeys()[0]) || late.GetName() != "keyRings/tokens" {
		t.Errorf("after 100 days: %d keys of %q", len(late.GetKeys()), late.GetName())
	}
	if early, changed := rotate(t, ring, start.Add(-24*time.Hour)); changed || len(early.GetKeys()) != 2 {
		t.Errorf("a day before: %d keys", len(early.GetKeys()))
	}
	c := newClock(start.Add(-24 * time.Hour))
	s, err := token.NewSigner(token.SignerOptions{Issuer: tokentest.URL, Audience: tokentest.Audience, Now: c.Now}, ring)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Sign("lan", time.Minute, ""); err != nil {
		t.Errorf("by a clock set back: %v", err)
	}
	c.Advance(100 * 24 * time.Hour)
	if _, _, err := s.Sign("lan", time.Minute, ""); fault.KindOf(err) != fault.KindInternal {
		t.Errorf("by a ring that has ended: %v", err)
	}
	if document := must(s.Document()); string(document) != `{"keys":[]}` {
		t.Errorf("published by a ring that has ended: %s", document)
	}
}

func TestDocument(t *testing.T) {
	ring, _ := rotate(t, nil, start)
	c := newClock(start)
	s, err := token.NewSigner(token.SignerOptions{Issuer: tokentest.URL, Audience: tokentest.Audience, Now: c.Now}, ring)
	if err != nil {
		t.Fatal(err)
	}
	document := must(s.Document())
	if err := s.Use(ring); err != nil {
		t.Fatal(err)
	}
	if again := must(s.Document()); !bytes.Equal(again, document) {
		t.Errorf("%s\nthen %s", document, again)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 {
		t.Fatalf("%d keys, want the one that signs and the next", len(set.Keys))
	}
	for i, k := range set.Keys {
		if k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["alg"] != "EdDSA" || k["use"] != "sig" || len(k) != 6 {
			t.Errorf("%v", k)
		}
		if k["kid"] != ring.GetKeys()[i].GetId() || strings.Contains(string(document), b64(string(ring.GetKeys()[i].GetSeed()))) {
			t.Errorf("key %d: %v", i, k)
		}
	}
}

func TestSignerRefuses(t *testing.T) {
	ring, _ := rotate(t, nil, start)
	o := token.SignerOptions{Issuer: tokentest.URL, Audience: tokentest.Audience, Now: newClock(start).Now}
	for name, spoil := range map[string]func(keys []*accesspb.SigningKeyPrivate){
		"short seed":    func(keys []*accesspb.SigningKeyPrivate) { keys[0].Seed = keys[0].GetSeed()[1:] },
		"another seed":  func(keys []*accesspb.SigningKeyPrivate) { keys[0].Seed = keys[1].GetSeed() },
		"another order": slices.Reverse[[]*accesspb.SigningKeyPrivate],
	} {
		bad := proto.CloneOf(ring)
		spoil(bad.GetKeys())
		_, err := token.NewSigner(o, bad)
		wants(t, err, fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED, "")
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	s, err := token.NewSigner(o, ring)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		life  time.Duration
		scope token.Scope
	}{
		{0, ""},
		{-time.Second, ""},
		{time.Second - 1, ""},
		{token.MaxLife + time.Second, ""},
		{time.Minute, " "},
		{time.Minute, "a "},
		{time.Minute, `a"b`},
		{time.Minute, "ấ"},
		{time.Minute, token.Scope(strings.Repeat("a", 1025))},
	} {
		if _, _, err := s.Sign("lan", tc.life, tc.scope); fault.KindOf(err) != fault.KindInternal {
			t.Errorf("%s, %q: %v", tc.life, tc.scope, err)
		}
	}
	for _, o := range []token.SignerOptions{{Audience: "a", Now: time.Now}, {Issuer: "a", Now: time.Now}, {Issuer: "a", Audience: "a"}} {
		if _, err := token.NewSigner(o, ring); err == nil {
			t.Errorf("%+v: accepted", o)
		}
	}
}
