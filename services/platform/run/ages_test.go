package run_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// agesFile is where planning keeps how old its copies are.
func (h *house) agesFile() string { return filepath.Join(h.dir, "planning.copies") }

// kept is what it says now.
func (h *house) kept() []byte {
	h.t.Helper()
	raw, err := os.ReadFile(h.agesFile())
	if err != nil {
		h.t.Fatal(err)
	}
	return raw
}

// restart stops planning, lets time pass, changes what lies in its folder, and starts it again.
func (h *house) restart(meanwhile func()) {
	h.t.Helper()
	h.planning.stop()
	meanwhile()
	h.startPlanning(h.dir)
}

// demands that what rests on the copy is done, or refused because the copy is too old, as a read says: "" or "registry=360s".
func (h *house) demands(what, age string) {
	h.t.Helper()
	write, header, read := h.ask()
	said := ""
	if got := header.Get(rpc.CopyAgeHeader); len(got) > 0 {
		said = got[0]
	}
	if read != nil || said != age {
		h.t.Errorf("%s: a read says %q, %v; want %q", what, said, read, age)
	}
	if e := fault.From(write); (age == "") != (e == nil) {
		h.t.Errorf("%s: a change that rests on it answers %v", what, e)
	} else if e != nil {
		refused(h.t, write, fault.KindUnavailable, faultpb.Reason_REASON_COPY_TOO_OLD)
	}
}

// settled is a house whose planning holds all that the registry has, and does not hear it any more.
func settled(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.founds("organisations/a")
	eventually(t, "the copy is fresh", func() bool { s := h.follows(); return s.GetAge() != nil && s.GetSequence() == 1 })
	h.clock.move(time.Minute)
	eventually(t, "it was heard a minute later", func() bool { return h.follows().GetAge().AsDuration() == 0 })
	h.line.cut.Store(true)
	return h
}

// INV-FEED-AGE: a copy is as old after a restart as before, and the time between counts.
func TestAgesGoOnAcrossRestarts(t *testing.T) {
	h := settled(t)
	h.clock.move(4 * time.Minute)
	h.restart(func() {})
	h.demands("fresh before, fresh after", "")
	h.restart(func() { h.clock.move(2 * time.Minute) })
	h.demands("it became too old meanwhile", "registry=360s")
	h.clock.move(time.Minute)
	h.restart(func() {})
	h.demands("too old before, too old after", "registry=420s")
	h.line.cut.Store(false)
	eventually(t, "it is fresh when the source was heard", func() bool { write, _, _ := h.ask(); return write == nil })
	h.line.cut.Store(true)
	h.restart(func() {})
	h.demands("and stays so", "")
}

// INV-FEED-AGE: after a kill too: what was heard is written down while the service runs.
func TestAgesAreWrittenDownInTime(t *testing.T) {
	h := settled(t)
	h.line.cut.Store(false)
	before := h.kept()
	h.clock.move(10 * time.Second)
	var now []byte
	eventually(t, "it is written down anew", func() bool { now = h.kept(); return !bytes.Equal(before, now) })
	h.line.cut.Store(true)
	h.restart(func() { // as a kill leaves it, which stops nothing in order
		if err := os.WriteFile(h.agesFile(), now, 0o600); err != nil {
			t.Fatal(err)
		}
		h.clock.move(4 * time.Minute)
	})
	h.demands("fresh before the kill", "")
}

// INV-FEED-AGE: where it is not known how old a copy is, it is too old until its source was heard.
func TestAgesThatAreNotKnown(t *testing.T) {
	for name, lose := range map[string]func(h *house) error{
		"gone":    func(h *house) error { return os.Remove(h.agesFile()) },
		"empty":   func(h *house) error { return os.WriteFile(h.agesFile(), nil, 0o600) },
		"damaged": func(h *house) error { return os.WriteFile(h.agesFile(), h.kept()[:20], 0o600) },
		"of another journal": func(h *house) error {
			return os.WriteFile(h.agesFile(), bytes.Replace(h.kept(), []byte(`"incarnation":"`), []byte(`"incarnation":"0198f0c2-0000-7000-8000-00000000000a","x":"`), 1), 0o600)
		},
		"of a state that came later": func(h *house) error {
			return os.WriteFile(h.agesFile(), bytes.Replace(h.kept(), []byte(`"sequence":1`), []byte(`"sequence":2`), 1), 0o600)
		},
		"ahead of the clock": func(h *house) error {
			h.clock.move(-time.Hour)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := settled(t)
			h.restart(func() {
				if err := lose(h); err != nil {
					t.Fatal(err)
				}
			})
			h.demands("not known", "registry=301s")
			h.line.cut.Store(false)
			eventually(t, "it is fresh when the source was heard", func() bool { write, _, _ := h.ask(); return write == nil })
		})
	}
}

// INV-FEED-AGE: a copy whose source was never heard ages from its beginning, however often its service starts.
func TestAgesOfWhatWasNeverHeard(t *testing.T) {
	h := newHouse(t)
	h.planning.stop()
	h.line.cut.Store(true)
	h.dir = t.TempDir()
	h.startPlanning(h.dir)
	h.demands("new", "")
	eventually(t, "its beginning is written down", func() bool {
		_, err := os.Stat(h.agesFile())
		return err == nil
	})
	for range 2 {
		h.restart(func() { h.clock.move(2 * time.Minute) })
		h.demands("not old yet", "")
	}
	h.restart(func() { h.clock.move(2 * time.Minute) })
	h.demands("too old", "registry=360s")
}

// INV-FEED-AGE: at a stop all that was heard is written down, however short before.
func TestAgesAreWrittenDownAtAStop(t *testing.T) {
	h := newHouse(t)
	h.founds("organisations/a")
	eventually(t, "the event has come", func() bool { return h.follows().GetSequence() == 1 })
	h.clock.move(5 * time.Second) // too soon to be written down while it runs
	eventually(t, "the copy is fresh", func() bool { return h.follows().GetAge().AsDuration() == 0 })
	h.line.cut.Store(true)
	h.restart(func() {})
	h.demands("fresh before the stop", "")
}
