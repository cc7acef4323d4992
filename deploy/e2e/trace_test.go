package e2e

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"coso/services/award"
	"coso/services/planning"
	"coso/services/platform/run"

	awardpb "coso/proto/gen/coso/award/v1"
)

// A founding's trace goes with what follows from it: from the office's request over the target that it exceeds to the
// nomination that opens, through three services and two hops of events.
func TestTraceOfAFounding(t *testing.T) {
	for name, start := range ways() {
		t.Run(name, func(t *testing.T) {
			const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
			dir := t.TempDir()
			s := start(t, dir)
			s.load(t, read(t, dataSet))
			if a := s.assign(t, "2020-tay-ho-party-organisations", `{"assignedValue":"2","assignedDecision":"400-QĐ/TU"}`); a.code != 200 {
				t.Fatal(a.raw)
			}
			a := s.call(t, "POST", "/v1/organisations?organisationId=thu-nghiem", replace(goodOrganisation, "enterprises/thu-nghiem", "enterprises/minh-hoa-001-tay-ho"),
				"Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
			if a.code != 200 {
				t.Fatal(a.raw)
			}
			nomination(t, s.client(t), "2020-tay-ho-party-organisations", awardpb.NominationState_NOMINATION_STATE_OPEN)
			s.stop()

			for service, made := range map[string]struct {
				open func(run.Options) (*run.Service, error)
				typ  string
			}{
				planning.Name: {planning.New, "coso.planning.v1.TargetExceeded"},
				award.Name:    {award.New, "coso.award.v1.NominationOpened"},
			} {
				if types := traced(t, made.open, dir, trace); !slices.Contains(types, made.typ) {
					t.Errorf("%s announced %v in the founding's trace, want %s among them", service, types, made.typ)
				}
			}
		})
	}
}

// traced answers the types of the events that a stopped service announced in a trace.
func traced(t *testing.T, open func(run.Options) (*run.Service, error), dir, trace string) []string {
	t.Helper()
	s, err := open(run.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	events, err := s.Store().Events(t.Context(), 1, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range events {
		if strings.Contains(e.Traceparent, trace) {
			types = append(types, e.Type)
		}
	}
	return types
}
