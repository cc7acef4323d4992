package main

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/staff"
	"coso/services/platform/fault"

	accesspb "coso/proto/gen/coso/access/v1"
	historypb "coso/proto/gen/coso/history/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// The only administrator has forgotten the password: whoever has the data folder gives another, and the old one is good for
// nothing any more.
func TestResetPassword(t *testing.T) {
	dir := t.TempDir()
	base, stop := serve(t, dir)
	defer stop()
	admin := singletest.At(base).Admin(t)
	out, _, err := run(t, "reset-password", "--data", dir, "admin")
	found := regexp.MustCompile(`Mật khẩu dùng một lần của admin: (\S+)\n`).FindStringSubmatch(out)
	if err != nil || len(found) != 2 {
		t.Fatalf("says %q, %v", out, err)
	}
	if _, err := staff.SignIn(t.Context(), base, "admin", singletest.AdminPassword, ""); fault.KindOf(err) != fault.KindUnauthenticated {
		t.Errorf("with the old password: %v", err)
	}
	if err := admin.Session.SignOut(t.Context()); err != nil {
		t.Errorf("the old session: %v", err)
	}
	again, err := staff.SignIn(t.Context(), base, "admin", found[1], singletest.LanPassword)
	if err != nil {
		t.Fatal(err)
	}
	history := &historypb.History{}
	if err := again.Get(t.Context(), "/v1/accounts/admin:history", nil, history); err != nil {
		t.Fatal(err)
	}
	if by := principals(history); !strings.Contains(by, "principals/operator") {
		t.Errorf("the history names %s", by)
	}
	if _, _, err := run(t, "reset-password", "--data", dir, "khong-co", "--lang", "en"); err == nil || !strings.Contains(err.Error(), "accounts/khong-co does not exist") {
		t.Errorf("of who has no account it says %v", err)
	}
	if _, _, err := run(t, "reset-password", "--data", t.TempDir(), "admin"); err == nil || !strings.Contains(err.Error(), "no coso runs on the data in ") {
		t.Errorf("where none runs it says %v", err)
	}
}

func principals(h *historypb.History) string {
	var all []string
	for _, r := range h.GetRevisions() {
		all = append(all, r.GetPrincipal())
	}
	return strings.Join(all, " ")
}

// The last administrator is a name that nobody has: whoever has the data folder makes another, once.
func TestAdministrator(t *testing.T) {
	dir := t.TempDir()
	base, stop := serve(t, dir)
	defer stop()
	admin := singletest.At(base).Admin(t)
	viewer, err := admin.Hire(t.Context(), "minh", "Minh", singletest.LanPassword, accesspb.Role_ROLE_VIEWER)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, _, err := run(t, "administrator", "--data", dir, "minh", "--reason", "không còn ai quản trị")
		if err != nil || !strings.HasPrefix(out, "principals/minh là quản trị viên của toàn hệ thống (grants/") {
			t.Fatalf("says %q, %v", out, err)
		}
	}
	list := &registrypb.ListGrantsResponse{}
	if err := viewer.Get(t.Context(), "/v1/grants", url.Values{"principal": {"principals/minh"}}, list); err != nil {
		t.Fatal(err)
	}
	var given []*registrypb.Grant
	for _, g := range list.GetGrants() {
		if g.GetRole() == accesspb.Role_ROLE_ADMINISTRATOR {
			given = append(given, g)
		}
	}
	if len(given) != 1 || given[0].GetReason() != "không còn ai quản trị" || given[0].GetUnit() != "" {
		t.Fatalf("grants: %v", list.GetGrants())
	}
	history := &historypb.History{}
	if err := viewer.Get(t.Context(), "/v1/"+given[0].GetName()+":history", nil, history); err != nil || principals(history) != "principals/operator" {
		t.Errorf("the history names %s, %v", principals(history), err)
	}
	if err := viewer.Post(t.Context(), "/v1/units", url.Values{"unitId": {"moi"}}, &registrypb.Unit{DisplayName: "Mới", Level: "COMMITTEE", ValidFrom: "2020-01-01"}, nil); err != nil {
		t.Errorf("the new administrator: %v", err)
	}
	if _, _, err := run(t, "administrator", "--data", dir, "Minh", "--reason", "x", "--lang", "en"); err == nil || !strings.Contains(err.Error(), "principals/Minh") {
		t.Errorf("of a name that cannot be it says %v", err)
	}
}
