package feed

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// While there is no NATS the log says so, and not what the library's buffer holds.
func TestTheLogSaysThatNATSIsAway(t *testing.T) {
	nc, err := nats.Connect("nats://127.0.0.1:1", nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectBufSize(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = js.Publish(t.Context(), "coso.test", nil)
	if err == nil {
		t.Fatal("published to nobody")
	}
	var log bytes.Buffer
	p := patience{logger: slog.New(slog.NewTextHandler(&log, nil)), pause: firstPause, since: time.Now().Add(-2 * quiet)}
	p.failed(t.Context(), err)
	if got := log.String(); !strings.Contains(got, "NATS is away") || strings.Contains(got, "buffer") {
		t.Errorf("%v is logged as %s", err, got)
	}
}
