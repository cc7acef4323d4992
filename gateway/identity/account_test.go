package identity

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/gateway/identity/internal/records"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestAccounts(t *testing.T) {
	h := newHouse(t)
	h.account("lan")
	h.account("mai")
	lan, err := h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/lan"})
	if err != nil || lan.GetDisplayName() != "Nguyễn Thị lan" || !lan.GetMustChangePassword() || lan.GetPrincipal() != "principals/lan" || lan.GetRevision() != 1 {
		t.Fatalf("%v, %v", lan, err)
	}
	list, err := h.accounts.ListAccounts(h.Context(), &identitypb.ListAccountsRequest{})
	if err != nil || len(list.GetAccounts()) != 2 || list.GetAccounts()[1].GetDisplayName() != "Nguyễn Thị mai" {
		t.Fatalf("%v, %v", list, err)
	}
	lan.DisplayName = "Trần Thị Lan"
	req := &identitypb.UpdateAccountRequest{Account: lan, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}, RequestId: "r-1"}
	for range 2 { // sent again it is the same
		got, err := h.accounts.UpdateAccount(h.Context(), req)
		if err != nil || got.GetDisplayName() != "Trần Thị Lan" || got.GetRevision() != 2 || got.GetEtag() == lan.GetEtag() {
			t.Fatalf("%v, %v", got, err)
		}
	}
	req.RequestId = ""
	_, err = h.accounts.UpdateAccount(h.Context(), req)
	h.refused(err, fault.KindAborted, faultpb.Reason_REASON_ETAG_STALE)
	try, err := h.accounts.UpdateAccount(h.Context(), &identitypb.UpdateAccountRequest{
		Account: &identitypb.Account{Name: "accounts/lan", DisplayName: "Khác"}, ValidateOnly: true,
	})
	if err != nil || try.GetDisplayName() != "Khác" {
		t.Errorf("%v, %v", try, err)
	}
	now, err := h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/lan"})
	if err != nil || now.GetDisplayName() != "Trần Thị Lan" || now.GetRevision() != 2 {
		t.Errorf("%v, %v", now, err)
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	h := newHouse(t)
	h.account("lan")
	create := func(id, name string) error {
		_, err := h.accounts.CreateAccount(h.Context(), &identitypb.CreateAccountRequest{AccountId: id, Account: &identitypb.Account{DisplayName: name}})
		return err
	}
	h.refused(create("lan", "Lan"), fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS)
	h.refused(create("local", "Lan"), fault.KindInvalidArgument, faultpb.Reason_REASON_ACCOUNT_ID_RESERVED)
	h.refused(create("sso-0123456789abcdefghijklmnopqrstuv", "Lan"), fault.KindInvalidArgument, faultpb.Reason_REASON_ACCOUNT_ID_RESERVED)
	h.refused(create("Lan", "Lan"), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT)
	h.refused(create("hoa", ""), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED)
	h.refused(create("hoa", " \t "), fault.KindInvalidArgument, faultpb.Reason_REASON_TEXT_BLANK)

	update := func(a *identitypb.Account) error {
		a.Name = "accounts/lan"
		_, err := h.accounts.UpdateAccount(h.Context(), &identitypb.UpdateAccountRequest{Account: a})
		return err
	}
	if f := h.refusal(update(&identitypb.Account{Disabled: true}), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED); f.Field != "account.disabledReason" {
		t.Errorf("field %s", f.Field)
	}
	if f := h.refusal(update(&identitypb.Account{DisabledReason: "Nghỉ hưu"}), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED); f.Field != "account.disabled" {
		t.Errorf("field %s", f.Field)
	}
	_, err := h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/nobody"})
	h.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	_, err = h.accounts.ResetPassword(h.Context(), &identitypb.ResetPasswordRequest{Name: "accounts/nobody"})
	h.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
}

