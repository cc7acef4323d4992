package nats

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// A port that another program has is said at once, with its number.
func TestAPortThatIsTaken(t *testing.T) {
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	_, port, err := net.SplitHostPort(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, logger := range []*slog.Logger{nil, slog.New(slog.DiscardHandler)} {
		s, err := Start(Options{Dir: t.TempDir(), Port: lis.Addr().(*net.TCPAddr).Port, Logger: logger}) //nolint:forcetypeassert // a TCP listener
		if err == nil {
			s.Stop()
			t.Fatal("it started")
		}
		if !strings.Contains(err.Error(), "cannot listen on port "+port+" of 127.0.0.1") {
			t.Errorf("says %v", err)
		}
	}
	if took := time.Since(begun); took > startLimit/2 {
		t.Errorf("said after %s", took)
	}
}

// The embedded server has nothing to warn of at its start.
func TestNoWarnings(t *testing.T) {
	var log bytes.Buffer
	s, err := Start(Options{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if log.Len() > 0 {
		t.Errorf("it says %s", &log)
	}
}
