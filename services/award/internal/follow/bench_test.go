package follow_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/award"
	"coso/services/award/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/feed"
	"coso/services/platform/feed/feedtest"
	"coso/services/platform/run"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, feedtest.Leaks()...) }

// patience is how long anything may take.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// planning announces what a test says, through a journal and a relay of its own.
type planning struct {
	t     *testing.T
	store *store.Store
}

func newPlanning(t *testing.T, js jetstream.JetStream) *planning {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), Service: "planning", Schema: store.NewSchema(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	stop := runs(t, func(ctx context.Context) error { return feed.Relay(ctx, s, js, quiet) })
	t.Cleanup(func() {
		stop()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &planning{t, s}
}

// id is the id of an event it announced.
func (p *planning) id(number int) string { return fmt.Sprintf("%s/%d", p.store.Incarnation(), number) }

// says announces events in one entry and answers its position.
func (p *planning) says(events ...proto.Message) []store.Position {
	p.t.Helper()
	ctx, recorder := store.Record(access.With(p.t.Context(), access.Service("planning")))
	_, err := store.Update(ctx, p.store, nil, func(tx *store.Tx) (*planningpb.Target, error) {
		for _, e := range events {
			if err := tx.Emit(e, "targets/any"); err != nil {
				return nil, err
			}
		}
		return &planningpb.Target{}, nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return recorder.Positions()
}

func exceeded(target string, version, actual int64) *planningpb.TargetExceeded {
	return &planningpb.TargetExceeded{Evidence: evidence(target, version, actual)}
}

// excessWithdrawn says that the result is back at the target.
func excessWithdrawn(target string) *planningpb.TargetExcessWithdrawn {
	return &planningpb.TargetExcessWithdrawn{Evidence: evidence(target, 1, 6)}
}

// evidence is complete, as planning sends it.
func evidence(target string, version, actual int64) *planningpb.Evidence {
	return &planningpb.Evidence{
		Target: &planningpb.Target{
			Name: "targets/" + target, Unit: "units/tay-ho", Indicator: "indicators/party-organisations", Period: "periods/2020",
			AssignedValue: proto.Int64(6), AssignedDecision: "345-QĐ/TU", Version: version, Revision: version + 1,
		},
		Indicator: &planningpb.Indicator{
			Name: "indicators/party-organisations", DisplayName: "Thành lập tổ chức đảng",
			Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kinds: []string{"BASE_CELL"},
			Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "thành lập được", CountedNoun: "tổ chức đảng",
		},
		Period: &planningpb.Period{
			Name: "periods/2020", DisplayName: "năm 2020", Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR,
			StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-30",
		},
		UnitDisplayName: "Quận ủy Tây Hồ",
		Figure:          &planningpb.Figure{ActualValue: actual, AssignedValue: proto.Int64(6), Target: "targets/" + target},
	}
}

// council is award, perhaps at work, as lan reaches it, who may see everything.
type council struct {
	awardpb.NominationServiceClient
	*run.Service
	t      *testing.T
	srv    *feedtest.Server
	issuer *tokentest.Own
	dir    string
	stop   func()
}

// newCouncil starts award with relay and follower.
func newCouncil(t *testing.T, srv *feedtest.Server) *council {
	t.Helper()
	c := &council{t: t, srv: srv, issuer: tokentest.Issuer(t), dir: t.TempDir()}
	c.open()
	scopetest.Give(t, c.Store(), records.Grants, scopetest.Administrator("lan"))
	c.stop = runs(t, func(ctx context.Context) error { return c.Part(srv.JetStream(), nil).Run(ctx, func() {}) })
	return c
}

func (c *council) open() {
	c.t.Helper()
	s, err := award.New(run.Options{Dir: c.dir, Logger: quiet, Tokens: c.issuer.Verifier()})
	if err != nil {
		c.t.Fatal(err)
	}
	c.Service, c.NominationServiceClient = s, awardpb.NewNominationServiceClient(c.issuer.As("lan", s.Conn()))
}

// restart stops award, lets meanwhile do something to its store, and starts it again.
func (c *council) restart(meanwhile func(s *store.Store) error) {
	c.t.Helper()
	c.stop()
	c.open()
	if err := meanwhile(c.Store()); err != nil {
		c.t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.open()
	c.stop = runs(c.t, func(ctx context.Context) error { return c.Part(c.srv.JetStream(), nil).Run(ctx, func() {}) })
}

// hears waits until award has reached what was announced.
func (c *council) hears(positions []store.Position) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	err := c.Store().Await(ctx, positions)
	for err != nil && ctx.Err() == nil {
		err = c.Store().Await(ctx, positions)
	}
	if err != nil {
		c.t.Fatalf("award did not hear of %v: %v", positions, err)
	}
}

// nominations answers all there are, in order of their names.
func (c *council) nominations() []*awardpb.Nomination {
	c.t.Helper()
	page, err := c.ListNominations(c.t.Context(), &awardpb.ListNominationsRequest{})
	if err != nil {
		c.t.Fatal(err)
	}
	return page.GetNominations()
}

// announced answers what award announced so far: type and resource.
func (c *council) announced() []string {
	c.t.Helper()
	events, err := c.Store().Events(c.t.Context(), 1, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s of %s", e.Type[len("coso.award.v1."):], e.Subject))
	}
	return out
}

// runs runs a loop until stop is called, at the end of the test at the latest.
func runs(t *testing.T, loop func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := loop(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}
