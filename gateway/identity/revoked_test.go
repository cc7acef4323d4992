package identity

import (
	"context"
	"slices"
	"testing"
	"time"

	"coso/gateway/identity/internal/apitoken"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// INV-SESSION-ONCE: a thief who refreshes as often as he likes cannot make the owner's used-up token be forgotten.
func TestAStolenSessionEndsHoweverOftenItWasRefreshed(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	last := in.GetRefreshToken()
	for range 1100 {
		next, err := h.sessions.RefreshSession(h.from("192.0.2.9"), &identitypb.RefreshSessionRequest{RefreshToken: last})
		if err != nil {
			t.Fatal(err)
		}
		last = next.GetRefreshToken()
	}
	for _, c := range []struct {
		token string
		want  faultpb.Reason
	}{{in.GetRefreshToken(), faultpb.Reason_REASON_REFRESH_TOKEN_REUSED}, {last, faultpb.Reason_REASON_SESSION_ENDED}} {
		_, err := h.sessions.RefreshSession(h.from("192.0.2.1"), &identitypb.RefreshSessionRequest{RefreshToken: c.token})
		h.refused(err, fault.KindUnauthenticated, c.want)
	}
	if last := h.history()[0]; last.GetPrincipal() != "principals/lan" || fields(last) != "ended" || last.GetChanges()[0].GetAfter().GetStructValue().GetFields()["sessions"].GetNumberValue() != 1 {
		t.Errorf("the history says %v", last)
	}
}

// quan is a call of the administrator's.
func (h *house) quan() context.Context {
	h.Helper()
	compact, _, err := h.ring.Sign(h.Context(), "quan", 5*time.Minute, "")
	if err != nil {
		h.Fatal(err)
	}
	return h.bearing(compact)
}

// history is the history of the account lan.
func (h *house) history() []*historypb.Revision {
	h.Helper()
	found, err := h.accounts.ListAccountHistory(h.Context(), &identitypb.ListAccountHistoryRequest{Name: "accounts/lan"})
	if err != nil {
		h.Fatal(err)
	}
	return found.GetRevisions()
}

// fields are the names of what a revision changed.
func fields(r *historypb.Revision) (names string) {
	for i, c := range r.GetChanges() {
		if i > 0 {
			names += " "
		}
		names += c.GetField()
	}
	return names
}

// INV-API-TOKEN-BOUNDED: whoever makes and revokes API tokens without end has no more of them than others.
func TestAPITokensAreBounded(t *testing.T) {
	h := newHouse(t)
	ctx := h.bearing(h.person("lan").GetToken())
	var made []string
	for range apitoken.MostKept + 10 {
		one, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_READ))
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, one.GetApiToken().GetName())
		if _, err := h.tokens.RevokeApiToken(ctx, &identitypb.RevokeApiTokenRequest{Name: made[len(made)-1]}); err != nil {
			t.Fatal(err)
		}
		h.clock.move(time.Millisecond)
	}
	slices.Reverse(made)
	var listed []string
	for page := ""; ; {
		got, err := h.tokens.ListApiTokens(ctx, &identitypb.ListApiTokensRequest{PageSize: 25, PageToken: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range got.GetApiTokens() {
			listed = append(listed, one.GetName())
		}
		if page = got.GetNextPageToken(); page == "" {
			break
		}
	}
	if !slices.Equal(listed, made[:apitoken.MostKept]) {
		t.Errorf("%d are listed, %v", len(listed), listed)
	}
}

// Whoever changes a password, because somebody else knew it, has nothing left that was made with it.
func TestAnotherPasswordRevokesAPITokens(t *testing.T) {
	h := newHouse(t)
	ctx := h.bearing(h.person("lan").GetToken())
	made, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := h.sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: phrase, NewPassword: "Mây trắng bay về núi"})
	if err != nil || changed.GetRevokedApiTokens() != 1 {
		t.Fatalf("%v, %v", changed, err)
	}
	_, err = h.exchange(made.GetSecret())
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_REVOKED)
	if last := h.history()[0]; fields(last) != "ended passwordTime" || last.GetPrincipal() != "principals/lan" {
		t.Errorf("the history says %v", last)
	}
	h.clock.move(time.Minute)
	changed, err = h.sessions.ChangePassword(ctx, &identitypb.ChangePasswordRequest{OldPassword: "Mây trắng bay về núi", NewPassword: phrase})
	if err != nil || changed.GetRevokedApiTokens() != 0 {
		t.Errorf("with nothing to revoke: %v, %v", changed, err)
	}
}

// An administrator and an auditor see in the history of an account what was changed, and who revoked what.
func TestTheHistoryOfAnAccountSaysWhatWasChanged(t *testing.T) {
	h := newHouse(t)
	ctx := h.bearing(h.person("lan").GetToken())
	update := func(a *identitypb.Account) {
		t.Helper()
		h.clock.move(time.Second)
		a.Name = "accounts/lan"
		if _, err := h.accounts.UpdateAccount(h.Context(), &identitypb.UpdateAccountRequest{Account: a}); err != nil {
			t.Fatal(err)
		}
	}
	update(&identitypb.Account{DisplayName: "Trần Thị Lan"})
	made, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_READ))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // revoked again it leaves no trace
		if _, err := h.tokens.RevokeApiToken(ctx, &identitypb.RevokeApiTokenRequest{Name: made.GetApiToken().GetName()}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.sessions.EndSessions(h.quan(), &identitypb.EndSessionsRequest{Principal: "principals/lan"}); err != nil {
		t.Fatal(err)
	}
	update(&identitypb.Account{Disabled: true, DisabledReason: "Nghỉ ốm"})
	update(&identitypb.Account{DisabledReason: "Nghỉ việc"})
	all := h.history()
	for i, want := range []struct{ fields, principal string }{
		{"disabledReason", "quan"}, {"disabled disabledReason", "quan"}, {"ended", "quan"}, {"ended", "lan"}, {"displayName", "quan"},
	} {
		if got := all[i]; fields(got) != want.fields || got.GetPrincipal() != "principals/"+want.principal {
			t.Errorf("%d: %v, want %v", i, got, want)
		}
	}
	revoked := all[3].GetChanges()[0].GetAfter().GetStructValue().GetFields()["apiTokens"].GetListValue().GetValues()
	if len(revoked) != 1 || revoked[0].GetStringValue() != made.GetApiToken().GetName() {
		t.Errorf("the history says %v", all[3])
	}
	for _, r := range all {
		for _, c := range r.GetChanges() {
			if (c.GetField() == "displayName" || c.GetField() == "disabledReason") && (c.GetBefore() != nil || c.GetAfter() != nil) {
				t.Errorf("the history says %v", c)
			}
		}
	}
}
