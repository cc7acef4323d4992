package replica_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/replica"
	"coso/services/platform/streamlog/streamlogtest"
)

// holder is a replica that asks for the lease.
type holder struct {
	holds atomic.Bool
	begun atomic.Int64
	stop  func()
}

func asks(t *testing.T, js jetstream.JetStream, name string, others ...*holder) *holder {
	t.Helper()
	h := &holder{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var run sync.WaitGroup
	run.Go(func() {
		replica.Lease{JetStream: js, Service: "registry", Replica: name, Logger: slog.New(slog.DiscardHandler)}.Hold(ctx, func(ctx context.Context) {
			for _, other := range others {
				if other.holds.Load() {
					t.Errorf("%s holds the lease, and another one does", name)
				}
			}
			h.begun.Add(1)
			h.holds.Store(true)
			<-ctx.Done()
			h.holds.Store(false)
		})
	})
	h.stop = sync.OnceFunc(func() { cancel(); run.Wait() })
	t.Cleanup(h.stop)
	return h
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(streamlogtest.Ready), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// One replica holds the lease, and as long as it renews it no other does. Given back, it is another's at once; left behind, it runs
// out.
func TestOneHoldsTheLease(t *testing.T) { // INV-REPLICA-LEASE
	c := streamlogtest.New(t, 1, nil)
	first := asks(t, c.JetStream(), "r1")
	until(t, "the first holds it", first.holds.Load)
	second := asks(t, c.JetStream(), "r2", first)
	until(t, "it is renewed", renewed(t, c.JetStream(), 3))
	if second.holds.Load() {
		t.Error("two hold it")
	}
	first.stop()
	until(t, "the second holds it", second.holds.Load)
	second.stop()

	bucket, err := c.JetStream().KeyValue(t.Context(), replica.LeaseBucket("registry"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bucket.Create(t.Context(), "holder", []byte("killed")); err != nil {
		t.Fatal(err)
	}
	third := asks(t, c.JetStream(), "r3")
	until(t, "it has run out", third.holds.Load)
}

// renewed reports whether the lease has been renewed so often since.
func renewed(t *testing.T, js jetstream.JetStream, often uint64) func() bool {
	t.Helper()
	bucket, err := js.KeyValue(t.Context(), replica.LeaseBucket("registry"))
	if err != nil {
		t.Fatal(err)
	}
	there, err := bucket.Get(t.Context(), "holder")
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		now, err := bucket.Get(t.Context(), "holder")
		return err == nil && now.Revision() >= there.Revision()+often
	}
}

// A replica whose servers are away stops the work before the lease is another's, and begins again when they are back.
func TestALeaseThatCannotBeRenewed(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	h := asks(t, c.JetStream(), "r1")
	until(t, "it is held", h.holds.Load)
	c.Stop(0)
	until(t, "the work stops", func() bool { return !h.holds.Load() })
	c.Start(0)
	until(t, "the work goes on", func() bool { return h.begun.Load() == 2 })
}

// stuck is a JetStream that gives no answer while it is held up, whatever the patience of who asks.
type stuck struct {
	jetstream.JetStream

	held    atomic.Bool
	release chan struct{}
}

// KeyValue answers as the servers do, once it can.
func (s *stuck) KeyValue(ctx context.Context, bucket string) (jetstream.KeyValue, error) {
	if s.held.Load() {
		<-s.release
	}
	return s.JetStream.KeyValue(ctx, bucket)
}

// The work stops before the lease can be another's, though the question for its renewal has no end.
func TestALeaseThatIsRenewedTooLate(t *testing.T) { // INV-REPLICA-LEASE
	c := streamlogtest.New(t, 1, nil)
	js := &stuck{JetStream: c.JetStream(), release: make(chan struct{})}
	defer close(js.release)
	h := asks(t, js, "r1")
	until(t, "it is held", h.holds.Load)
	js.held.Store(true)
	second := asks(t, c.JetStream(), "r2", h)
	until(t, "the lease has run out", second.holds.Load)
	if h.holds.Load() {
		t.Error("the first works on")
	}
}