func TestWhoMayManageAccounts(t *testing.T) {
	h := newHouse(t)
	for role, may := range map[accesspb.Role]struct{ read, manage bool }{
		accesspb.Role_ROLE_UNSPECIFIED: {}, accesspb.Role_ROLE_VIEWER: {}, accesspb.Role_ROLE_CLERK: {}, accesspb.Role_ROLE_PLANNER: {},
		accesspb.Role_ROLE_APPROVER: {}, accesspb.Role_ROLE_COUNCIL_MEMBER: {},
		accesspb.Role_ROLE_AUDITOR: {read: true}, accesspb.Role_ROLE_ADMINISTRATOR: {true, true},
	} {
		id := "p" + strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_"))
		id = strings.ReplaceAll(id, "_", "-")
		ctx := h.bearing(h.person(id).GetToken())
		h.grant(id, role)
		before, runs := h.Store().Head().GetPosition(), h.hasher.Runs()
		for name, call := range map[string]struct {
			may bool
			do  func() error
		}{
			"get": {may.read, func() error {
				_, err := h.accounts.GetAccount(ctx, &identitypb.GetAccountRequest{Name: "accounts/" + id})
				return err
			}},
			"list": {may.read, func() error { _, err := h.accounts.ListAccounts(ctx, &identitypb.ListAccountsRequest{}); return err }},
			"history": {may.read, func() error {
				_, err := h.accounts.ListAccountHistory(ctx, &identitypb.ListAccountHistoryRequest{Name: "accounts/" + id})
				return err
			}},
			"create": {may.manage, func() error {
				_, err := h.accounts.CreateAccount(ctx, &identitypb.CreateAccountRequest{AccountId: "by-" + id, Account: &identitypb.Account{DisplayName: "x"}})
				return err
			}},
			"update": {may.manage, func() error {
				_, err := h.accounts.UpdateAccount(ctx, &identitypb.UpdateAccountRequest{Account: &identitypb.Account{Name: "accounts/" + id, DisplayName: "y"}})
				return err
			}},
			"reset": {may.manage, func() error {
				_, err := h.accounts.ResetPassword(ctx, &identitypb.ResetPasswordRequest{Name: "accounts/by-" + id})
				if fault.ReasonOf(fault.FromStatus(statusOf(err))) == faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
					return nil // not made yet: the order is the map's
				}
				return err
			}},
		} {
			if err := call.do(); call.may != (err == nil) {
				t.Errorf("%v, %s: %v", role, name, err)
			} else if err != nil {
				h.refused(err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED)
			}
		}
		if !may.manage && (h.Store().Head().GetPosition() != before || h.hasher.Runs() != runs) {
			t.Errorf("%v: refused calls changed something, or made the server work", role)
		}
	}
}

func TestClosingAnAccount(t *testing.T) {
	h := newHouse(t)
	admin, in := h.person("chi"), h.person("lan")
	h.grant("chi", accesspb.Role_ROLE_ADMINISTRATOR)
	made, err := h.tokens.CreateApiToken(h.bearing(in.GetToken()), apiToken(h, identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL))
	if err != nil {
		t.Fatal(err)
	}
	ctx := h.bearing(admin.GetToken())
	disable := func(name string) error {
		_, err := h.accounts.UpdateAccount(ctx, &identitypb.UpdateAccountRequest{Account: &identitypb.Account{Name: name, Disabled: true, DisabledReason: "Chuyển công tác"}})
		return err
	}
	h.refused(disable("accounts/chi"), fault.KindFailedPrecondition, faultpb.Reason_REASON_ACCOUNT_OWN) // INV-ACCOUNT-NOT-OWN
	if err := disable("accounts/lan"); err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	_, err = h.sessions.GetCaller(h.bearing(in.GetToken()), &identitypb.GetCallerRequest{})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_ACCOUNT_DISABLED)
	_, err = h.sessions.ExchangeApiToken(h.Context(), &identitypb.ExchangeApiTokenRequest{Secret: made.GetSecret()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_API_TOKEN_REVOKED)
	got, err := h.accounts.UpdateAccount(ctx, &identitypb.UpdateAccountRequest{
		Account: &identitypb.Account{Name: "accounts/lan"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"disabled"}},
	})
	if err != nil || got.GetDisabled() || got.GetDisabledReason() != "" {
		t.Fatalf("%v, %v", got, err)
	}
	h.signIn("lan", phrase)
}

