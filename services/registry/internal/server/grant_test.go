package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/run"
	"coso/services/platform/token/tokentest"
	"coso/services/registry"
	"coso/services/registry/internal/server"
)

// house is a registry whose callers sign in, on 30 November 2020: Tây Hồ and Ba Đình lie in Hà Nội; admin administers all,
// lan is a clerk of Tây Hồ, hoa administers Tây Hồ, minh audits Hà Nội, tuan sees Ba Đình.
type house struct {
	testing.TB
	registrypb.GrantServiceClient
	registrypb.UnitServiceClient
	issuer  *tokentest.Own
	service *run.Service
	now     time.Time
}

// began is where a test's clock stands.
var began = time.Date(2020, 11, 30, 8, 0, 0, 0, time.UTC)

func openHouse(t testing.TB, dir string) *house {
	t.Helper()
	h := &house{TB: t, issuer: tokentest.Issuer(t), now: began}
	service, err := registry.New(run.Options{
		Dir: dir, Clock: func() time.Time { return h.now }, Logger: slog.New(slog.DiscardHandler), Tokens: h.issuer.Verifier(),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.service = service
	h.GrantServiceClient = registrypb.NewGrantServiceClient(service.Conn())
	h.UnitServiceClient = registrypb.NewUnitServiceClient(service.Conn())
	return h
}

func settled(t testing.TB) *house {
	t.Helper()
	h := openHouse(t, t.TempDir())
	t.Cleanup(func() {
		if err := errors.Join(h.service.Store().Verify(context.Background(), nil), h.service.Close()); err != nil {
			t.Error(err)
		}
	})
	must(0, server.FirstAdministrator(t.Context(), h.service.Store(), registry.FirstAdministrator))(t)
	for _, u := range [][2]string{{"ha-noi", ""}, {"tay-ho", "units/ha-noi"}, {"ba-dinh", "units/ha-noi"}} {
		must(h.CreateUnit(h.as("admin"), &registrypb.CreateUnitRequest{UnitId: u[0], Unit: &registrypb.Unit{
			DisplayName: u[0], Level: "DISTRICT_COMMITTEE", ValidFrom: "1954-10-10",
			Placements: []*registrypb.Placement{{Tree: "party", Parent: u[1], FromDate: "1954-10-10"}},
		}}))(t)
	}
	h.give("lan", accesspb.Role_ROLE_CLERK, "units/tay-ho")
	h.give("hoa", accesspb.Role_ROLE_ADMINISTRATOR, "units/tay-ho")
	h.give("minh", accesspb.Role_ROLE_AUDITOR, "units/ha-noi")
	h.give("tuan", accesspb.Role_ROLE_VIEWER, "units/ba-dinh")
	return h
}

// as is a context in which somebody calls with a token.
func (h *house) as(account string) context.Context {
	h.Helper()
	return tokentest.With(h.Context(), h.issuer.Token(account))
}

func askGrant(id, account string, role accesspb.Role, unit string) *registrypb.CreateGrantRequest {
	return &registrypb.CreateGrantRequest{GrantId: id, Grant: &registrypb.Grant{
		Principal: "principals/" + account, Role: role, Unit: unit, Reason: "phân công",
	}}
}

// give lets the first administrator give a grant; its id is the account's.
func (h *house) give(account string, role accesspb.Role, unit string) {
	h.Helper()
	must(h.CreateGrant(h.as("admin"), askGrant(account, account, role, unit)))(h.TB)
}

// seen are the grants that somebody is shown, by their names, page by page; each must be readable by itself too.
func (h *house) seen(account string, req *registrypb.ListGrantsRequest) []string {
	h.Helper()
	var out []string
	req = proto.CloneOf(req)
	req.PageSize = 2
	for first := true; first || req.GetPageToken() != ""; first = false {
		page := must(h.ListGrants(h.as(account), req))(h.TB)
		for _, g := range page.GetGrants() {
			out = append(out, g.GetName())
			if one := must(h.GetGrant(h.as(account), &registrypb.GetGrantRequest{Name: g.GetName()}))(h.TB); !proto.Equal(one, g) {
				h.Errorf("listed as %v, read as %v", g, one)
			}
		}
		req.PageToken = page.GetNextPageToken()
	}
	if !slices.IsSorted(out) {
		h.Errorf("not in order of their names: %v", out)
	}
	return out
}

func grantsOf(ids ...string) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, "grants/"+id)
	}
	slices.Sort(out)
	return out
}

