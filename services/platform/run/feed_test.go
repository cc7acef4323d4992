package run_test

import (
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
)

// INV-FEED-SKIP: a follower passes over an event that it stopped at, when an operator has said so and why.
func TestPoisonStopsUntilItIsSkipped(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"organisations/a", poison, "organisations/b"} {
		h.founds(name)
	}
	for range 2 { // a restart changes nothing
		eventually(t, "the follower stops", func() bool { return h.follows().GetStoppedAt() == 2 })
		eventually(t, "the source says how far it is", func() bool { return h.follows().GetHeadSequence() == 3 })
		s := h.follows()
		if s.GetSequence() != 1 || !strings.Contains(s.GetAlarm(), "coso.registry.v1.OrganisationFounded: this one is beyond me") {
			t.Fatalf("status %v", s)
		}
		h.planning.stop()
		h.startPlanning(h.dir)
	}
	eventually(t, "the follower stops", func() bool { return h.follows().GetStoppedAt() == 2 })

	skip := func(source string, number uint64, reason string) error {
		_, err := h.planning.operator.SkipEvent(t.Context(), &feedpb.SkipEventRequest{Source: source, Sequence: number, Reason: reason, RequestId: "skip-" + reason})
		return err
	}
	refused(t, skip("registry", 2, ""), fault.KindInvalidArgument, faultpb.Reason_REASON_FIELD_REQUIRED)
	refused(t, skip("registry", 3, "not there"), fault.KindFailedPrecondition, faultpb.Reason_REASON_EVENT_NOT_STOPPED)
	refused(t, skip("award", 2, "not followed"), fault.KindNotFound, faultpb.Reason_REASON_RESOURCE_NOT_FOUND)
	for range 2 { // sent again, it is the same command
		if err := skip("registry", 2, "entered twice"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the follower goes on", func() bool { return h.follows().GetSequence() == 3 })
	if s := h.follows(); s.GetAlarm() != "" || s.GetStoppedAt() != 0 {
		t.Errorf("status %v", s)
	}
	if !h.has("organisations/a") || h.has(poison) || !h.has("organisations/b") {
		t.Error("not the events around the skipped one took effect, or it did")
	}
	skips, err := h.planning.Store().Skips(t.Context(), "registry", 0)
	if err != nil || len(skips) != 1 || skips[0].GetReason() != "entered twice" || skips[0].GetSequence() != 2 {
		t.Errorf("skips %v, %v", skips, err)
	}
	refused(t, skip("registry", 2, "once more"), fault.KindFailedPrecondition, faultpb.Reason_REASON_EVENT_NOT_STOPPED)
}

// INV-FEED-SKIP: nothing is counted without a unit, and nothing is allowed or refused without a grant.
func TestUnitsAndGrantsAreNotSkipped(t *testing.T) {
	for subject, event := range map[string]proto.Message{
		"units/u":  &registrypb.UnitCreated{Unit: &registrypb.Unit{Name: "units/u"}},
		"grants/g": &registrypb.GrantGiven{Grant: &registrypb.Grant{Name: "grants/g"}},
	} {
		t.Run(subject, func(t *testing.T) {
			h := newHouse(t)
			h.says(t.Context(), subject, event)
			eventually(t, "the follower stops", func() bool { return h.follows().GetStoppedAt() == 1 })
			_, err := h.planning.operator.SkipEvent(t.Context(), &feedpb.SkipEventRequest{Source: "registry", Sequence: 1, Reason: "who needs it"})
			refused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_EVENT_NOT_SKIPPABLE)
		})
	}
}

// What an operator may ask and command, nobody else may, by the network or within the process; where events stand, followers
// must know.
func TestOnlyTheSocketCommandsTheFeed(t *testing.T) {
	h := newHouse(t)
	conn := h.network.Dial(h.network.Serve(h.planning.Server()), "planning", "award")
	for _, c := range []grpc.ClientConnInterface{conn, h.planning.ConnOf("award")} {
		client := feedpb.NewFeedServiceClient(c)
		_, err := client.SkipEvent(t.Context(), &feedpb.SkipEventRequest{Source: "registry", Sequence: 1, Reason: "who needs it"})
		refused(t, err, fault.KindPermissionDenied, faultpb.Reason_REASON_OPERATOR_ONLY)
		if _, err := client.GetFeedStatus(t.Context(), &feedpb.GetFeedStatusRequest{}); err != nil {
			t.Errorf("how the feed does: %v", err)
		}
		if _, err := client.GetFeedHead(t.Context(), &feedpb.GetFeedHeadRequest{}); err != nil {
			t.Errorf("where the events stand: %v", err)
		}
	}
	h.planning.stop()
}

