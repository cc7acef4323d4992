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
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning"
	"coso/services/planning/internal/records"
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

// source announces what a test says under a service's name, through a journal and a relay of its own.
type source struct {
	t     *testing.T
	name  string
	store *store.Store
}

func newSource(t *testing.T, name string, js jetstream.JetStream) *source {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir(), Service: name, Schema: store.NewSchema(), Logger: quiet})
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
	return &source{t, name, s}
}

// says announces events in one entry and answers its position.
func (s *source) says(events ...proto.Message) []store.Position {
	s.t.Helper()
	ctx, recorder := store.Record(access.With(s.t.Context(), access.Service(s.name)))
	_, err := store.Update(ctx, s.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		for _, e := range events {
			if err := tx.Emit(e, "subjects/any"); err != nil {
				return nil, err
			}
		}
		return &emptypb.Empty{}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return recorder.Positions()
}

// office is planning at work, with the clients of quan, an administrator, and of dung, who is another and approves.
type office struct {
	planningpb.IndicatorServiceClient
	planningpb.PeriodServiceClient
	planningpb.TargetServiceClient
	planningpb.ProgressServiceClient
	*run.Service
	t      *testing.T
	srv    *feedtest.Server
	issuer *tokentest.Own
	dir    string
	dung   planningpb.TargetServiceClient
	stop   func()
}

// newOffice starts planning with relay and followers, on 15 December 2020.
func newOffice(t *testing.T, srv *feedtest.Server) *office {
	t.Helper()
	o := &office{t: t, srv: srv, issuer: tokentest.Issuer(t), dir: t.TempDir()}
	o.open()
	scopetest.Give(t, o.Store(), records.Grants, scopetest.Administrator("quan"), scopetest.Administrator("dung"))
	o.start()
	return o
}

func (o *office) start() {
	o.t.Helper()
	part := o.Part(o.srv.JetStream(), nil)
	o.stop = runs(o.t, func(ctx context.Context) error { return part.Run(ctx, func() {}) })
}

func (o *office) open() {
	o.t.Helper()
	s, err := planning.New(run.Options{
		Dir: o.dir, Logger: quiet, Tokens: o.issuer.Verifier(),
		Clock: func() time.Time { return time.Date(2020, 12, 15, 8, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.Service = s
	conn := o.issuer.As("quan", s.Conn())
	o.IndicatorServiceClient = planningpb.NewIndicatorServiceClient(conn)
	o.PeriodServiceClient = planningpb.NewPeriodServiceClient(conn)
	o.TargetServiceClient = planningpb.NewTargetServiceClient(conn)
	o.ProgressServiceClient = planningpb.NewProgressServiceClient(conn)
	o.dung = planningpb.NewTargetServiceClient(o.issuer.As("dung", s.Conn()))
}

// restart stops planning, lets meanwhile do something to its store, and starts it again.
func (o *office) restart(meanwhile func(s *store.Store) error) {
	o.t.Helper()
	o.stop()
	o.open()
	if err := meanwhile(o.Store()); err != nil {
		o.t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		o.t.Fatal(err)
	}
	o.open()
	o.start()
}

// hears waits until planning has reached what was announced.
func (o *office) hears(positions ...[]store.Position) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	for _, p := range positions {
		err := o.Store().Await(ctx, p)
		for err != nil && ctx.Err() == nil {
			err = o.Store().Await(ctx, p)
		}
		if err != nil {
			o.t.Fatalf("planning did not hear of %v: %v", p, err)
		}
	}
}

// plans sets up what the tests count: three indicators, the year 2020 to 30 November.
func (o *office) plans() {
	o.t.Helper()
	for id, in := range map[string]*planningpb.Indicator{
		"members": {Measure: planningpb.Measure_MEASURE_MEMBERS_ADMITTED, Kinds: []string{"PARTY_MEMBER"}},
		"owners":  {Measure: planningpb.Measure_MEASURE_OWNERS_ADMITTED, Kinds: []string{"PARTY_MEMBER"}},
		"party":   {Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kinds: []string{"BASE_CELL", "CELL"}},
	} {
		in.DisplayName, in.ResultVerb, in.CountedNoun = "Chỉ tiêu "+id, "được", "kết quả"
		in.Comparator = planningpb.Comparator_COMPARATOR_AT_LEAST
		_, err := o.CreateIndicator(o.t.Context(), &planningpb.CreateIndicatorRequest{IndicatorId: id, Indicator: in})
		o.must(err)
	}
	_, err := o.CreatePeriod(o.t.Context(), &planningpb.CreatePeriodRequest{PeriodId: "2020", Period: &planningpb.Period{
		DisplayName: "năm 2020", Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR,
		StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-11-30",
	}})
	o.must(err)
}

// assigns gives a unit a target called <unit>-<indicator>.
func (o *office) assigns(unit, indicator string, value int64) {
	o.t.Helper()
	id := unit + "-" + indicator
	_, err := o.CreateTarget(o.t.Context(), &planningpb.CreateTargetRequest{TargetId: id, Target: &planningpb.Target{
		Unit: "units/" + unit, Indicator: "indicators/" + indicator, Period: "periods/2020",
	}})
	o.must(err)
	proposed, err := o.AssignTarget(o.t.Context(), &planningpb.AssignTargetRequest{
		Name: "targets/" + id, AssignedValue: new(value), AssignedDecision: "345-QĐ/TU",
	})
	o.must(err)
	_, err = o.dung.ApproveTarget(o.t.Context(), &planningpb.ApproveTargetRequest{Name: proposed.GetName(), Etag: proposed.GetEtag()})
	o.must(err)
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) progress(unit string) *planningpb.Progress {
	o.t.Helper()
	p, err := o.GetProgress(o.t.Context(), &planningpb.GetProgressRequest{Unit: "units/" + unit, Period: "periods/2020", AsOf: "2020-11-30"})
	o.must(err)
	return p
}

// actuals is what a unit reached: members, owners, Party organisations.
func (o *office) actuals(unit string) string {
	o.t.Helper()
	var out []int64
	for _, line := range o.progress(unit).GetIndicators() {
		out = append(out, line.GetFigure().GetActualValue())
	}
	return fmt.Sprint(out)
}

// crossings answers the crossings announced so far: type and target.
func (o *office) crossings() []string {
	o.t.Helper()
	events, err := o.Store().Events(o.t.Context(), 1, 10000)
	o.must(err)
	out := []string{}
	for _, e := range events {
		switch kind := e.Type[len("coso.planning.v1."):]; kind {
		case "TargetReached", "TargetExceeded", "TargetReachWithdrawn", "TargetExcessWithdrawn":
			out = append(out, kind+" "+e.Subject)
		}
	}
	return out
}

// standing is which crossings hold for whoever listens, by target.
func (o *office) standing() map[string]bool {
	o.t.Helper()
	out := map[string]bool{}
	for _, c := range o.crossings() {
		var kind, target string
		if _, err := fmt.Sscan(c, &kind, &target); err != nil {
			o.t.Fatal(err)
		}
		switch kind {
		case "TargetReached", "TargetExceeded":
			out[kind+" "+target] = true
		case "TargetReachWithdrawn":
			delete(out, "TargetReached "+target)
		case "TargetExcessWithdrawn":
			delete(out, "TargetExceeded "+target)
		}
	}
	return out
}

func unit(id, parent string) *registrypb.Unit {
	u := &registrypb.Unit{Name: "units/" + id, DisplayName: "Đơn vị " + id, ValidFrom: "2008-08-01", Revision: 1}
	u.Placements = []*registrypb.Placement{{Tree: "party", FromDate: "2008-08-01"}}
	if parent != "" {
		u.Placements[0].Parent = "units/" + parent
	}
	return u
}

func cell(id, unit, day string) *registrypb.Organisation {
	return &registrypb.Organisation{
		Name: "organisations/" + id, DisplayName: "Chi bộ " + id, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
		Unit: "units/" + unit, FoundedOn: day, State: registrypb.OrganisationState_ORGANISATION_STATE_ACTIVE, Revision: 1,
	}
}

func intake(id, unit, day string, members, owners int64) *membershippb.Intake {
	return &membershippb.Intake{
		Name: "intakes/" + id, Unit: "units/" + unit, Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER,
		AdmittedOn: day, MemberCount: members, OwnerCount: owners,
		State: membershippb.IntakeState_INTAKE_STATE_REPORTED, Revision: 1,
	}
}

// changed is the next revision of a resource.
func changed[T proto.Message](m T, change func(T)) T {
	next := proto.CloneOf(m)
	r := next.ProtoReflect()
	f := r.Descriptor().Fields().ByName("revision")
	r.Set(f, protoreflect.ValueOfInt64(r.Get(f).Int()+1))
	change(next)
	return next
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
