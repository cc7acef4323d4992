package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/scope"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token"
	"coso/services/platform/token/tokentest"
	"coso/services/platform/watch"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a registry and a membership that a test lets speak, and a hub before them on a real server.
type house struct {
	*testing.T

	registry, membership *speaker
	hub                  *stream.Hub
	beat                 chan time.Time
	base                 string
	server               *http.Server
	// who is who listens: at first an auditor, who sees everything.
	who    atomic.Pointer[caller.Caller]
	issuer *tokentest.Own
}

// speaker is a service; its line can be cut.
type speaker struct {
	*testing.T
	grpc.ClientConnInterface

	store   *store.Store
	units   *store.Table[*registrypb.Unit]
	cells   *store.Table[*registrypb.Organisation]
	intakes *store.Table[*membershippb.Intake]
	cut     atomic.Bool
	hang    atomic.Pointer[context.CancelFunc]
}

// NewStream fails while the line is cut, and what runs then ends.
func (s *speaker) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if s.cut.Load() {
		return nil, fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	s.hang.Store(&cancel)
	return s.ClientConnInterface.NewStream(ctx, desc, method, options...)
}

// away cuts the line, also under way.
func (s *speaker) away() {
	s.cut.Store(true)
	if hang := s.hang.Load(); hang != nil {
		(*hang)()
	}
}