// INV-SCOPE-SUBTREE: everybody reads his own grants and those of the units whose grants he may read; of others there is not
// even a trace.
func TestEverybodySeesHisOwnGrantsAndThoseInHisScope(t *testing.T) {
	h := settled(t)
	h.give("hoa-2", accesspb.Role_ROLE_VIEWER, "units/ba-dinh") // of another account
	must(h.CreateGrant(h.as("admin"), askGrant("hoa-3", "hoa", accesspb.Role_ROLE_VIEWER, "units/ba-dinh")))(t)
	all := grantsOf("first-administrator", "lan", "hoa", "hoa-2", "hoa-3", "minh", "tuan")
	for account, want := range map[string][]string{
		"admin":    all,
		"lan":      grantsOf("lan"),
		"hoa":      grantsOf("lan", "hoa", "hoa-3"),
		"minh":     grantsOf("lan", "hoa", "hoa-2", "hoa-3", "minh", "tuan"),
		"tuan":     grantsOf("tuan"),
		"stranger": grantsOf(),
	} {
		t.Run(account, func(t *testing.T) {
			if got := h.seen(account, &registrypb.ListGrantsRequest{}); !slices.Equal(got, want) {
				t.Errorf("sees %v, want %v", got, want)
			}
			for _, name := range all {
				_, err := h.GetGrant(h.as(account), &registrypb.GetGrantRequest{Name: name})
				if slices.Contains(want, name) != (err == nil) {
					t.Errorf("%s: %v", name, err)
				}
				if err != nil {
					wantRefused(t, err, codes.NotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
				}
			}
			for _, of := range []string{"principals/hoa", "principals/nobody"} {
				got := h.seen(account, &registrypb.ListGrantsRequest{Principal: of})
				filtered := slices.DeleteFunc(slices.Clone(want), func(name string) bool {
					return of != "principals/hoa" || name != "grants/hoa" && name != "grants/hoa-3"
				})
				if !slices.Equal(got, filtered) {
					t.Errorf("of %s sees %v, want %v", of, got, filtered)
				}
			}
			got := h.seen(account, &registrypb.ListGrantsRequest{Unit: "units/tay-ho"})
			if want := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return n != "grants/lan" && n != "grants/hoa" }); !slices.Equal(got, want) {
				t.Errorf("of Tây Hồ sees %v, want %v", got, want)
			}
		})
	}
}

func TestNobodyGrantsWhatHeDoesNotHold(t *testing.T) {
	h := settled(t)
	const clerk, approver, administrator = accesspb.Role_ROLE_CLERK, accesspb.Role_ROLE_APPROVER, accesspb.Role_ROLE_ADMINISTRATOR
	denied, exceeds := faultpb.Reason_REASON_PERMISSION_DENIED, faultpb.Reason_REASON_GRANT_EXCEEDS
	inUnit, everywhere := faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, faultpb.Reason_REASON_PERMISSION_DENIED_EVERYWHERE
	// hoa is away; thu stands in for her, and is a clerk of Tây Hồ herself.
	must(h.DelegateGrant(h.as("hoa"), &registrypb.DelegateGrantRequest{
		Name: "grants/hoa", GrantId: "thu", Principal: "principals/thu", EndTime: timestamppb.New(h.now.Add(time.Hour)), Reason: "đi học",
	}))(t)
	h.give("thu-2", clerk, "units/tay-ho")
	must(h.CreateGrant(h.as("admin"), askGrant("thu-3", "thu", clerk, "units/tay-ho")))(t)
	for _, tc := range []struct {
		account string
		role    accesspb.Role
		unit    string
		reason  faultpb.Reason
		field   string
	}{
		{"admin", administrator, "", 0, ""},
		{"admin", approver, "units/ba-dinh", 0, ""},
		{"hoa", administrator, "units/tay-ho", 0, ""},
		{"hoa", clerk, "units/ba-dinh", inUnit, ""},
		{"hoa", clerk, "units/ha-noi", inUnit, ""},
		{"hoa", clerk, "", everywhere, ""},
		{"minh", clerk, "units/tay-ho", denied, ""},
		{"lan", clerk, "units/tay-ho", denied, ""},
		{"stranger", clerk, "units/tay-ho", denied, ""},
		{"thu", clerk, "units/tay-ho", 0, ""},
		{"thu", approver, "units/tay-ho", exceeds, "grant.role"},
		{"thu", administrator, "units/tay-ho", exceeds, "grant.role"},
	} {
		t.Run(fmt.Sprint(tc.account, tc.role, tc.unit), func(t *testing.T) {
			req := askGrant("", "moi", tc.role, tc.unit)
			req.ValidateOnly = true
			for range 2 {
				before := h.service.Store().Head().GetPosition()
				g, err := h.CreateGrant(h.as(tc.account), req)
				if tc.reason == 0 {
					must(g, err)(t)
				} else {
					wantRefused(t, err, codes.PermissionDenied, tc.reason, tc.field)
				}
				if now := h.service.Store().Head().GetPosition(); (now != before) != (tc.reason == 0 && !req.GetValidateOnly()) {
					t.Errorf("the journal went from %d to %d", before, now)
				}
				req.ValidateOnly = false
			}
		})
	}
}

