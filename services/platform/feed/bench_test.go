package feed

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

const patienceOfTests = 30 * time.Second

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	within(t, patienceOfTests, what, ok)
}

// within polls until ok, for a time of the caller's.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// logTo writes what the feed tells an operator into the test's log.
func logTo(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func asLocal(t *testing.T) context.Context {
	t.Helper()
	return access.With(t.Context(), access.Principal{Name: "principals/lan"})
}

// source is a registry with units.
type source struct {
	*store.Store
	t     *testing.T
	dir   string
	units *store.Table[*registrypb.Unit]
	// made is how many units there are.
	made int
}

func newSource(t *testing.T) *source {
	t.Helper()
	return openSource(t, t.TempDir())
}

// openSource opens the registry in a folder.
func openSource(t *testing.T, dir string) *source {
	t.Helper()
	so := &source{t: t, dir: dir, units: store.NewTable("units", (*registrypb.Unit).GetName)}
	so.open()
	t.Cleanup(so.close)
	so.made = len(so.all())
	return so
}

func (so *source) open() {
	so.t.Helper()
	s, err := store.Open(store.Options{
		Dir: so.dir, Service: "registry", Schema: store.NewSchema(so.units), Logger: logTo(so.t), MapSize: 64 << 20,
	})
	if err != nil {
		so.t.Fatal(err)
	}
	so.Store = s
}

func (so *source) close() {
	if err := so.Close(); err != nil {
		so.t.Error(err)
	}
}

func unitName(i int) string { return fmt.Sprintf("units/u%d", i) }

// create makes n units in one command: n events in one entry.
func (so *source) create(n int) {
	so.t.Helper()
	first := so.made
	_, err := store.Update(asLocal(so.t), so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		var u *registrypb.Unit
		var err error
		for i := range n {
			u = &registrypb.Unit{Name: unitName(first + i), DisplayName: "Đơn vị", Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
			if u, err = so.units.Create(tx, u, &registrypb.UnitCreated{}); err != nil {
				return nil, err
			}
		}
		return u, nil
	})
	if err != nil {
		so.t.Fatal(err)
	}
	so.made += n
}

// createEach makes n units in n commands.
func (so *source) createEach(n int) {
	so.t.Helper()
	for range n {
		so.create(1)
	}
}

// rename changes a unit: one event of another type.
func (so *source) rename(i int, to string) {
	so.t.Helper()
	_, err := store.Update(asLocal(so.t), so.Store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		u, err := so.units.Get(tx, unitName(i))
		if err != nil {
			return nil, err
		}
		u.DisplayName = to
		return so.units.Put(tx, u, &registrypb.UnitUpdated{})
	})
	if err != nil {
		so.t.Fatal(err)
	}
}

func (so *source) all() []*registrypb.Unit { return records(so.t, so.Store, so.units.All) }

