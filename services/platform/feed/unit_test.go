package feed

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	_ "coso/proto/gen/coso/award/v1"
	_ "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func uintText(n uint64) string { return strconv.FormatUint(n, 10) }

func TestSubjectOf(t *testing.T) {
	for typ, want := range map[string]string{
		"coso.registry.v1.OrganisationFounded":   "coso.registry.organisation.founded",
		"coso.registry.v1.UnitReparented":        "coso.registry.unit.reparented",
		"coso.planning.v1.TargetExcessWithdrawn": "coso.planning.target.excess-withdrawn",
		"coso.planning.v1.TargetReachWithdrawn":  "coso.planning.target.reach-withdrawn",
		"coso.planning.v1.TargetExceeded":        "coso.planning.target.exceeded",
		"coso.award.v1.NominationFlagged":        "coso.award.nomination.flagged",
	} {
		service := typ[len("coso."):]
		for i, r := range service {
			if r == '.' {
				service = service[:i]
				break
			}
		}
		if got, err := subjectOf(service, typ); err != nil || got != want {
			t.Errorf("subjectOf(%s) = %s, %v; want %s", typ, got, err, want)
		}
	}
	for _, typ := range []string{"", "coso", "coso.registry.v1.Unit", "coso.award.v1.NominationFlagged", "coso.registry.UnitCreated", "x.registry.v1.UnitCreated"} {
		if got, err := subjectOf("registry", typ); err == nil {
			t.Errorf("subjectOf(registry, %q) = %s", typ, got)
		}
	}
}

func TestNewer(t *testing.T) {
	older, newer := &registrypb.Unit{Revision: 3}, &registrypb.Unit{Revision: 4}
	if !Newer(older, newer) || Newer(newer, older) || Newer(newer, newer) || !Newer(nil, older) {
		t.Error("Newer does not go by the revision")
	}
}

func TestWithoutVersion(t *testing.T) {
	for typ, want := range map[string]string{
		"coso.registry.v1.UnitCreated": "coso.registry.UnitCreated",
		"coso.registry.v2.UnitCreated": "coso.registry.UnitCreated",
		"UnitCreated":                  "UnitCreated",
		"":                             "",
	} {
		if got := withoutVersion(typ); got != want {
			t.Errorf("withoutVersion(%q) = %q, want %q", typ, got, want)
		}
	}
}

func TestPatienceTellsAnOutageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := patience{logger: slog.New(slog.NewTextHandler(&log, nil))}
		began := time.Now()
		for range 3 {
			p.failed(t.Context(), errors.New("away"))
		}
		p.fine()
		if time.Since(began) > quiet || log.Len() > 0 {
			t.Errorf("a blip of %s was told: %s", time.Since(began), log.String())
		}
		for range 100 {
			before := time.Now()
			p.failed(t.Context(), errors.New("away"))
			if pause := time.Since(before); pause < firstPause/2 || pause > longPause {
				t.Fatalf("a pause of %s", pause)
			}
		}
		p.fine()
		p.fine()
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("an outage was told in %d lines:\n%s", n, log.String())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		before := time.Now()
		lines := log.Len()
		for range 100 {
			p.failed(ctx, errors.New("away"))
		}
		if time.Since(before) != 0 || log.Len() != lines {
			t.Errorf("it waits, or tells an outage, though the context has ended: %s", log.String())
		}
	})
}

// FuzzEnvelope: headers of whatever shape are read or refused, and what is read is what an event of that place carries.
func FuzzEnvelope(f *testing.F) {
	f.Add("0198f0c2-7d1e-7abc-8000-000000000001/7", "//coso/registry", "1.0", "coso.registry.v1.UnitCreated",
		"2020-11-30T08:00:00.000001Z", "0198f0c2-7d1e-7abc-8000-000000000001", "3", strings.Repeat("0a", 32), "0", uint64(7))
	f.Add("", "", "", "", "", "", "", "", "", uint64(0))
	f.Fuzz(func(t *testing.T, id, source, spec, typ, moment, incarnation, position, hash, rest string, number uint64) {
		h := nats.Header{}
		for header, value := range map[string]string{
			headerID: id, headerSource: source, headerSpec: spec, headerType: typ, headerTime: moment,
			headerIncarnation: incarnation, headerPosition: position, headerHash: hash, headerRest: rest,
		} {
			h.Set(header, value)
		}
		at, more, err := readEnvelope("registry", number, h)
		if err != nil {
			return
		}
		if at.ID != eventID(at.Incarnation, number) || at.Position == 0 || at.Type == "" || at.Number != number {
			t.Fatalf("read %+v and %d more from %v", at, more, h)
		}
	})
}
