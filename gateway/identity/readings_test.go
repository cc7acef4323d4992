package identity

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"coso/services/platform/fault"
	"coso/services/platform/readings"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

// read are the readings that somebody is shown, the latest first.
func (h *house) read(token string, req *readingpb.ListReadingsRequest) ([]*readingpb.Reading, error) {
	req.Parent = "services/identity"
	answer, err := readingpb.NewReadingServiceClient(h.Conn()).ListReadings(h.bearing(token), req)
	return answer.GetReadings(), err
}

// short is a reading as a line: who, by which method, whose.
func short(r *readingpb.Reading) string {
	return strings.TrimPrefix(r.GetPrincipal(), "principals/") + " " + r.GetMethod()[strings.LastIndexByte(r.GetMethod(), '/')+1:] + " " + strings.Join(r.GetResources(), ",")
}

// Whoever is shown an account of somebody else leaves exactly one reading; whoever is shown their own session, sessions and API tokens leaves
// none; auditors read who read, which is a reading too.
func TestReadingsOfAccounts(t *testing.T) {
	h := newHouse(t)
	auditor := h.person("mai")
	h.grant("mai", accesspb.Role_ROLE_AUDITOR)
	h.account("lan")
	all := func() []string {
		t.Helper()
		found, err := h.read(auditor.GetToken(), &readingpb.ListReadingsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]string, len(found))
		for i, r := range found {
			out[i] = short(r)
		}
		return out
	}
	before := all()

	if _, err := h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/lan"}); err != nil {
		t.Fatal(err)
	}
	got := all()
	if want := slices.Concat([]string{"quan GetAccount accounts/lan", "mai ListReadings services/identity"}, before); !slices.Equal(got, want) {
		t.Fatalf("%q, want %q", got, want)
	}

	for _, ask := range []func() error{
		func() error {
			_, err := h.sessions.GetCaller(h.bearing(auditor.GetToken()), &identitypb.GetCallerRequest{})
			return err
		},
		func() error {
			_, err := h.sessions.ListSessions(h.bearing(auditor.GetToken()), &identitypb.ListSessionsRequest{})
			return err
		},
		func() error {
			_, err := h.tokens.ListApiTokens(h.bearing(auditor.GetToken()), &identitypb.ListApiTokensRequest{})
			return err
		},
	} {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/nobody"})
	h.refused(err, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	if _, err := h.accounts.ListAccountHistory(h.Context(), &identitypb.ListAccountHistoryRequest{Name: "accounts/lan"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.ListAccounts(h.Context(), &identitypb.ListAccountsRequest{PageSize: 1}); err != nil {
		t.Fatal(err)
	}
	rename := &identitypb.UpdateAccountRequest{Account: &identitypb.Account{Name: "accounts/lan", DisplayName: "Lan"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}}
	if _, err := h.accounts.UpdateAccount(h.Context(), rename); err != nil {
		t.Fatal(err)
	}
	want := slices.Concat([]string{"quan UpdateAccount accounts/lan", "quan ListAccounts accounts/lan", "mai ListReadings services/identity"}, got)
	if now := all(); !slices.Equal(now, want) {
		t.Errorf("%q, want %q", now, want)
	}

	found, err := h.read(auditor.GetToken(), &readingpb.ListReadingsRequest{Principal: "principals/quan", Resource: "accounts/lan", PageSize: 2})
	if err != nil || len(found) != 2 || short(found[1]) != "quan ListAccounts accounts/lan" || found[1].GetRequest() != "{}" || found[1].GetShownCount() != 1 ||
		!found[1].GetReadTime().AsTime().Equal(h.clock.now()) || found[1].GetRequestId() == "" || found[1].GetUnit() != "" {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := h.read(h.person("tuan").GetToken(), &readingpb.ListReadingsRequest{}); err == nil {
		t.Error("somebody without a grant reads the readings")
	} else {
		h.refused(err, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED)
	}
}

// What cannot be recorded is not shown, and accounts are not changed; all else goes on. It is readiness that says so, and what was
// recorded survives a restart.
func TestAccountsAreNotShownUnrecorded(t *testing.T) {
	h := newHouse(t)
	h.account("lan")
	path := filepath.Join(h.dir, "identity.reads-000001")
	aside := path + ".aside"
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	get := func() (*identitypb.Account, error) {
		return h.accounts.GetAccount(h.Context(), &identitypb.GetAccountRequest{Name: "accounts/lan"})
	}
	shown, err := get()
	h.refused(err, fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
	if shown != nil {
		t.Errorf("shown: %v", shown)
	}
	if h.Recorded() == nil {
		t.Error("nobody is told")
	}
	_, err = h.accounts.CreateAccount(h.Context(), &identitypb.CreateAccountRequest{AccountId: "hoa", Account: &identitypb.Account{DisplayName: "Hoa"}})
	h.refused(err, fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
	_, err = h.try(h.from("192.0.2.1"), "lan", "wrong")
	h.refused(err, fault.KindUnauthenticated, faultpb.Reason_REASON_SIGN_IN_FAILED)
	if err := os.Rename(aside, path); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); h.Recorded() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
		<-time.After(5 * time.Millisecond)
	}
	if _, err := get(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.CreateAccount(h.Context(), &identitypb.CreateAccountRequest{AccountId: "hoa", Account: &identitypb.Account{DisplayName: "Hoa"}}); err != nil {
		t.Errorf("the refused account: %v", err)
	}
	h.again()
	if _, err := get(); err != nil {
		t.Fatal(err)
	}
	h.end()
	found, err := readings.Verify(t.Context(), h.dir, Name, nil)
	if err != nil || found.Readings != 4 {
		t.Errorf("%+v, %v; want 4 readings", found, err)
	}
}
