package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// freePort is a port that nobody used a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening on %v", l.Addr())
	}
	return addr.Port
}

// A stranger with nothing but a NATS client reads the change events as CloudEvents, and can do no harm.
func TestAStrangerListens(t *testing.T) {
	port := freePort(t)
	s := startWith(t, t.TempDir(), port)
	a := s.call(t, "POST", "/v1/units?unitId=ha-noi",
		`{"displayName":"Thành ủy Hà Nội","level":"CENTRAL_CITY_COMMITTEE","validFrom":"2008-08-01","placements":[{"tree":"party","fromDate":"2008-08-01"}]}`)
	if a.code != 200 {
		t.Fatal(a.raw)
	}
	var refused error
	conn, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		refused = errors.Join(refused, err)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	msg := eventOf(ctx, t, js, "coso.registry.unit.created")
	unit := &registrypb.UnitCreated{}
	if err := proto.Unmarshal(msg.Data(), unit); err != nil || unit.GetUnit().GetDisplayName() != "Thành ủy Hà Nội" {
		t.Errorf("body %v (%v)", unit, err)
	}
	for header, want := range map[string]string{
		"ce-specversion": "1.0", "ce-type": "coso.registry.v1.UnitCreated", "ce-source": "//coso/registry",
		"ce-subject": "units/ha-noi", "content-type": "application/protobuf",
	} {
		if got := msg.Headers().Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if id := msg.Headers().Get("ce-id"); !strings.HasSuffix(id, "/2") || msg.Subject() != "coso.registry.unit.created" {
		t.Errorf("id %q on %s", id, msg.Subject())
	}

	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if _, err := js.Publish(short, "coso.registry.unit.created", []byte("x")); err == nil {
		t.Error("a stranger published an event")
	}
	if err := js.DeleteStream(short, "COSO_REGISTRY"); err == nil {
		t.Error("a stranger deleted a stream")
	}
	conn.Close()
	if refused == nil || !strings.Contains(refused.Error(), "Permissions Violation") {
		t.Errorf("the server said %v", refused)
	}
}

// eventOf reads the first event of the registry with a subject; the relay may still be about to make the stream.
func eventOf(ctx context.Context, t *testing.T, js jetstream.JetStream, subject string) jetstream.Msg {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := js.OrderedConsumer(ctx, "COSO_REGISTRY", jetstream.OrderedConsumerConfig{FilterSubjects: []string{subject}})
		if err == nil {
			if msg, err := c.Next(jetstream.FetchMaxWait(time.Second)); err == nil {
				return msg
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no event: %v", err)
		}
	}
}
