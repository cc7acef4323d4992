package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/single"
	"coso/gateway/front"
)

const lockedOut = "is used by another process, perhaps a coso that runs; stop that process or choose another folder"

// refusedFolder starts a second coso, whole and part by part, on a folder in use: each is refused by name, within seconds.
func refusedFolder(t *testing.T, dir string) {
	t.Helper()
	f := newFleet(t, dir)
	began := time.Now()
	err := single.Run(context.Background(), single.Options{Dir: dir, Front: front.Settings{HTTP: "127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler)},
		func(string) { t.Error("a second coso started") })
	if err == nil || !strings.Contains(err.Error(), lockedOut) {
		t.Errorf("a second coso says %v", err)
	}
	for _, service := range single.Services() {
		f.launch(processOf(service))
	}
	for _, service := range single.Services() {
		m := f.members[processOf(service)]
		f.until(m.name+" ends", func() error {
			if m.runs() {
				return fmt.Errorf("it runs: %s", m.log)
			}
			return nil
		})
		if said := m.log.String(); m.err == nil || !strings.Contains(said, "store of "+service+": The data folder "+dir+" ") || !strings.Contains(said, lockedOut) {
			t.Errorf("%s ended with %v and says %q", m.name, m.err, said)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the refusals took %s", took)
	}
}

// Whichever way coso runs, a second one on its folder is refused, and the first notices nothing.
func TestASecondCosoOnOneFolder(t *testing.T) {
	everyWay(t, func(t *testing.T, run func(testing.TB, string) *server) {
		t.Helper()
		dir := t.TempDir()
		s := borough(t, in(dir, run))
		before := s.world(t)
		refusedFolder(t, dir)
		s.unchanged(t, before)
		if a := s.assign(t, "tay-ho", `{"assignedValue":"6","assignedDecision":"2-QĐ/TU"}`); a.code != 200 {
			t.Errorf("the first goes on: %s", a.raw)
		}
		after := s.world(t)
		s.stop()
		start(t, dir).unchanged(t, after)
	})
}