// What a substitute does shows both; he cannot pass it on; it ends with the grant that he stands in for.
func TestASubstituteActsForAnotherUntilItEnds(t *testing.T) {
	h := settled(t)
	ask := &registrypb.DelegateGrantRequest{
		Name: "grants/hoa", GrantId: "thu", Principal: "principals/thu", EndTime: timestamppb.New(h.now.Add(time.Hour)), Reason: "đi học",
	}
	for _, account := range []string{"lan", "admin", "stranger", "thu"} {
		_, err := h.DelegateGrant(h.as(account), ask)
		wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name")
	}
	g := must(h.DelegateGrant(h.as("hoa"), ask))(t)
	if g.GetOnBehalfOf() != "principals/hoa" || g.GetSubstituteFor() != "grants/hoa" || g.GetUnit() != "units/tay-ho" {
		t.Errorf("the substitute's grant is %v", g)
	}
	_, err := h.DelegateGrant(h.as("thu"), &registrypb.DelegateGrantRequest{
		Name: "grants/thu", Principal: "principals/lan", EndTime: ask.GetEndTime(), Reason: "đi học",
	})
	wantRefused(t, err, codes.FailedPrecondition, faultpb.Reason_REASON_GRANT_OF_SUBSTITUTE, "name")

	must(h.UpdateUnit(h.as("thu"), &registrypb.UpdateUnitRequest{Unit: &registrypb.Unit{Name: "units/tay-ho", DisplayName: "Đảng ủy Tây Hồ"}}))(t)
	must(h.EndGrant(h.as("thu"), &registrypb.EndGrantRequest{Name: "grants/lan", Reason: "thôi việc"}))(t)
	for what, last := range map[string]interface {
		GetPrincipal() string
		GetOnBehalfOf() string
	}{
		"unit":  must(h.ListUnitHistory(h.as("hoa"), &registrypb.ListUnitHistoryRequest{Name: "units/tay-ho"}))(t).GetRevisions()[0],
		"grant": must(h.ListGrantHistory(h.as("hoa"), &registrypb.ListGrantHistoryRequest{Name: "grants/lan"}))(t).GetRevisions()[0],
	} {
		if last.GetPrincipal() != "principals/thu" || last.GetOnBehalfOf() != "principals/hoa" {
			t.Errorf("the %s was changed by %s for %q", what, last.GetPrincipal(), last.GetOnBehalfOf())
		}
	}

	must(h.EndGrant(h.as("admin"), &registrypb.EndGrantRequest{Name: "grants/hoa", Reason: "chuyển công tác"}))(t)
	ended := must(h.GetGrant(h.as("thu"), &registrypb.GetGrantRequest{Name: "grants/thu"}))(t)
	if end := ended.GetEndTime().AsTime(); end.After(h.now.Add(time.Second)) || ended.GetEndReason() != "chuyển công tác" {
		t.Errorf("the substitute's grant is %v", ended)
	}
	h.now = h.now.Add(time.Second)
	_, err = h.UpdateUnit(h.as("thu"), &registrypb.UpdateUnitRequest{Unit: &registrypb.Unit{Name: "units/tay-ho", DisplayName: "x"}})
	wantRefused(t, err, codes.PermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED, "")
}

