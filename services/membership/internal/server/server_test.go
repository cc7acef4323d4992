package server_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership"
	"coso/services/membership/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const today = "2020-11-30"

// desk is membership as lan reaches it, an administrator: the whole service in memory, with copies of three units and three
// organisations.
type desk struct {
	membershippb.IntakeServiceClient
	operations operationpb.OperationServiceClient
	store      *store.Store
}

func open(t *testing.T) *desk {
	t.Helper()
	now, err := time.Parse(time.RFC3339, today+"T09:00:00+07:00")
	if err != nil {
		t.Fatal(err)
	}
	issuer := tokentest.Issuer(t)
	s, err := membership.New(run.Options{
		Dir: t.TempDir(), Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler), Tokens: issuer.Verifier(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Store().Verify(context.Background(), func(uint64) {}); err != nil {
			t.Errorf("verify: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	conn := issuer.As("lan", s.Conn())
	d := &desk{membershippb.NewIntakeServiceClient(conn), operationpb.NewOperationServiceClient(conn), s.Store()}
	scopetest.Give(t, d.store, records.Grants, scopetest.Administrator("lan"))
	d.copyRegistry(t)
	return d
}

// copyRegistry puts what the follower would have copied by now.
func (d *desk) copyRegistry(t *testing.T) {
	t.Helper()
	ctx := access.With(t.Context(), access.Service(membership.Name))
	_, err := store.Update(ctx, d.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		for _, u := range []*registrypb.Unit{
			{Name: "units/tay-ho", ValidFrom: "2008-08-01", Revision: 1},
			{Name: "units/ba-vi", ValidFrom: "2008-08-01", Revision: 1},
			{Name: "units/khoi", ValidFrom: "2008-08-01", ClosedOn: "2020-03-01", Revision: 2},
		} {
			if err := records.Units.Put(tx, u); err != nil {
				return nil, err
			}
		}
		for _, o := range []*registrypb.Organisation{
			{Name: "organisations/chi-bo", Unit: "units/tay-ho", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, FoundedOn: "2020-02-01", Revision: 1},
			{Name: "organisations/chi-doan", Unit: "units/tay-ho", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_YOUTH_BRANCH, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, FoundedOn: "2020-02-01", Revision: 1},
			{Name: "organisations/cong-doan", Unit: "units/ba-vi", Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_TRADE_UNION, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, FoundedOn: "2020-02-01", Revision: 1},
		} {
			if err := records.Organisations.Put(tx, o); err != nil {
				return nil, err
			}
		}
		return &registrypb.Unit{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// party is a sound intake of Party members; change makes it another.
func party(change ...func(*membershippb.Intake)) *membershippb.Intake {
	in := &membershippb.Intake{
		Unit: "units/tay-ho", Organisation: "organisations/chi-bo", Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER,
		AdmittedOn: "2020-06-15", MemberCount: 3, OwnerCount: 1,
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func (d *desk) report(t *testing.T, id string, change ...func(*membershippb.Intake)) *membershippb.Intake {
	t.Helper()
	in, err := d.CreateIntake(t.Context(), &membershippb.CreateIntakeRequest{Intake: party(change...), IntakeId: id})
	if err != nil {
		t.Fatalf("report %s: %v", id, err)
	}
	return in
}

func (d *desk) withdraw(t *testing.T, id string) *membershippb.Intake {
	t.Helper()
	in, err := d.WithdrawIntake(t.Context(), &membershippb.WithdrawIntakeRequest{Name: "intakes/" + id, Reason: "nhập nhầm"})
	if err != nil {
		t.Fatalf("withdraw %s: %v", id, err)
	}
	return in
}

// list answers the ids of the intakes that a request lists, over all pages of two.
func (d *desk) list(t *testing.T, req *membershippb.ListIntakesRequest) []string {
	t.Helper()
	var ids []string
	req = proto.CloneOf(req)
	req.PageSize = 2
	for {
		page, err := d.ListIntakes(t.Context(), req)
		if err != nil {
			t.Fatalf("list %v: %v", req, err)
		}
		for _, in := range page.GetIntakes() {
			ids = append(ids, in.GetName()[len("intakes/"):])
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
	}
}

// refusedWith checks a refusal and that nothing was written.
func (d *desk) refusedWith(t *testing.T, call func() error, kind fault.Kind, reason faultpb.Reason, field string) {
	t.Helper()
	before := d.store.Head().GetPosition()
	err := call()
	if err == nil {
		t.Fatalf("accepted, want %s", reason)
	}
	refusal := fault.From(fault.FromStatus(status.Convert(err)))
	if refusal.Kind != kind || refusal.Reason != reason || refusal.Field != field {
		t.Errorf("refused with %s %s at %q, want %s %s at %q", refusal.Kind, refusal.Reason, refusal.Field, kind, reason, field)
	}
	if refusal.Msg == "" || refusal.MsgVi == "" || refusal.Msg == refusal.MsgVi {
		t.Errorf("texts: %q and %q", refusal.Msg, refusal.MsgVi)
	}
	if now := d.store.Head().GetPosition(); now != before {
		t.Errorf("the refused request wrote entry %d", now)
	}
}

// events answers the types of all events announced, in order.
func (d *desk) events(t *testing.T) []string {
	t.Helper()
	all, err := d.store.Events(t.Context(), 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	types := make([]string, 0, len(all))
	for _, e := range all {
		types = append(types, e.Type)
	}
	return slices.Clip(types)
}
