package identity

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"coso/gateway/identity/internal/records"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// INV-IDENTITY-SILENT: what was answered once is nowhere, and what is kept is in no event, history or log.
func TestSecretsAreNowhere(t *testing.T) {
	h := newHouse(t)
	first := h.first("").OneTimePassword
	oneTime := h.account("lan")
	in := h.signIn("lan", oneTime)
	secrets := map[string]string{
		"the first password": first, "a one-time password": oneTime, "a password": phrase, "a wrong password": "sai mật khẩu rồi",
		"a token": in.GetToken(), "a refresh token": in.GetRefreshToken()[strings.Index(in.GetRefreshToken(), ".")+1:],
	}
	ctx := h.bearing(in.GetToken())
	if _, err := h.sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: oneTime, NewPassword: phrase}); err != nil {
		t.Fatal(err)
	}
	in = h.refresh(in.GetRefreshToken())
	h.grant("lan", accesspb.Role_ROLE_ADMINISTRATOR)
	ctx = h.bearing(in.GetToken())
	made, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	if err != nil {
		t.Fatal(err)
	}
	given, err := h.exchange(made.GetSecret())
	if err != nil {
		t.Fatal(err)
	}
	for range 7 {
		h.wrong("192.0.2.66", "lan")
	}
	reset, err := h.accounts.ResetPassword(ctx, &identitypb.ResetPasswordRequest{Name: "accounts/admin"})
	if err != nil {
		t.Fatal(err)
	}
	secrets["an API token"], secrets["its token"], secrets["a reset password"] = made.GetSecret(), given.GetToken(), reset.GetOneTimePassword()
	secrets["the next token"] = in.GetToken()

	history, err := h.accounts.ListAccountHistory(t.Context(), &identitypb.ListAccountHistoryRequest{Name: "accounts/lan"})
	if err != nil {
		t.Fatal(err)
	}
	said := []byte(protojson.Format(history))
	events, err := h.Store().Events(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		said = append(said, e.Data...)
	}
	said = append(said, h.log.String()...)
	h.end()
	for name, secret := range secrets {
		if bytes.Contains(append(files(t, h.dir), said...), []byte(secret)) {
			t.Errorf("%s is kept, announced or logged", name)
		}
	}
	if !bytes.Contains(files(t, h.dir), []byte("accounts/lan")) {
		t.Error("the files were not looked through")
	}
	h.open()
	for name, kept := range h.kept() {
		for _, form := range [][]byte{kept, []byte(base64.StdEncoding.EncodeToString(kept)), []byte(base64.RawURLEncoding.EncodeToString(kept))} {
			if bytes.Contains(said, form) {
				t.Errorf("%s is announced, in a history or logged", name)
			}
		}
	}
	if strings.Contains(h.log.String(), "192.0.2.") || strings.Contains(h.log.String(), "Nguyễn") {
		t.Error("the log tells addresses or names")
	}
}

// files is all that lies in the data folder.
func files(t *testing.T, dir string) []byte {
	t.Helper()
	var out []byte
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(os.DirFS(dir), path)
		out = append(out, raw...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kept are the private parts in the store.
func (h *house) kept() map[string][]byte {
	h.Helper()
	out, err := store.View(itself(h.Context(), "test"), h.Store(), func(tx *store.ReadTx) (map[string][]byte, error) {
		out := map[string][]byte{}
		p, err := records.Passwords.Get(tx, "accounts/lan")
		if err != nil {
			return nil, err
		}
		out["a hash"], out["a salt"] = p.GetPassword().GetHash(), p.GetPassword().GetSalt()
		for s, err := range records.SessionProofs.All(tx) {
			if err != nil {
				return nil, err
			}
			out["a refresh token's hash"] = s.GetRefreshHash()
		}
		for a, err := range records.APIProofs.All(tx) {
			if err != nil {
				return nil, err
			}
			out["an API token's hash"] = []byte(a.GetHash())
		}
		ring, err := records.KeyRings.Get(tx, records.KeyRing)
		if err != nil {
			return nil, err
		}
		for _, k := range ring.GetKeys() {
			out["a key "+k.GetId()] = k.GetSeed()
		}
		return out, nil
	})
	if err != nil || len(out) < 6 {
		h.Fatalf("%d private parts, %v", len(out), err)
	}
	return out
}

// The keys rotate by the store's timer, and tokens hold across it and across a restart.
func TestKeysRotate(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	ring := func() *accesspb.KeyRingPrivate {
		t.Helper()
		out, err := store.View(itself(t.Context(), "test"), h.Store(), func(tx *store.ReadTx) (*accesspb.KeyRingPrivate, error) {
			return records.KeyRings.Get(tx, records.KeyRing)
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := ring()
	h.clock.move(30*24*time.Hour + time.Hour)
	in := h.signIn("lan", phrase) // wakes the timer, and is signed by the second key already
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for ring().GetKeys()[len(ring().GetKeys())-1].GetId() == before.GetKeys()[1].GetId() {
		select {
		case <-h.Store().Changed():
		case <-deadline.C:
			t.Fatal("the keys did not rotate")
		}
	}
	if _, err := h.sessions.GetCaller(h.bearing(in.GetToken()), &identitypb.GetCallerRequest{}); err != nil {
		t.Error(err)
	}
	document, err := h.Published(t.Context())
	if err != nil || bytes.Count(document, []byte(`"kid"`)) < 2 {
		t.Errorf("published %s, %v", document, err)
	}
	for _, k := range ring().GetKeys() {
		if bytes.Contains(document, []byte(base64.RawURLEncoding.EncodeToString(k.GetSeed()))) {
			t.Error("a seed is published")
		}
	}
	h.again()
	if _, err := h.sessions.GetCaller(h.bearing(in.GetToken()), &identitypb.GetCallerRequest{}); err != nil {
		t.Error(err)
	}
}
