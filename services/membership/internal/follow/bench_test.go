package follow_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership"
	"coso/services/platform/access"
	"coso/services/platform/feed"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

// patience is how long anything may take.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// registry announces what a test says, through a journal and a relay of its own.
type registry struct {
	t     *testing.T
	store *store.Store
}

func newRegistry(t *testing.T, js jetstream.JetStream) *registry {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), Service: "registry", Schema: store.NewSchema(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, func(ctx context.Context) error { return feed.Relay(ctx, s, js, quiet) }, s.Close)
	return &registry{t, s}
}

// says announces events in one entry and answers its position.
func (r *registry) says(events ...proto.Message) []store.Position {
	r.t.Helper()
	ctx, recorder := store.Record(access.With(r.t.Context(), access.Service("registry")))
	_, err := store.Update(ctx, r.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		for _, e := range events {
			if err := tx.Emit(e, "units/any"); err != nil {
				return nil, err
			}
		}
		return &registrypb.Unit{}, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return recorder.Positions()
}

// office is membership at work, relay and follower running.
type office struct {
	*run.Service
	t      *testing.T
	issuer *tokentest.Own
}

func newOffice(t *testing.T, js jetstream.JetStream) *office {
	t.Helper()
	issuer := tokentest.Issuer(t)
	s, err := membership.New(run.Options{Dir: t.TempDir(), Clock: morning, Logger: quiet, Tokens: issuer.Verifier()})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, func(ctx context.Context) error { return s.Part(js, nil).Run(ctx, func() {}) })
	return &office{s, t, issuer}
}

func morning() time.Time { return time.Date(2020, 11, 30, 2, 0, 0, 0, time.UTC) }

// hears waits until membership has reached what was announced.
func (o *office) hears(positions []store.Position) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	err := o.Store().Await(ctx, positions)
	for err != nil && ctx.Err() == nil {
		err = o.Store().Await(ctx, positions)
	}
	if err != nil {
		o.t.Fatalf("membership did not hear of %v: %v", positions, err)
	}
}

// runs runs a loop until the test ends, and then calls after.
func runs(t *testing.T, loop func(context.Context) error, after ...func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- loop(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, f := range after {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
	})
}