func records[T proto.Message](t *testing.T, s *store.Store, all func(store.Reader) func(func(T, error) bool)) []T {
	t.Helper()
	out, err := store.View(asLocal(t), s, func(tx *store.ReadTx) ([]T, error) {
		var out []T
		for rec, err := range all(tx) {
			if err != nil {
				return nil, err
			}
			out = append(out, rec)
		}
		return out, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sink is a planning that follows the registry: its copies of the units, and for each event how often it took effect.
type sink struct {
	*store.Store
	t       *testing.T
	dir     string
	units   *store.Copy[*registrypb.Unit]
	effects *store.Copy[*registrypb.Enterprise]
}

func newSink(t *testing.T) *sink {
	t.Helper()
	si := &sink{
		t: t, dir: t.TempDir(), units: store.NewCopy("units", (*registrypb.Unit).GetName),
		effects: store.NewCopy("effects", (*registrypb.Enterprise).GetName),
	}
	si.open()
	t.Cleanup(si.close)
	return si
}

func (si *sink) open() {
	si.t.Helper()
	s, err := store.Open(store.Options{
		Dir: si.dir, Service: "planning", Schema: store.NewSchema(si.units, si.effects), Sources: []string{"registry"},
		Logger: logTo(si.t), MapSize: 64 << 20,
	})
	if err != nil {
		si.t.Fatal(err)
	}
	si.Store = s
}

func (si *sink) close() {
	if err := si.Close(); err != nil {
		si.t.Error(err)
	}
}

// noteEffect counts an effect. It refuses one that comes before the effect of the event before it.
func (si *sink) noteEffect(tx *store.Tx, at Envelope) error {
	if at.Number > 1 {
		if _, err := si.effects.Get(tx, effectName(at.Number-1)); err != nil {
			return err
		}
	}
	e, known, err := si.effects.Find(tx, effectName(at.Number))
	if err != nil {
		return err
	}
	if !known {
		e = &registrypb.Enterprise{Name: effectName(at.Number)}
	}
	e.Revision++
	return si.effects.Put(tx, e)
}

func effectName(number uint64) string { return fmt.Sprintf("effects/%09d", number) }

func (si *sink) take(tx *store.Tx, u *registrypb.Unit, at Envelope) error {
	if err := si.noteEffect(tx, at); err != nil {
		return err
	}
	cur, _, err := si.units.Find(tx, u.GetName())
	if err != nil || !Newer(cur, u) {
		return err
	}
	return si.units.Put(tx, u)
}

func (si *sink) follower() Follower {
	return Follower{Source: "registry", Handlers: []Handler{
		On(func(tx *store.Tx, e *registrypb.UnitCreated, at Envelope) error { return si.take(tx, e.GetUnit(), at) }),
		On(func(tx *store.Tx, e *registrypb.UnitUpdated, at Envelope) error { return si.take(tx, e.GetUnit(), at) }),
	}}
}

func (si *sink) sequence() uint64 {
	si.t.Helper()
	c, err := si.Cursor(si.t.Context(), "registry")
	if err != nil {
		si.t.Fatal(err)
	}
	return c.GetSequence()
}

// mustEqual waits until the sink has come as far as the source, then compares: the same units, each event once.
func (si *sink) mustEqual(so *source) {
	si.t.Helper()
	events := so.Head().GetEvents()
	eventually(si.t, fmt.Sprintf("the follower takes %d events", events), func() bool { return si.sequence() == events })
	if diff := cmp.Diff(so.all(), records(si.t, si.Store, si.units.All), protocmp.Transform()); diff != "" {
		si.t.Errorf("units (-registry +planning):\n%s", diff)
	}
	effects := records(si.t, si.Store, si.effects.All)
	if uint64(len(effects)) != events {
		si.t.Errorf("%d events took effect, want %d", len(effects), events)
	}
	for _, e := range effects {
		if e.GetRevision() != 1 {
			si.t.Errorf("%s took effect %d times", e.GetName(), e.GetRevision())
		}
	}
}

// task is a Relay or Follow that runs.
type task struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func start(t *testing.T, run func(ctx context.Context) error) *task {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	k := &task{t: t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(k.done)
		k.err = run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-k.done })
	return k
}

// stop ends it and demands that it says nothing.
func (k *task) stop() {
	k.t.Helper()
	k.cancel()
	<-k.done
	if k.err != nil {
		k.t.Errorf("it ended with %v", k.err)
	}
}

// failed waits until it ends by itself and answers why.
func (k *task) failed() error {
	k.t.Helper()
	eventually(k.t, "it stops by itself", func() bool {
		select {
		case <-k.done:
			return true
		default:
			return false
		}
	})
	if k.err == nil {
		k.t.Fatal("it ended without an error")
	}
	return k.err
}

func (so *source) relay(js jetstream.JetStream) *task {
	return start(so.t, func(ctx context.Context) error { return Relay(ctx, so.Store, js, logTo(so.t)) })
}

func (si *sink) follow(js jetstream.JetStream, f Follower) *task {
	return start(si.t, func(ctx context.Context) error { return Follow(ctx, si.Store, js, f, logTo(si.t)) })
}

// lastSequence is the end of the registry's stream; 0 if there is none or NATS is away.
func lastSequence(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, StreamName("registry"))
	if err != nil {
		return 0
	}
	return stream.CachedInfo().State.LastSeq
}

// mustBeJournal waits until the stream is as long as the journal, then compares every message: INV-FEED-IN-PLACE.
func (so *source) mustBeJournal(js jetstream.JetStream) {
	so.t.Helper()
	want := so.Head().GetEvents()
	events, err := so.Events(so.t.Context(), 1, int(want))
	if err != nil {
		so.t.Fatal(err)
	}
	eventually(so.t, fmt.Sprintf("the stream holds %d messages, all readable", want), func() bool {
		return lastSequence(so.t, js) == want && so.isJournal(js, events)
	})
}

// isJournal compares the stream with events; false if one of them cannot be read there now, as in a stream that is filled
// anew.
func (so *source) isJournal(js jetstream.JetStream, events []store.Event) bool {
	so.t.Helper()
	ctx, cancel := context.WithTimeout(so.t.Context(), patienceOfTests)
	defer cancel()
	stream, err := js.Stream(ctx, StreamName("registry"))
	if err != nil {
		return false
	}
	for _, e := range events {
		m, err := stream.GetMsg(ctx, e.Number)
		if err != nil {
			return false
		}
		if err := sameEvent(m.Header, e); err != nil {
			so.t.Fatal(err)
		}
		if !slices.Equal(m.Data, e.Data) || m.Header.Get(headerType) != e.Type {
			so.t.Fatalf("message %d has the body of another event", e.Number)
		}
	}
	return true
}

// connections gives a test its server and a connection each for relay and follower.
func connections(t *testing.T) (srv *feedtest.Server, relays, follows jetstream.JetStream) {
	t.Helper()
	srv = feedtest.NATS(t)
	relays, follows = srv.JetStream(), srv.JetStream()
	return srv, relays, follows
}

// counter counts what closures do; they may run on another goroutine.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}
