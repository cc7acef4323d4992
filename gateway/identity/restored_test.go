package identity

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// backUp writes a backup of the service into a folder.
func (h *house) backUp(dir string) {
	h.Helper()
	f, err := os.Create(filepath.Join(dir, Name+".db"))
	if err != nil {
		h.Fatal(err)
	}
	_, err = h.Store().Backup(h.Context(), f)
	if err := errors.Join(err, f.Close()); err != nil {
		h.Fatal(err)
	}
}

// INV-IDENTITY-NOT-REVIVED: after a restore nothing counts with which somebody was signed in before it, whether it had been
// ended since the backup or not; whoever has a password signs in anew, once and for all.
func TestARestoreRevivesNothing(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	other := h.signIn("lan", phrase)
	made, err := h.tokens.CreateApiToken(h.bearing(in.GetToken()), apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	if err != nil {
		t.Fatal(err)
	}
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "data")
	h.backUp(from)
	keys, err := h.Published(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.clock.move(time.Minute)
	next := h.refresh(in.GetRefreshToken())
	if _, err := h.tokens.RevokeApiToken(h.bearing(next.GetToken()), &identitypb.RevokeApiTokenRequest{Name: made.GetApiToken().GetName()}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sessions.EndSession(h.Context(), &identitypb.EndSessionRequest{RefreshToken: other.GetRefreshToken()}); err != nil {
		t.Fatal(err)
	}
	h.end()
	if _, err := store.Restore(t.Context(), from, to, []string{Name}, h.clock.now()); err != nil {
		t.Fatal(err)
	}
	h.dir = to
	h.open()
	for _, refresh := range []string{in.GetRefreshToken(), next.GetRefreshToken(), other.GetRefreshToken()} {
		_, err := h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: refresh})
		h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	}
	_, err = h.exchange(made.GetSecret())
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_REVOKED)
	_, err = h.sessions.GetCaller(h.bearing(next.GetToken()), &identitypb.GetCallerRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_KEY_UNKNOWN)
	if now, err := h.Published(t.Context()); err != nil || bytes.Equal(now, keys) {
		t.Errorf("the keys are those of before: %v", err)
	}
	last := h.history()[0]
	of := last.GetChanges()[0].GetAfter().GetStructValue().GetFields()
	if last.GetPrincipal() != "services/identity" || last.GetMethod() != "identity/restored" || fields(last) != "ended" ||
		of["sessions"].GetNumberValue() != 2 || len(of["apiTokens"].GetListValue().GetValues()) != 1 {
		t.Errorf("the history says %v", last)
	}
	// What begins from now on holds over the next starts.
	anew := h.signIn("lan", phrase)
	h.again()
	h.refresh(anew.GetRefreshToken())
	if got := len(h.history()); got != 3 {
		t.Errorf("%d revisions", got)
	}
}
