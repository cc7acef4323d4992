package readings_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/readings"
	"coso/services/platform/rpc"
	"coso/services/platform/scope"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"

	"google.golang.org/grpc/status"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// house is a service whose readings are asked for, behind the whole chain.
type house struct {
	*testing.T
	book *readings.Book
	own  *tokentest.Own
	conn grpc.ClientConnInterface
}

// newHouse has the units city, a and b in it, and a1 in a; auditors of the whole and of a, and a viewer.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, own: tokentest.Issuer(t)}
	dir, logger := t.TempDir(), slog.New(slog.DiscardHandler)
	stamp := store.NewWholeStamp[*registrypb.Unit]("units-stamp")
	byPrincipal, held := scope.NewByPrincipal(), scope.NewGrantsStamp()
	units, grants := store.NewCopy("units", (*registrypb.Unit).GetName, stamp), store.NewCopy("grants", (*registrypb.Grant).GetName, byPrincipal, held)
	s, err := store.Open(store.Options{
		Dir: dir, Service: "membership", Schema: store.NewSchema(units, grants), Logger: logger, MapSize: 16 << 20,
		Authority: scope.NewBook(units, stamp, grants, byPrincipal, held),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.book = readings.Open(readings.Options{Dir: dir, Service: "membership", Logger: logger})
	server := rpc.New(rpc.Options{Service: "membership", Store: s, Logger: logger, Tokens: h.own.Verifier(), Readings: h.book})
	readingpb.RegisterReadingServiceServer(server, readings.NewServer("membership", s, h.book))
	h.conn = server.Conn()
	t.Cleanup(func() {
		server.Stop(context.WithoutCancel(t.Context()))
		if err := h.book.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := access.WithMethod(access.With(t.Context(), access.Service("membership")), "follow/registry")
	if _, err := store.Update(ctx, s, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		for unit, parent := range map[string]string{"city": "", "a": "units/city", "b": "units/city", "a1": "units/a"} {
			if err := units.Put(tx, &registrypb.Unit{
				Name: "units/" + unit, ValidFrom: "2000-01-01", Revision: 1, Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "2000-01-01"}},
			}); err != nil {
				return nil, err
			}
		}
		return &emptypb.Empty{}, nil
	}); err != nil {
		t.Fatal(err)
	}
	scopetest.Give(t, s, grants,
		scopetest.Grant("mai", accesspb.Role_ROLE_AUDITOR, ""), scopetest.Grant("an", accesspb.Role_ROLE_AUDITOR, "units/a"),
		scopetest.Grant("lan", accesspb.Role_ROLE_VIEWER, ""))
	return h
}

func (h *house) list(by string, req *readingpb.ListReadingsRequest) (*readingpb.ListReadingsResponse, error) {
	if req.GetParent() == "" {
		req.Parent = "services/membership"
	}
	return readingpb.NewReadingServiceClient(h.own.As(by, h.conn)).ListReadings(h.Context(), req)
}

// of are the resources that somebody may see the readings of, the first first; the readings of readings aside.
func (h *house) of(by string, req *readingpb.ListReadingsRequest) []string {
	h.Helper()
	out := []string{}
	for {
		answer, err := h.list(by, req)
		if err != nil {
			h.Fatal(err)
		}
		for _, r := range answer.GetReadings() {
			if r.GetMethod() == "test" {
				out = append(out, r.GetResources()[0])
			}
		}
		if req.PageToken = answer.GetNextPageToken(); req.GetPageToken() == "" {
			slices.Reverse(out)
			return out
		}
	}
}