func TestASubstitutionEndsByItself(t *testing.T) {
	h := settled(t)
	must(h.DelegateGrant(h.as("hoa"), &registrypb.DelegateGrantRequest{
		Name: "grants/hoa", GrantId: "thu", Principal: "principals/thu", Reason: "đi học",
		StartTime: timestamppb.New(h.now.Add(time.Hour)), EndTime: timestamppb.New(h.now.Add(2 * time.Hour)),
	}))(t)
	for _, step := range []struct {
		wait time.Duration
		may  bool
	}{{0, false}, {time.Hour, true}, {time.Hour - time.Second, true}, {time.Second, false}} {
		h.now = h.now.Add(step.wait)
		_, err := h.GetUnit(h.as("thu"), &registrypb.GetUnitRequest{Name: "units/tay-ho"})
		if (err == nil) != step.may {
			t.Errorf("at %s: %v", h.now, err)
		}
	}
}

func TestWhoMayEndAGrant(t *testing.T) {
	h := settled(t)
	end := func(account, id, etag string) error {
		_, err := h.EndGrant(h.as(account), &registrypb.EndGrantRequest{Name: "grants/" + id, Reason: "thôi việc", Etag: etag})
		return err
	}
	for _, account := range []string{"lan", "minh", "tuan", "stranger"} {
		for _, id := range []string{"hoa", "nobody"} {
			wantRefused(t, end(account, id, ""), codes.PermissionDenied, faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name")
		}
	}
	wantRefused(t, end("hoa", "tuan", ""), codes.PermissionDenied, faultpb.Reason_REASON_GRANT_NOT_ONES_OWN, "name")
	wantRefused(t, end("hoa", "lan", "an-older-one"), codes.Aborted, faultpb.Reason_REASON_ETAG_STALE, "etag")
	must(0, end("hoa", "lan", ""))(t)
	wantRefused(t, end("hoa", "lan", ""), codes.FailedPrecondition, faultpb.Reason_REASON_GRANT_ENDED, "name")
	must(0, end("tuan", "tuan", ""))(t) // his own

	wantRefused(t, end("admin", "first-administrator", ""), codes.FailedPrecondition, faultpb.Reason_REASON_LAST_ADMINISTRATOR, "name")
	h.give("second", accesspb.Role_ROLE_ADMINISTRATOR, "")
	h.now = h.now.Add(time.Second)
	must(0, end("admin", "first-administrator", ""))(t)
	wantRefused(t, end("second", "second", ""), codes.FailedPrecondition, faultpb.Reason_REASON_LAST_ADMINISTRATOR, "name")
}

// A registry in which nobody ever held a grant gives the first one when it starts, once, however often it starts or is cut
// short, and not again when it has ended.
func TestTheFirstAdministratorIsGivenOnce(t *testing.T) {
	dir := t.TempDir()
	held := map[string]string{}
	look := func(h *house) {
		h.Helper()
		for _, g := range must(h.ListGrants(h.as("admin"), &registrypb.ListGrantsRequest{ShowEnded: true}))(h.TB).GetGrants() {
			held[g.GetName()] = g.GetPrincipal()
		}
	}
	for _, cut := range []bool{true, false, false} {
		h := openHouse(t, dir)
		ctx, cancel := context.WithCancel(t.Context())
		if cut { // before it begins
			cancel()
			if err := h.service.Part(nil, nil).Run(ctx, func() { t.Error("it is ready") }); !errors.Is(err, context.Canceled) {
				t.Fatalf("cut short: %v", err)
			}
			continue
		}
		if err := h.service.Part(nil, nil).Run(ctx, func() { look(h); cancel() }); err != nil {
			t.Fatal(err)
		}
	}
	h := openHouse(t, dir)
	defer func() { must(0, h.service.Close())(t) }()
	must(h.CreateGrant(h.as("admin"), askGrant("second", "second", accesspb.Role_ROLE_ADMINISTRATOR, "")))(t)
	h.now = h.now.Add(time.Second)
	must(h.EndGrant(h.as("second"), &registrypb.EndGrantRequest{Name: "grants/first-administrator", Reason: "thôi việc"}))(t)
	before := h.service.Store().Head()
	must(0, server.FirstAdministrator(t.Context(), h.service.Store(), "principals/another"))(t)
	look(h)
	if want := map[string]string{"grants/first-administrator": "principals/admin"}; !maps.Equal(held, want) {
		t.Errorf("the grants are %v, want %v", held, want)
	}
	if after := h.service.Store().Head(); !proto.Equal(before, after) {
		t.Errorf("the journal went on: %v", after)
	}
}
