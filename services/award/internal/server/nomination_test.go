package server_test

import (
	"context"
	"log/slog"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"

	registrypb "coso/proto/gen/coso/registry/v1"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	awardpb "coso/proto/gen/coso/award/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/award"
	"coso/services/award/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is award as lan reaches it, who may see everything: the whole service in memory.
type desk struct {
	awardpb.NominationServiceClient
	store *store.Store
}

func open(t *testing.T) *desk {
	t.Helper()
	issuer := tokentest.Issuer(t)
	s, err := award.New(run.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Tokens: issuer.Verifier()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Store().Verify(context.Background(), nil); err != nil {
			t.Errorf("verify: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	scopetest.Give(t, s.Store(), records.Grants, scopetest.Administrator("lan"))
	return &desk{awardpb.NewNominationServiceClient(issuer.As("lan", s.Conn())), s.Store()}
}

// nominate puts what the follower would have put.
func (d *desk) nominate(t *testing.T, id, unit, indicator, period string, state awardpb.NominationState) *awardpb.Nomination {
	t.Helper()
	ctx := access.WithMethod(access.With(t.Context(), access.Service(award.Name)), "follow/planning")
	n, err := store.Update(ctx, d.store, nil, func(tx *store.Tx) (*awardpb.Nomination, error) {
		return records.Nominations.Create(tx, &awardpb.Nomination{
			Name: "nominations/" + id, Target: "targets/" + id, Unit: "units/" + unit, Indicator: "indicators/" + indicator,
			Period: "periods/" + period, State: state, EvidenceEvent: "0198f0c2-7d1e-7abc-8000-000000000001/1",
		}, &awardpb.NominationOpened{})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// knows puts the copy of a unit that the follower would have put.
func (d *desk) knows(t *testing.T, unit string) {
	t.Helper()
	ctx := access.WithMethod(access.With(t.Context(), access.Service(award.Name)), "follow/registry")
	_, err := store.Update(ctx, d.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, records.Units.Put(tx, &registrypb.Unit{Name: "units/" + unit})
	})
	if err != nil {
		t.Fatal(err)
	}
}

const (
	isOpen    = awardpb.NominationState_NOMINATION_STATE_OPEN
	isFlagged = awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN
)

// list answers the ids of the nominations that a request lists, over all pages of two.
func (d *desk) list(t *testing.T, req *awardpb.ListNominationsRequest) []string {
	t.Helper()
	var ids []string
	req = proto.CloneOf(req)
	req.PageSize = 2
	for {
		page, err := d.ListNominations(t.Context(), req)
		if err != nil {
			t.Fatalf("list %v: %v", req, err)
		}
		for _, n := range page.GetNominations() {
			ids = append(ids, n.GetName()[len("nominations/"):])
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
	}
}

func TestGetNomination(t *testing.T) {
	d := open(t)
	want := d.nominate(t, "a", "tay-ho", "party", "2020", isOpen)
	got, err := d.GetNomination(t.Context(), &awardpb.GetNominationRequest{Name: want.GetName()})
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("got %v (-want +got):\n%s", err, diff)
	}
}

func TestListNominations(t *testing.T) {
	d := open(t)
	d.knows(t, "tay-ho")
	d.nominate(t, "a", "tay-ho", "party", "2020", isOpen)
	d.nominate(t, "b", "tay-ho", "union", "2020", isFlagged)
	d.nominate(t, "c", "tay-ho", "party", "2021", isOpen)
	d.nominate(t, "d", "ba-vi", "party", "2020", isOpen)
	tests := []struct {
		name string
		req  *awardpb.ListNominationsRequest
		want []string
	}{
		{"all", &awardpb.ListNominationsRequest{}, []string{"a", "b", "c", "d"}},
		{"of a unit", &awardpb.ListNominationsRequest{Unit: "units/tay-ho"}, []string{"a", "b", "c"}},
		{"of a period", &awardpb.ListNominationsRequest{Period: "periods/2020"}, []string{"a", "b", "d"}},
		{"of an indicator", &awardpb.ListNominationsRequest{Indicator: "indicators/party"}, []string{"a", "c", "d"}},
		{"open", &awardpb.ListNominationsRequest{State: isOpen}, []string{"a", "c", "d"}},
		{"flagged", &awardpb.ListNominationsRequest{State: isFlagged}, []string{"b"}},
		{"of a unit in a period", &awardpb.ListNominationsRequest{Unit: "units/tay-ho", Period: "periods/2020"}, []string{"a", "b"}},
		{"of all four", &awardpb.ListNominationsRequest{
			Unit: "units/tay-ho", Period: "periods/2020", Indicator: "indicators/party", State: isOpen,
		}, []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, d.list(t, tt.req)); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListNominationsOfAnUnknownUnit(t *testing.T) {
	d := open(t)
	d.knows(t, "tay-ho")
	if _, err := d.ListNominations(t.Context(), &awardpb.ListNominationsRequest{Unit: "units/tay-ho"}); err != nil {
		t.Errorf("a unit without nominations: %v", err)
	}
	_, err := d.ListNominations(t.Context(), &awardpb.ListNominationsRequest{Unit: "units/tay"})
	if f := fault.From(fault.FromStatus(status.Convert(err))); f.Kind != fault.KindNotFound || f.Field != "unit" {
		t.Errorf("an unknown unit: %v", err)
	}
}

func TestListNominationHistory(t *testing.T) {
	d := open(t)
	n := d.nominate(t, "a", "tay-ho", "party", "2020", isOpen)
	h, err := d.ListNominationHistory(t.Context(), &awardpb.ListNominationHistoryRequest{Name: n.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if len(h.GetRevisions()) != 1 || h.GetRevisions()[0].GetEtag() != n.GetEtag() || h.GetRevisions()[0].GetPrincipal() != "services/award" {
		t.Errorf("history %v", h)
	}
}

func TestRequestsThatMayNotBe(t *testing.T) {
	d := open(t)
	tests := []struct {
		name   string
		call   func(context.Context) error
		kind   fault.Kind
		reason faultpb.Reason
		field  string
	}{
		{
			"get of nothing", func(ctx context.Context) error {
				_, err := d.GetNomination(ctx, &awardpb.GetNominationRequest{Name: "nominations/nowhere"})
				return err
			}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		}, {
			"history of nothing", func(ctx context.Context) error {
				_, err := d.ListNominationHistory(ctx, &awardpb.ListNominationHistoryRequest{Name: "nominations/nowhere"})
				return err
			}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name",
		}, {
			"no name", func(ctx context.Context) error {
				_, err := d.GetNomination(ctx, &awardpb.GetNominationRequest{Name: "targets/a"})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT, "name",
		}, {
			"a page of another list", func(ctx context.Context) error {
				_, err := d.ListNominations(ctx, &awardpb.ListNominationsRequest{PageToken: "AQ"})
				return err
			}, fault.KindInvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refusal := fault.From(fault.FromStatus(status.Convert(tt.call(t.Context()))))
			if refusal == nil {
				t.Fatalf("accepted, want %s", tt.reason)
			}
			if refusal.Kind != tt.kind || refusal.Reason != tt.reason || refusal.Field != tt.field {
				t.Errorf("refused with %s %s at %q, want %s %s at %q", refusal.Kind, refusal.Reason, refusal.Field, tt.kind, tt.reason, tt.field)
			}
		})
	}
}
