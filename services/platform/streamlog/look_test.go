package streamlog

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// INV-LOG-SYNC: a server that answers no more is trusted for a while, and for as long as the others do not hear it either.
func TestSilentServers(t *testing.T) {
	now := time.Now()
	info := &jetstream.StreamInfo{Cluster: &jetstream.ClusterInfo{Leader: "n1", Replicas: []*jetstream.PeerInfo{
		{Name: "n2", Active: time.Second}, {Name: "n3", Offline: true}, {Name: "n4", Active: askWait + 1},
	}}}
	for _, tt := range []struct {
		server string
		silent time.Duration
		counts bool
	}{
		{"n1", 0, true},
		{"n1", trustFor, true},
		{"n1", trustFor + 1, false},
		{"n2", trustFor, true},
		{"n2", trustFor + 1, false},
		{"n3", 24 * time.Hour, true},
		{"n4", 24 * time.Hour, true},
	} {
		heard := &answer{heard: now.Add(-tt.silent)}
		if counts := heard.counts(now, away(info, tt.server)); counts != tt.counts {
			t.Errorf("%s, silent for %s: %t", tt.server, tt.silent, counts)
		}
	}
	var never *answer
	if never.counts(now, true) {
		t.Error("a server that was never heard counts")
	}
	for server, want := range map[string]bool{"n1": false, "n2": false, "n3": true, "n4": false} {
		if got := down(info, server); got != want {
			t.Errorf("%s is down: %t", server, got)
		}
	}
	if alone := (&answer{heard: now.Add(-trustFor - 1)}); alone.counts(now, away(&jetstream.StreamInfo{}, "n1")) {
		t.Error("the only server counts for ever")
	}
}
