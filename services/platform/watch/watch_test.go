package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/scope"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
	"coso/services/platform/watch"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	founded = "coso.registry.v1.OrganisationFounded"
	created = "coso.registry.v1.UnitCreated"
)

// house is a service that speaks, behind the whole chain.
type house struct {
	*testing.T

	store  *store.Store
	server *rpc.Server
	units  *store.Table[*registrypb.Unit]
	cells  *store.Table[*registrypb.Organisation]
	grants *store.Table[*registrypb.Grant]
	// own signs the tokens by which listeners prove who they are; one without is another service, award.
	own     *tokentest.Own
	network *rpctest.Network
	feedpb.EventServiceClient
}

// everyWay runs a test in memory and over TCP.
func everyWay(t *testing.T, test func(h *house)) {
	t.Helper()
	for _, way := range []string{"memory", "tcp"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			conn := h.server.ConnOf(access.Service("award"))
			if way == "tcp" {
				conn = h.network.Dial(h.network.Serve(h.server), "registry", "award")
			}
			h.EventServiceClient = feedpb.NewEventServiceClient(conn)
			test(h)
		})
	}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	stamp := store.NewWholeStamp[*registrypb.Unit]("units-stamp")
	byPrincipal, grantsStamp := scope.NewByPrincipal(), scope.NewGrantsStamp()
	h := &house{
		T: t, own: tokentest.Issuer(t), network: rpctest.NewNetwork(t),
		units:  store.NewTable("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), stamp),
		cells:  store.NewTable("organisations", (*registrypb.Organisation).GetName, store.In((*registrypb.Organisation).GetUnit)),
		grants: store.NewTable("grants", (*registrypb.Grant).GetName, store.In((*registrypb.Grant).GetUnit), byPrincipal, grantsStamp),
	}
	logger := slog.New(slog.DiscardHandler)
	var err error
	h.store, err = store.Open(store.Options{
		Dir: t.TempDir(), Service: "registry", Schema: store.NewSchema(h.units, h.cells, h.grants), Logger: logger, MapSize: 16 << 20,
		Authority: scope.NewBook(h.units, stamp, h.grants, byPrincipal, grantsStamp),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.server = rpc.New(rpc.Options{Service: "registry", Store: h.store, Logger: logger, Tokens: h.own.Verifier(), TLS: h.network.As("registry")})
	feedpb.RegisterEventServiceServer(h.server, watch.New("registry", h.store))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		h.server.Stop(ctx)
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) acting() context.Context {
	return access.WithMethod(access.With(h.Context(), access.Service("registry")), "/test")
}

// createUnit is event after event; the unit belongs to nobody else.
func (h *house) createUnit(id string) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		return h.units.Create(tx, &registrypb.Unit{
			Name: "units/" + id, DisplayName: id, Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28",
		}, &registrypb.UnitCreated{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) found(id, unit string) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Organisation, error) {
		return h.cells.Create(tx, &registrypb.Organisation{
			Name: "organisations/" + id, DisplayName: id, Unit: unit, FoundedOn: "2020-06-01", Enterprise: "enterprises/e",
			Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE,
		}, &registrypb.OrganisationFounded{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

// listening is a stream under way.
type listening struct {
	h      *house
	stream grpc.ServerStreamingClient[feedpb.WatchEventsResponse]
	hangUp context.CancelFunc
	// last is the place of the last message.
	last *feedpb.WatchEventsResponse
}

func (h *house) watch(req *feedpb.WatchEventsRequest, as ...string) *listening {
	h.Helper()
	ctx, cancel := context.WithCancel(h.Context())
	if len(as) == 1 {
		ctx = tokentest.With(ctx, h.own.Token(as[0]))
	}
	h.Cleanup(cancel)
	s, err := h.WatchEvents(ctx, req)
	if err != nil {
		h.Fatal(err)
	}
	l := &listening{h: h, stream: s, hangUp: cancel}
	if first := l.next(); first.GetEvent() != nil {
		h.Fatalf("the first message is no mark: %v", first)
	}
	return l
}

func (l *listening) next() *feedpb.WatchEventsResponse {
	l.h.Helper()
	m, err := l.stream.Recv()
	if err != nil {
		l.h.Fatal(err)
	}
	l.last = m
	return m
}

// subjects are those of the next n events.
func (l *listening) subjects(n int) []string {
	l.h.Helper()
	var out []string
	for len(out) < n {
		if e := l.next().GetEvent(); e != nil {
			out = append(out, e.GetSubject())
		}
	}
	return out
}

// after is the request that goes on where a stream was.
func (l *listening) after() *feedpb.WatchEventsRequest {
	return &feedpb.WatchEventsRequest{AfterSequence: new(l.last.GetSequence()), Incarnation: l.last.GetIncarnation()}
}

func TestEventsOfTheWholeJournal(t *testing.T) {
	everyWay(t, func(h *house) {
		h.createUnit("a")
		h.found("x", "units/a")
		l := h.watch(&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(0)})
		first := l.next()
		e := first.GetEvent()
		if first.GetSequence() != 1 || first.GetIncarnation() != h.store.Incarnation().String() || e.GetService() != "registry" ||
			e.GetSubject() != "units/a" || !e.GetTime().IsValid() {
			h.Errorf("the first event is %v", first)
		}
		m, err := e.GetData().UnmarshalNew()
		if unit, ok := m.(*registrypb.UnitCreated); err != nil || !ok || unit.GetUnit().GetEtag() == "" {
			h.Errorf("its message is %v, %v", m, err)
		}
		if got := l.subjects(1); got[0] != "organisations/x" {
			h.Errorf("then %v", got)
		}
		h.createUnit("b") // while the stream waits
		if got := l.subjects(1); got[0] != "units/b" || l.last.GetSequence() != 3 {
			h.Errorf("then %v, %d", got, l.last.GetSequence())
		}
	})
}

func TestOnlyWhatIsToCome(t *testing.T) {
	everyWay(t, func(h *house) {
		h.createUnit("a")
		l := h.watch(&feedpb.WatchEventsRequest{})
		if l.last.GetSequence() != 1 {
			h.Errorf("it begins after %d", l.last.GetSequence())
		}
		h.createUnit("b")
		if got := l.subjects(1); got[0] != "units/b" {
			h.Errorf("heard %v", got)
		}
	})
}

// INV-WATCH-COMPLETE: a listener that hangs up and comes back, again and again while events happen, hears each once and in order.
func TestResumeWithoutLossOrRepeat(t *testing.T) {
	everyWay(t, func(h *house) {
		const all = 250
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range all {
				h.createUnit(fmt.Sprintf("u%03d", i))
			}
		}()
		l := h.watch(&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(0)})
		var heard []string
		for i := 1; len(heard) < all; i++ {
			heard = append(heard, l.subjects(min(i%17+1, all-len(heard)))...)
			l.hangUp()
			l = h.watch(l.after())
		}
		<-done
		for i, subject := range heard {
			if subject != fmt.Sprintf("units/u%03d", i) {
				h.Fatalf("event %d is about %s", i+1, subject)
			}
		}
	})
}

func TestFilters(t *testing.T) {
	everyWay(t, func(h *house) {
		h.createUnit("a")
		h.createUnit("b")
		h.found("x", "units/a")
		h.found("y", "units/b")
		for name, c := range map[string]struct {
			req  *feedpb.WatchEventsRequest
			want []string
		}{
			"a type":          {&feedpb.WatchEventsRequest{Types: []string{founded}}, []string{"organisations/x", "organisations/y"}},
			"two types":       {&feedpb.WatchEventsRequest{Types: []string{founded, created}}, []string{"units/a", "units/b", "organisations/x", "organisations/y"}},
			"a unit":          {&feedpb.WatchEventsRequest{Unit: "units/b"}, []string{"units/b", "organisations/y"}},
			"a unit's type":   {&feedpb.WatchEventsRequest{Unit: "units/a", Types: []string{founded}}, []string{"organisations/x"}},
			"nothing of that": {&feedpb.WatchEventsRequest{Unit: "units/c"}, nil},
		} {
			c.req.AfterSequence = proto.Uint64(0)
			l := h.watch(c.req)
			if got := l.subjects(len(c.want)); !slices.Equal(got, c.want) {
				h.Errorf("%s: %v, want %v", name, got, c.want)
			}
			// A mark says how far it has looked, so that nothing is looked at twice.
			for l.last.GetSequence() < 4 {
				if m := l.next(); m.GetEvent() != nil {
					h.Fatalf("%s: %v beside", name, m)
				}
			}
			l.hangUp()
		}
	})
}

// INV-WATCH-SAME-JOURNAL
func TestPlacesThatAreNone(t *testing.T) {
	everyWay(t, func(h *house) {
		h.createUnit("a")
		here, foreign := h.store.Incarnation().String(), "0198f0c2-0000-7000-8000-00000000000a"
		for name, c := range map[string]struct {
			req    *feedpb.WatchEventsRequest
			kind   fault.Kind
			reason faultpb.Reason
		}{
			"another journal":  {&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(1), Incarnation: foreign}, fault.KindFailedPrecondition, faultpb.Reason_REASON_INCARNATION_FOREIGN},
			"its beginning":    {&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(0), Incarnation: foreign}, fault.KindFailedPrecondition, faultpb.Reason_REASON_INCARNATION_FOREIGN},
			"no journal":       {&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(1)}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED},
			"no place":         {&feedpb.WatchEventsRequest{Incarnation: here}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED},
			"beyond the end":   {&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(2), Incarnation: here}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_RANGE},
			"no UUID":          {&feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(1), Incarnation: "x"}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT},
			"no unit's name":   {&feedpb.WatchEventsRequest{Unit: "x"}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_FORMAT},
			"a type of nobody": {&feedpb.WatchEventsRequest{Types: []string{""}}, fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_LENGTH},
		} {
			s, err := h.WatchEvents(h.Context(), c.req)
			if err == nil {
				_, err = s.Recv()
			}
			got := fault.From(fault.FromStatus(status.Convert(err)))
			if err == nil || got.Kind != c.kind || got.Reason != c.reason {
				h.Errorf("%s: %v, want %v", name, err, c.reason)
			}
		}
	})
}

func TestStopEndsListening(t *testing.T) {
	everyWay(t, func(h *house) {
		l := h.watch(&feedpb.WatchEventsRequest{})
		start := time.Now()
		h.server.Stop(h.Context())
		if took := time.Since(start); took > 5*time.Second {
			h.Errorf("the stop took %v", took)
		}
		_, err := l.stream.Recv()
		if got := fault.FromStatus(status.Convert(err)); fault.KindOf(got) != fault.KindUnavailable {
			h.Errorf("the listener hears %v", err)
		}
	})
}
