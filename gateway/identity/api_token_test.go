package identity

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

func apiToken(h *house, scope identitypb.ApiTokenScope) *identitypb.CreateApiTokenRequest {
	return &identitypb.CreateApiTokenRequest{ApiToken: &identitypb.ApiToken{
		DisplayName: "Báo cáo hằng tuần", Scope: scope, ExpireTime: timestamppb.New(h.clock.now().Add(30 * 24 * time.Hour)),
	}}
}

func (h *house) exchange(secret string) (*identitypb.ExchangeApiTokenResponse, error) {
	return h.sessions.ExchangeApiToken(h.from("192.0.2.1"), &identitypb.ExchangeApiTokenRequest{Secret: secret})
}

func TestAPITokens(t *testing.T) {
	h := newHouse(t)
	ctx := h.bearing(h.person("lan").GetToken())
	for _, c := range []struct {
		scope  identitypb.ApiTokenScope
		words  string
		needed faultpb.Reason
	}{
		{identitypb.ApiTokenScope_API_TOKEN_SCOPE_READ, "api read", faultpb.Reason_REASON_TOKEN_SCOPE},
		{identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL, "api", faultpb.Reason_REASON_SESSION_NEEDED},
	} {
		made, err := h.tokens.CreateApiToken(ctx, apiToken(h, c.scope))
		if err != nil || !strings.HasPrefix(made.GetSecret(), "coso_") {
			t.Fatalf("%v, %v", made, err)
		}
		given, err := h.exchange(made.GetSecret())
		if err != nil || given.GetPrincipal() != "principals/lan" || given.GetExpireTime().AsTime().Sub(h.clock.now()) > 5*time.Minute {
			t.Fatalf("%v, %v", given, err)
		}
		as := h.bearing(given.GetToken())
		who, err := h.sessions.GetCaller(as, &identitypb.GetCallerRequest{})
		if err != nil || strings.Join(who.GetScope(), " ") != c.words || who.GetSession() != "" || who.GetPrincipal() != "principals/lan" {
			t.Errorf("%v, %v", who, err)
		}
		_, err = h.tokens.CreateApiToken(as, apiToken(h, c.scope))
		h.refused(err, fault.KindPermissionDenied, c.needed)
		_, err = h.sessions.ChangePassword(as, &identitypb.ChangePasswordRequest{OldPassword: phrase, NewPassword: "một hai ba bốn năm"})
		h.refused(err, fault.KindPermissionDenied, c.needed)
		_, err = h.sessions.EndSession(as, &identitypb.EndSessionRequest{})
		h.refused(err, fault.KindPermissionDenied, c.needed)

		secret := made.GetSecret()
		for _, bad := range []string{secret[:len(secret)-1], "coso_" + secret, strings.Replace(secret, secret[9:11], "zz", 1), "coso_", strings.ToUpper(secret)} {
			_, err := h.exchange(bad)
			h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_INVALID)
		}
		for i := range 2 { // revoked again it is what it was
			h.clock.move(time.Second)
			revoked, err := h.tokens.RevokeApiToken(ctx, &identitypb.RevokeApiTokenRequest{Name: made.GetApiToken().GetName()})
			if err != nil || h.clock.now().Sub(revoked.GetRevokeTime().AsTime()).Round(time.Second) != time.Duration(i)*time.Second {
				t.Errorf("%v, %v", revoked, err)
			}
		}
		_, err = h.exchange(secret)
		h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_REVOKED)
	}
	list, err := h.tokens.ListApiTokens(ctx, &identitypb.ListApiTokensRequest{})
	if err != nil || len(list.GetApiTokens()) != 2 || list.GetApiTokens()[0].GetUseTime() == nil {
		t.Errorf("%v, %v", list, err)
	}
}

func TestAPITokensEnd(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	ctx := h.bearing(in.GetToken())
	for _, life := range []time.Duration{0, -time.Hour, 366*24*time.Hour + time.Second} {
		req := apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL)
		req.ApiToken.ExpireTime = timestamppb.New(h.clock.now().Add(life))
		_, err := h.tokens.CreateApiToken(ctx, req)
		h.refused(err, fault.KindInvalidArgument, faultpb.Reason_REASON_API_TOKEN_EXPIRY)
	}
	var secret string
	for range 20 {
		made, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
		if err != nil {
			t.Fatal(err)
		}
		secret = made.GetSecret()
	}
	_, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	h.refused(err, fault.KindResourceExhausted, faultpb.Reason_REASON_TOO_MANY_API_TOKENS)
	h.clock.move(30*24*time.Hour + time.Second)
	_, err = h.exchange(secret)
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_EXPIRED)

	h.clock.move(91 * 24 * time.Hour)
	ctx = h.bearing(h.signIn("lan", phrase).GetToken())
	if _, err := h.tokens.CreateApiToken(ctx, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL)); err != nil {
		t.Fatal(err)
	}
	_, err = h.exchange(secret) // forgotten
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_INVALID)
}

func TestAPITokensAreOnesOwn(t *testing.T) {
	h := newHouse(t)
	lan, mai := h.bearing(h.person("lan").GetToken()), h.bearing(h.person("mai").GetToken())
	made, err := h.tokens.CreateApiToken(lan, apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.tokens.ListApiTokens(mai, &identitypb.ListApiTokensRequest{})
	if err != nil || len(list.GetApiTokens()) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	_, err = h.tokens.RevokeApiToken(mai, &identitypb.RevokeApiTokenRequest{Name: made.GetApiToken().GetName()})
	h.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
}
