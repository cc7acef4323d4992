package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/sheet"
	"coso/services/platform/readings"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// coso verify says how many readings of personal data there are, and names the entry that was changed.
func TestVerifyReadings(t *testing.T) {
	dir := t.TempDir()
	verify := func(service string) (string, error) {
		var out bytes.Buffer
		err := verifyReadings(t.Context(), streams{out: &out, err: &out}, dir, service, sheet.English)
		return out.String(), err
	}
	book := readings.Open(readings.Options{Dir: dir, Service: "identity", Logger: slog.New(slog.DiscardHandler)})
	for range 3 {
		if err := book.Keep(t.Context(), &readingpb.Reading{Principal: "principals/lan", Resources: []string{"accounts/minh"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	if said, err := verify("registry"); err != nil || said != "" {
		t.Errorf("a service without readings: %q, %v", said, err)
	}
	if said, err := verify("identity"); err != nil || !strings.Contains(said, "3 readings of personal data  OK\n") {
		t.Errorf("%q, %v", said, err)
	}
	path := filepath.Join(dir, "identity.reads-000001")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(raw, raw[:10]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := verify("identity"); err != nil || !strings.Contains(said, "OK; the last 10 bytes") {
		t.Errorf("%q, %v", said, err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := verify("identity"); err == nil || !strings.Contains(said, "DAMAGED: ") || !strings.Contains(said, "identity.reads-000001, entry 2") {
		t.Errorf("%q, %v", said, err)
	}
}