func TestFeedHeadAndRelay(t *testing.T) {
	h := newHouse(t)
	h.founds("organisations/a")
	h.founds("organisations/b")
	head, err := feedpb.NewFeedServiceClient(h.registry.ConnOf("award")).GetFeedHead(t.Context(), &feedpb.GetFeedHeadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if head.GetService() != "registry" || head.GetIncarnation() != h.registry.Store().Incarnation().String() ||
		head.GetPosition() != 2 || head.GetSequence() != 2 || head.GetEventPosition() != 2 || !head.GetAnswerTime().IsValid() {
		t.Errorf("head %v", head)
	}
	eventually(t, "the relay publishes", func() bool {
		s, err := h.registry.operator.GetFeedStatus(t.Context(), &feedpb.GetFeedStatusRequest{})
		return err == nil && s.GetRelay().GetPublishedSequence() == 2 && s.GetRelay().GetJournalSequence() == 2 && s.GetRelay().GetAlarm() == ""
	})
}

// ask calls what rests on the copy and what does not.
func (h *house) ask() (write error, header metadata.MD, read error) {
	client := registrypb.NewUnitServiceClient(h.planning.ConnOf("award"))
	_, write = client.CreateUnit(h.t.Context(), &registrypb.CreateUnitRequest{Unit: &registrypb.Unit{
		DisplayName: "Quận ủy Tây Hồ", Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28",
	}})
	_, read = client.GetUnit(h.t.Context(), &registrypb.GetUnitRequest{Name: "units/tay-ho"}, grpc.Header(&header))
	return write, header, read
}

func TestOldCopyRefusesWhatRestsOnIt(t *testing.T) {
	h := newHouse(t)
	fine := func() bool {
		write, header, read := h.ask()
		return write == nil && read == nil && header.Get(rpc.CopyAgeHeader) == nil
	}
	h.founds("organisations/a")
	eventually(t, "the copy is fresh", func() bool { s := h.follows(); return s.GetAge() != nil && s.GetSequence() == 1 })
	eventually(t, "what rests on it is done", fine)

	h.line.cut.Store(true)
	h.clock.move(4 * time.Minute)
	if !fine() {
		t.Error("refused before the limit")
	}
	h.clock.move(2 * time.Minute)
	write, header, read := h.ask()
	refused(t, write, fault.KindUnavailable, faultpb.Reason_REASON_COPY_TOO_OLD)
	if got := header.Get(rpc.CopyAgeHeader); read != nil || len(got) != 1 || got[0] != "registry=360s" {
		t.Errorf("a read says %q, %v", got, read)
	}
	h.line.cut.Store(false)
	eventually(t, "it is fresh again", fine)

	// The source answers, but the follower stands: the copy ages all the same.
	h.founds(poison)
	eventually(t, "the follower stops", func() bool { return h.follows().GetStoppedAt() == 2 })
	eventually(t, "the source says how far it is", func() bool { return h.follows().GetHeadSequence() == 2 })
	h.clock.move(6 * time.Minute)
	write, _, _ = h.ask()
	refused(t, write, fault.KindUnavailable, faultpb.Reason_REASON_COPY_TOO_OLD)
}

func TestTraceGoesOnAcrossTheHop(t *testing.T) {
	h := newHouse(t)
	ctx, id := traced(t, 7)
	h.says(ctx, "organisations/a", &registrypb.OrganisationFounded{Organisation: &registrypb.Organisation{Name: "organisations/a"}})
	eventually(t, "planning takes it", func() bool { return h.has("organisations/a") })
	events, err := h.planning.Store().Events(t.Context(), 1, 1)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := events[0]; e.Type != "coso.planning.v1.TargetExceeded" || !strings.Contains(e.Traceparent, id.String()) {
		t.Errorf("%s has the trace %q, want %s", e.Type, e.Traceparent, id)
	}
}

func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	otel.SetMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))
	t.Cleanup(func() { otel.SetMeterProvider(noop.NewMeterProvider()) })
	h := newHouse(t)
	for _, name := range []string{"organisations/a", poison, "organisations/b"} {
		h.founds(name)
	}
	eventually(t, "the follower stops", func() bool { return h.follows().GetStoppedAt() == 2 })
	eventually(t, "the source says how far it is", func() bool { return h.follows().GetHeadSequence() == 3 })
	eventually(t, "the relay publishes", func() bool {
		s, err := h.registry.operator.GetFeedStatus(t.Context(), &feedpb.GetFeedStatusRequest{})
		return err == nil && s.GetRelay().GetPublishedSequence() == 3
	})
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{
		"coso.feed.follower.lag planning registry": 2, "coso.feed.follower.alarm planning registry": 1,
		"coso.feed.relay.lag registry ": 0, "coso.feed.relay.alarm registry ": 0, "coso.feed.relay.alarm planning ": 0,
		"coso.feed.copy.age planning registry": 0,
	} {
		if v, ok := value(got, name); !ok || v != want {
			t.Errorf("%s = %d, %t, want %d", name, v, ok, want)
		}
	}
}

// value finds a gauge by its name, service and source.
func value(all metricdata.ResourceMetrics, name string) (int64, bool) {
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch g := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range g.DataPoints {
					if labelled(m.Name, p) == name {
						return p.Value, true
					}
				}
			case metricdata.Gauge[float64]:
				for _, p := range g.DataPoints {
					if labelled(m.Name, p) == name {
						return int64(p.Value), true
					}
				}
			}
		}
	}
	return 0, false
}

func labelled[N int64 | float64](name string, p metricdata.DataPoint[N]) string {
	service, _ := p.Attributes.Value("service")
	source, _ := p.Attributes.Value("source")
	return name + " " + service.AsString() + " " + source.AsString()
}