// A substitute would hold the account of whom he stands in for beyond the substitution.
func TestASubstituteResetsNoPassword(t *testing.T) {
	h := newHouse(t)
	h.person("xuan")
	h.grant("xuan", accesspb.Role_ROLE_ADMINISTRATOR)
	binh := h.person("binh")
	_, err := store.Update(itself(h.Context(), "test"), h.Store(), nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, records.Grants.Put(tx, &registrypb.Grant{
			Name: "grants/binh", Principal: "principals/binh", Role: accesspb.Role_ROLE_ADMINISTRATOR, StartTime: timestamppb.New(h.clock.now()),
			SubstituteFor: "grants/xuan", OnBehalfOf: "principals/xuan",
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := h.bearing(binh.GetToken())
	if _, err := h.accounts.GetAccount(ctx, &identitypb.GetAccountRequest{Name: "accounts/xuan"}); err != nil {
		t.Fatalf("he may read: %v", err)
	}
	_, err = h.accounts.ResetPassword(ctx, &identitypb.ResetPasswordRequest{Name: "accounts/xuan"})
	h.refused(err, fault.KindPermissionDenied, faultpb.Reason_REASON_NOT_AS_SUBSTITUTE)
	_, err = h.accounts.UpdateAccount(ctx, &identitypb.UpdateAccountRequest{
		Account: &identitypb.Account{Name: "accounts/xuan", Disabled: true, DisabledReason: "thử"},
	})
	h.refused(err, fault.KindPermissionDenied, faultpb.Reason_REASON_NOT_AS_SUBSTITUTE)
	h.signIn("xuan", phrase)
}

// Whoever has stolen an API token has nothing after a reset.
func TestAResetRevokesAPITokens(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	made, err := h.tokens.CreateApiToken(h.bearing(in.GetToken()), &identitypb.CreateApiTokenRequest{ApiToken: &identitypb.ApiToken{
		DisplayName: "báo cáo", Scope: identitypb.ApiTokenScope_API_TOKEN_SCOPE_ALL, ExpireTime: timestamppb.New(h.clock.now().Add(time.Hour)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.ResetPassword(h.Context(), &identitypb.ResetPasswordRequest{Name: "accounts/lan"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sessions.ExchangeApiToken(h.Context(), &identitypb.ExchangeApiTokenRequest{Secret: made.GetSecret()}); fault.KindOf(fault.FromStatus(status.Convert(err))) != fault.KindUnauthenticated {
		t.Errorf("exchanged with %v", err)
	}
}

func TestResettingAPassword(t *testing.T) {
	h := newHouse(t)
	in := h.person("lan")
	h.grant("lan", accesspb.Role_ROLE_ADMINISTRATOR)
	_, err := h.accounts.ResetPassword(h.bearing(in.GetToken()), &identitypb.ResetPasswordRequest{Name: "accounts/lan"})
	h.refused(err, fault.KindFailedPrecondition, faultpb.Reason_REASON_ACCOUNT_OWN)
	reset, err := h.accounts.ResetPassword(h.Context(), &identitypb.ResetPasswordRequest{Name: "accounts/lan"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.RefreshSession(h.Context(), &identitypb.RefreshSessionRequest{RefreshToken: in.GetRefreshToken()})
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SESSION_ENDED)
	_, err = h.try(h.from("192.0.2.1"), "lan", phrase)
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
	if !h.signIn("lan", reset.GetOneTimePassword()).GetMustChangePassword() {
		t.Error("not narrowed")
	}
	h.clock.move(7*24*time.Hour + time.Second)
	_, err = h.try(h.from("192.0.2.1"), "lan", reset.GetOneTimePassword())
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_ONE_TIME_PASSWORD_EXPIRED)
}

// INV-ACCOUNT-NO-PERSON: history and events say what happened to an account, and nothing of the person.
func TestHistoryAndEventsNameNobody(t *testing.T) {
	h := newHouse(t)
	h.person("lan")
	if _, err := h.accounts.UpdateAccount(h.Context(), &identitypb.UpdateAccountRequest{
		Account: &identitypb.Account{Name: "accounts/lan", DisplayName: "Trần Thị Lan", Disabled: true, DisabledReason: "Nghỉ ốm"}, RequestId: "r-1",
	}); err != nil {
		t.Fatal(err)
	}
	history, err := h.accounts.ListAccountHistory(h.Context(), &identitypb.ListAccountHistoryRequest{Name: "accounts/lan"})
	if err != nil || len(history.GetRevisions()) != 3 {
		t.Fatalf("%v, %v", history, err)
	}
	last, set := history.GetRevisions()[0], history.GetRevisions()[1]
	if last.GetRequestId() != "r-1" || last.GetPrincipal() != "principals/quan" || last.GetChanges()[0].GetField() != "disabled" || set.GetPrincipal() != "principals/lan" {
		t.Errorf("%v", history)
	}
	said := protojson.Format(history)
	events, err := h.Store().Events(t.Context(), 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range events {
		types = append(types, strings.TrimPrefix(e.Type, "coso.identity.v1."))
		said += string(e.Data)
	}
	if got, want := strings.Join(types, " "), "AccountCreated AccountPasswordSet AccountUpdated"; got != want {
		t.Errorf("events %s", got)
	}
	for _, secret := range []string{"Nguyễn", "Trần", "ốm"} {
		if strings.Contains(said, secret) {
			t.Errorf("history or events say %q", secret)
		}
	}
}