func newHouse(t *testing.T, change func(*stream.Options)) *house {
	t.Helper()
	h := &house{T: t, issuer: tokentest.Issuer(t), beat: make(chan time.Time)}
	h.registry, h.membership = newSpeaker(t, "registry", h.issuer), newSpeaker(t, "membership", h.issuer)
	h.who.Store(h.listener(time.Hour))
	o := stream.Options{
		Sources: []stream.Source{{Name: "registry", Conn: h.registry}, {Name: "membership", Conn: h.membership}},
		Beat:    func() (<-chan time.Time, func()) { return h.beat, func() {} },
	}
	if change != nil {
		change(&o)
	}
	h.hub = stream.New(o)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.base = "http://" + listener.Addr().String() + stream.Path
	// The limits of the whole request are shorter than any stream of these tests may be cut by.
	h.server = &http.Server{
		Handler: exchange.Handler(slog.New(slog.DiscardHandler), false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.hub.ServeHTTP(w, r.WithContext(caller.With(r.Context(), h.who.Load())))
		})),
		ReadTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if tcp, ok := c.(*net.TCPConn); ok {
				if err := tcp.SetWriteBuffer(4 << 10); err != nil {
					t.Error(err)
				}
			}
			return ctx
		},
	}
	h.server.RegisterOnShutdown(h.hub.Drain)
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(listener) }()
	t.Cleanup(func() {
		h.hub.Drain()
		if err := h.server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return h
}

// listener is somebody who may see everything, and has proved it for a while.
func (h *house) listener(left time.Duration) *caller.Caller {
	return &caller.Caller{Claims: token.Claims{Principal: "principals/lan", Expires: time.Now().Add(left)}, Token: h.issuer.Token("lan")}
}

func newSpeaker(t *testing.T, name string, issuer *tokentest.Own) *speaker {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	sp := &speaker{T: t}
	stamp, byPrincipal, grantsStamp := store.NewWholeStamp[*registrypb.Unit]("units-stamp"), scope.NewByPrincipal(), scope.NewGrantsStamp()
	sp.units = store.NewTable("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), stamp)
	sp.cells = store.NewTable("organisations", (*registrypb.Organisation).GetName, store.In((*registrypb.Organisation).GetUnit))
	sp.intakes = store.NewTable("intakes", (*membershippb.Intake).GetName, store.In((*membershippb.Intake).GetUnit))
	grants := store.NewCopy("grants", (*registrypb.Grant).GetName, byPrincipal, grantsStamp)
	s, err := store.Open(store.Options{
		Dir: t.TempDir(), Service: name, Schema: store.NewSchema(sp.units, sp.cells, sp.intakes, grants), Logger: logger, MapSize: 16 << 20,
		Authority: scope.NewBook(sp.units, stamp, grants, byPrincipal, grantsStamp),
	})
	if err != nil {
		t.Fatal(err)
	}
	scopetest.Give(t, s, grants, scopetest.Grant("lan", accesspb.Role_ROLE_AUDITOR, ""))
	server := rpc.New(rpc.Options{Service: name, Store: s, Logger: logger, Tokens: issuer.Verifier()})
	feedpb.RegisterEventServiceServer(server, watch.New(name, s))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		server.Stop(ctx)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	sp.ClientConnInterface, sp.store = server.Conn(), s
	return sp
}

// record is a record that a service keeps, and says that it does.
type record interface {
	proto.Message
	GetName() string
}

func says[T record](s *speaker, table *store.Table[T], rec T, event proto.Message) {
	s.Helper()
	ctx := access.WithMethod(access.With(s.Context(), access.Service("test")), "/test")
	_, err := store.Update(ctx, s.store, nil, func(tx *store.Tx) (T, error) {
		return table.Create(tx, proto.CloneOf(rec), proto.Clone(event))
	})
	if err != nil {
		s.Error(err)
	}
}

func (h *house) createUnit(id string) {
	h.Helper()
	says(h.registry, h.registry.units, &registrypb.Unit{
		Name: "units/" + id, DisplayName: "Quận ủy " + id, Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28",
	}, &registrypb.UnitCreated{})
}

// createLarge records a unit that has hung under many others: an event of some 20 KiB.
func (h *house) createLarge(id string) {
	h.Helper()
	u := &registrypb.Unit{Name: "units/" + id, DisplayName: "Quận ủy " + id, Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28"}
	for i := range 100 {
		u.Placements = append(u.Placements, &registrypb.Placement{
			Tree: "party", Parent: fmt.Sprintf("units/%s-%02d", strings.Repeat("x", 50), i), FromDate: fmt.Sprintf("20%02d-01-01", i),
		})
	}
	says(h.registry, h.registry.units, u, &registrypb.UnitCreated{})
}

func (h *house) found(id, unit string) {
	h.Helper()
	says(h.registry, h.registry.cells, &registrypb.Organisation{
		Name: "organisations/" + id, DisplayName: id, Unit: unit, FoundedOn: "2020-06-01", Enterprise: "enterprises/e",
		Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE,
	}, &registrypb.OrganisationFounded{})
}

// report is of unit a.
func (h *house) report(id string) {
	h.Helper()
	says(h.membership, h.membership.intakes, &membershippb.Intake{
		Name: "intakes/" + id, Unit: "units/a", Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER, AdmittedOn: "2020-06-01", MemberCount: 1,
	}, &membershippb.IntakeReported{})
}

// message is one server-sent event as a browser reads it.
type message struct {
	kind, id string
	data     string
	event    struct {
		SpecVersion, ID, Source, Type, Time, Subject, DataContentType string
		Data                                                          map[string]any
	}
}

// listening is a client.
type listening struct {
	h      *house
	body   io.ReadCloser
	reader *bufio.Reader
	// id is the last one that it was told.
	id string
}

// open asks for a stream. Where it is refused it answers the status and the refusal instead.
func (h *house) open(query, lastID string) (l *listening, code int, refusal []byte) {
	h.Helper()
	req, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.base+query, http.NoBody)
	if err != nil {
		h.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = res.Body.Close() })
	if res.Header.Get("X-Request-Id") == "" {
		h.Error("no X-Request-Id")
	}
	if res.StatusCode == http.StatusOK && res.Header.Get("Content-Type") == "text/event-stream" {
		return &listening{h: h, body: res.Body, reader: bufio.NewReader(res.Body), id: lastID}, res.StatusCode, nil
	}
	if refusal, err = io.ReadAll(res.Body); err != nil {
		h.Fatal(err)
	}
	return nil, res.StatusCode, refusal
}

func (h *house) listen(query, lastID string) *listening {
	h.Helper()
	l, code, refusal := h.open(query, lastID)
	if l == nil {
		h.Fatalf("%d: %s", code, refusal)
	}
	return l
}

// block reads up to the next empty line; nil at the end. As in a browser, an id counts when its block is complete.
func (l *listening) block() []string {
	var lines []string
	place := l.id
	for {
		line, err := l.reader.ReadString('\n')
		if err != nil {
			return nil
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			l.id = place
			return lines
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			place = id
		}
		lines = append(lines, line)
	}
}

// next is the next event; false at the end of the stream.
func (l *listening) next() (message, bool) {
	l.h.Helper()
	for {
		lines := l.block()
		if lines == nil {
			return message{}, false
		}
		m := message{kind: "message"}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "event":
				m.kind = value
			case "data":
				m.data = value
			}
		}
		if m.data == "" {
			continue
		}
		m.id = l.id
		if m.kind == "message" {
			if err := json.Unmarshal([]byte(m.data), &m.event); err != nil {
				l.h.Fatalf("%v: %s", err, m.data)
			}
		}
		return m, true
	}
}

// subjects are those of the next n events.
func (l *listening) subjects(n int) []string {
	l.h.Helper()
	var out []string
	for len(out) < n {
		m, ok := l.next()
		if !ok || m.kind != "message" {
			l.h.Fatalf("the stream ended after %v: %s", out, m.data)
		}
		out = append(out, m.event.Subject)
	}
	return out
}

func (l *listening) hangUp() { _ = l.body.Close() }
