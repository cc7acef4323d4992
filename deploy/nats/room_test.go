package nats

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

func started(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// The limit is what is there and half of what is free, or what the operator says; it never forbids what is there.
func TestMaxStore(t *testing.T) {
	dir := t.TempDir()
	free, err := freeIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := started(t, Options{Dir: filepath.Join(dir, "a")}).s.JetStreamConfig().MaxStore
	if got < free/4 || got > free/4*3 {
		t.Errorf("the streams may hold %d bytes, with %d free", got, free)
	}
	if got := started(t, Options{Dir: filepath.Join(dir, "b"), MaxStore: 5 << 20}).s.JetStreamConfig().MaxStore; got != 5<<20 {
		t.Errorf("the streams may hold %d bytes, 5 MiB were said", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "a", "ballast"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "a", "ballast"), 1<<40); err != nil { // it takes no room
		t.Fatal(err)
	}
	if got, err := roomFor(filepath.Join(dir, "a")); err != nil || got < 1<<40 {
		t.Errorf("the streams may hold %d bytes, %v; they hold more", got, err)
	}
}

// Streams at their limit refuse what is new by name, hold what they have, and take again when there is room.
func TestFullStreamsRefuseByName(t *testing.T) {
	s := started(t, Options{Dir: filepath.Join(t.TempDir(), "nats"), MaxStore: 1 << 20})
	conn, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	stored := uint64(0)
	for err == nil && stored < 1000 {
		if _, err = js.Publish(t.Context(), "s", make([]byte, 10<<10)); err == nil {
			stored++
		}
	}
	refused, ok := errors.AsType[*jetstream.APIError](err)
	const codeResources = 10023
	if !ok || refused.ErrorCode != codeResources || stored < 50 {
		t.Fatalf("after %d messages: %v", stored, err)
	}
	if _, err := stream.GetMsg(t.Context(), stored); err != nil {
		t.Error(err)
	}
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "s", []byte("again")); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