// An auditor sees the readings of data in the units of his grant, one without a unit all; others see none.
func TestAuditorsSeeTheirUnits(t *testing.T) {
	h := newHouse(t)
	for _, r := range []*readingpb.Reading{
		{Resources: []string{"persons/1"}, Unit: "units/a"},
		{Resources: []string{"persons/2"}, Unit: "units/b"},
		{Resources: []string{"persons/3"}, Unit: "units/a1"},
		{Resources: []string{"persons/4"}},
	} {
		r.Method, r.Principal = "test", "principals/hoa"
		if err := h.book.Keep(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		by   string
		req  *readingpb.ListReadingsRequest
		want []string
	}{
		"everywhere":           {"mai", &readingpb.ListReadingsRequest{}, []string{"persons/1", "persons/2", "persons/3", "persons/4"}},
		"page by page":         {"mai", &readingpb.ListReadingsRequest{PageSize: 1, Principal: "principals/hoa"}, []string{"persons/1", "persons/2", "persons/3", "persons/4"}},
		"in his units":         {"an", &readingpb.ListReadingsRequest{}, []string{"persons/1", "persons/3"}},
		"in one of them":       {"an", &readingpb.ListReadingsRequest{Unit: "units/a1"}, []string{"persons/3"}},
		"of somebody":          {"mai", &readingpb.ListReadingsRequest{Resource: "persons/2"}, []string{"persons/2"}},
		"of somebody not his":  {"an", &readingpb.ListReadingsRequest{Resource: "persons/2"}, []string{}},
		"by nobody":            {"mai", &readingpb.ListReadingsRequest{Principal: "principals/tuan"}, []string{}},
		"from a moment behind": {"mai", &readingpb.ListReadingsRequest{StartTime: &timestamppb.Timestamp{Seconds: 1 << 33}}, []string{}},
		"before them all":      {"mai", &readingpb.ListReadingsRequest{EndTime: &timestamppb.Timestamp{Seconds: 1}}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := h.of(c.by, c.req); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		by     string
		req    *readingpb.ListReadingsRequest
		kind   fault.Kind
		reason faultpb.Reason
	}{
		"a viewer":           {"lan", &readingpb.ListReadingsRequest{}, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		"nobody":             {"tuan", &readingpb.ListReadingsRequest{}, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED},
		"of another unit":    {"an", &readingpb.ListReadingsRequest{Unit: "units/b"}, fault.KindPermissionDenied, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT},
		"of another service": {"mai", &readingpb.ListReadingsRequest{Parent: "services/registry"}, fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
		"of no service":      {"mai", &readingpb.ListReadingsRequest{Parent: "membership"}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT},
		"a made-up token":    {"mai", &readingpb.ListReadingsRequest{PageToken: "AYJ2"}, fault.KindInvalidArgument, faultpb.Reason_REASON_PAGE_TOKEN_INVALID},
	} {
		_, err := h.list(c.by, c.req)
		if got := fault.FromStatus(status.Convert(err)); err == nil || fault.KindOf(got) != c.kind || fault.ReasonOf(got) != c.reason {
			t.Errorf("%s: %v", name, err)
		}
	}
	first, err := h.list("mai", &readingpb.ListReadingsRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.list("an", &readingpb.ListReadingsRequest{PageSize: 1, PageToken: first.GetNextPageToken()}); err == nil {
		t.Error("a page token of somebody else's")
	}
}

// Whoever reads who has read is recorded himself: with his question, for the unit that he asked about.
func TestReadingTheReadingsIsOne(t *testing.T) {
	h := newHouse(t)
	if err := h.book.Keep(t.Context(), &readingpb.Reading{Method: "test", Principal: "principals/hoa", Resources: []string{"persons/1"}, Unit: "units/a"}); err != nil {
		t.Fatal(err)
	}
	if got := h.of("an", &readingpb.ListReadingsRequest{Unit: "units/a", PageSize: 7}); len(got) != 1 {
		t.Fatal(got)
	}
	answer, err := h.list("mai", &readingpb.ListReadingsRequest{})
	if err != nil || len(answer.GetReadings()) != 2 {
		t.Fatalf("%v, %v", answer, err)
	}
	r := answer.GetReadings()[0]
	if r.GetPrincipal() != "principals/an" || r.GetMethod() != readingpb.ReadingService_ListReadings_FullMethodName || r.GetUnit() != "units/a" ||
		r.GetShownCount() != 1 || !slices.Equal(r.GetResources(), []string{"services/membership"}) ||
		r.GetRequest() != `{"parent":"services/membership","unit":"units/a"}` {
		t.Errorf("%v", r)
	}
	if answer, err = h.list("mai", &readingpb.ListReadingsRequest{Principal: "principals/nobody"}); err != nil || len(answer.GetReadings()) != 0 {
		t.Fatalf("%v, %v", answer, err)
	}
	if got := h.of("mai", &readingpb.ListReadingsRequest{Principal: "principals/mai"}); len(got) != 0 {
		t.Error(got)
	}
}
