package nats

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// said runs a server on a folder, lets it publish, and answers its log from info up. The folder is copied as a kill would
// leave it, before the server stops.
func said(t *testing.T, dir, killed string, messages int) string {
	t.Helper()
	var log bytes.Buffer
	s, err := Start(Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	if err != nil {
		t.Fatal(err)
	}
	before := stream.CachedInfo().State.Msgs
	for i := range messages {
		if _, err := js.Publish(t.Context(), "s", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	if now, err := stream.Info(t.Context()); err != nil || now.State.Msgs != before+uint64(messages) {
		t.Errorf("%d messages, then %d more: %v, %v", before, messages, now, err)
	}
	if killed != "" {
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	s.Stop()
	return log.String()
}

// After a kill the index of a stream is behind: that is in order, and no operator is frightened by it.
func TestAfterAKill(t *testing.T) {
	dir := t.TempDir()
	whole, killed, short := filepath.Join(dir, "whole"), filepath.Join(dir, "killed"), filepath.Join(dir, "short")
	said(t, whole, "", 10)
	if log := said(t, whole, killed, 10); log != "" {
		t.Errorf("after an orderly stop it says %s", log)
	}
	const words = "a stream's index is older than the stream, as after a kill or a power cut; it is made anew"
	log := said(t, killed, short, 10)
	if strings.Contains(log, "level=WARN") || strings.Count(log, words) != 1 || !strings.Contains(log, "stream=S") {
		t.Errorf("after a kill it says %s", log)
	}
	indexes, err := filepath.Glob(filepath.Join(short, "jetstream", "*", "streams", "S", "msgs", "index.db"))
	if err != nil || len(indexes) != 1 {
		t.Fatalf("indexes %v, %v", indexes, err)
	}
	if err := os.Truncate(indexes[0], 20); err != nil {
		t.Fatal(err)
	}
	if log := said(t, short, "", 10); strings.Contains(log, "level=WARN") || strings.Count(log, words) != 1 {
		t.Errorf("with half an index it says %s", log)
	}
}

// What is missing of a stream itself is a warning.
func TestALostBlockIsAWarning(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nats")
	said(t, dir, "", 10)
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "S", "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks %v, %v", blocks, err)
	}
	for _, b := range blocks {
		if err := os.Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	if log := said(t, dir, "", 1); !strings.Contains(log, "level=WARN") {
		t.Errorf("it says %s", log)
	}
}
