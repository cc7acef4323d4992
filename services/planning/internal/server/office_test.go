package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	faultpb "coso/proto/gen/coso/fault/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning"
	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/run"
	"coso/services/platform/scope/scopetest"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a client of a planning service with a store of its own, on 15 December 2020: quan, an administrator. What he
// proposes, dung approves, who is another.
type office struct {
	testing.TB
	planningpb.IndicatorServiceClient
	planningpb.PeriodServiceClient
	planningpb.TargetServiceClient
	planningpb.ProgressServiceClient
	operations operationpb.OperationServiceClient
	store      *store.Store
	issuer     *tokentest.Own
	now        time.Time
	facts      int
}

func open(t testing.TB) *office {
	t.Helper()
	o := &office{TB: t, issuer: tokentest.Issuer(t), now: time.Date(2020, 12, 15, 8, 0, 0, 0, time.UTC)}
	service, err := planning.New(run.Options{
		Dir: t.TempDir(), Clock: func() time.Time { return o.now }, Logger: slog.New(slog.DiscardHandler),
		Tokens: o.issuer.Verifier(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Store().Verify(context.Background(), nil); err != nil {
			t.Errorf("the journal is not sound: %v", err)
		}
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	})
	o.store = service.Store()
	scopetest.Give(t, o.store, records.Grants, scopetest.Administrator("quan"), scopetest.Administrator("dung"))
	conn := o.issuer.As("quan", service.Conn())
	o.IndicatorServiceClient = planningpb.NewIndicatorServiceClient(conn)
	o.PeriodServiceClient = planningpb.NewPeriodServiceClient(conn)
	o.TargetServiceClient = planningpb.NewTargetServiceClient(conn)
	o.ProgressServiceClient = planningpb.NewProgressServiceClient(conn)
	o.operations = operationpb.NewOperationServiceClient(conn)
	return o
}

// hanoi is an office that knows the city and two districts, of which Ứng Hòa closes on 1 July 2025, counts Party
// organisations, and plans the year 2020 up to 30 November.
func hanoi(t testing.TB) *office {
	t.Helper()
	o := open(t)
	o.hears(
		unit("ha-noi", "Thành ủy Hà Nội", ""),
		unit("tay-ho", "Quận ủy Tây Hồ", "units/ha-noi"),
		&registrypb.Unit{
			Name: "units/ung-hoa", DisplayName: "Huyện ủy Ứng Hòa", ValidFrom: "2008-08-01", ClosedOn: "2025-07-01", Revision: 1,
			Placements: []*registrypb.Placement{{Tree: "party", Parent: "units/ha-noi", FromDate: "2008-08-01"}},
		},
	)
	must(o.CreateIndicator(t.Context(), askIndicator("party")))(t)
	must(o.CreatePeriod(t.Context(), askPeriod("2020", "2020-01-01", "2020-11-30", "2020-12-31")))(t)
	return o
}

func unit(id, displayName, parent string) *registrypb.Unit {
	return &registrypb.Unit{
		Name: "units/" + id, DisplayName: displayName, ValidFrom: "2008-08-01", Revision: 1,
		Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "2008-08-01"}},
	}
}

// hears takes units over in one command, as the follower of registry does.
func (o *office) hears(units ...*registrypb.Unit) {
	o.Helper()
	o.follows(func(tx *store.Tx, notes *records.Touched) error {
		for _, u := range units {
			if err := notes.ReplaceUnit(tx, u); err != nil {
				return err
			}
		}
		return nil
	})
}

// founded takes over the founding of n organisations on a day; it answers how to correct their number.
func (o *office) founded(unit, day string, n int64) (correct func(n int64)) {
	o.Helper()
	o.facts++
	source, revision := fmt.Sprintf("organisations/%d", o.facts), int64(0)
	correct = func(n int64) {
		o.Helper()
		revision++
		o.follows(func(tx *store.Tx, notes *records.Touched) error {
			return notes.ReplaceFacts(tx, &planningpb.FactSet{
				Source: source, SourceRevision: revision, Facts: []*planningpb.Fact{{
					Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kind: "BASE_CELL", Unit: unit, LegalDate: day, Amount: n,
				}},
			})
		})
	}
	correct(n)
	return correct
}

func (o *office) follows(fn func(tx *store.Tx, notes *records.Touched) error) {
	o.Helper()
	ctx := access.With(o.Context(), access.Service("planning"))
	_, err := store.Update(ctx, o.store, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		notes := records.NewAtlas().NewTouched()
		if err := fn(tx, notes); err != nil {
			return nil, err
		}
		return &emptypb.Empty{}, notes.Judge(tx)
	})
	if err != nil {
		o.Fatal(err)
	}
}

func askIndicator(id string) *planningpb.CreateIndicatorRequest {
	return &planningpb.CreateIndicatorRequest{IndicatorId: id, Indicator: &planningpb.Indicator{
		DisplayName: "Tổ chức đảng thành lập mới", Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED,
		Kinds: []string{"BASE_PARTY_ORGANISATION", "BASE_CELL"}, Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST,
		ResultVerb: "thành lập được", CountedNoun: "tổ chức đảng",
	}}
}

func askPeriod(id, start, cutOff, end string) *planningpb.CreatePeriodRequest {
	return &planningpb.CreatePeriodRequest{PeriodId: id, Period: &planningpb.Period{
		DisplayName: "năm " + id, Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR,
		StartDate: start, EndDate: end, CutOffDate: cutOff,
	}}
}

func askTarget(id, unit string, registered int64) *planningpb.CreateTargetRequest {
	return &planningpb.CreateTargetRequest{TargetId: id, Target: &planningpb.Target{
		Unit: unit, Indicator: "indicators/party", Period: "periods/2020", RegisteredValue: new(registered),
	}}
}

// assign registers a target for a unit of hanoi, if it has none, and assigns it a value.
func (o *office) assign(id string, value int64) {
	o.Helper()
	if _, err := o.GetTarget(o.Context(), &planningpb.GetTargetRequest{Name: "targets/" + id}); err != nil {
		must(o.CreateTarget(o.Context(), askTarget(id, "units/"+id, value)))(o)
	}
	must(o.assignIn(&planningpb.AssignTargetRequest{
		Name: "targets/" + id, AssignedValue: new(value), AssignedDecision: "345-QĐ/TU",
	}))(o)
}

// assignIn assigns what is asked, by two people.
func (o *office) assignIn(req *planningpb.AssignTargetRequest) (*planningpb.Target, error) {
	o.Helper()
	proposed, err := o.AssignTarget(o.Context(), req)
	if err != nil {
		return nil, err
	}
	return o.approve("dung", proposed)
}

// progress is the one line of hanoi's catalogue.
func (o *office) progress(unit, asOf string) *planningpb.IndicatorProgress {
	o.Helper()
	p := must(o.GetProgress(o.Context(), &planningpb.GetProgressRequest{Unit: unit, Period: "periods/2020", AsOf: asOf}))(o)
	return p.GetIndicators()[0]
}

// announced answers the crossings announced after the first n events: kind, target, version and figure.
func (o *office) announced(n uint64) []string {
	o.Helper()
	events, err := o.store.Events(o.Context(), n+1, 1000)
	if err != nil {
		o.Fatal(err)
	}
	out := []string{}
	for _, e := range events {
		var m interface {
			proto.Message
			GetEvidence() *planningpb.Evidence
		}
		kind := e.Type[len("coso.planning.v1."):]
		switch kind {
		case "TargetReached":
			m = &planningpb.TargetReached{}
		case "TargetReachWithdrawn":
			m = &planningpb.TargetReachWithdrawn{}
		case "TargetExceeded":
			m = &planningpb.TargetExceeded{}
		case "TargetExcessWithdrawn":
			m = &planningpb.TargetExcessWithdrawn{}
		default:
			continue
		}
		if err := proto.Unmarshal(e.Data, m); err != nil {
			o.Fatal(err)
		}
		ev := m.GetEvidence()
		out = append(out, fmt.Sprintf("%s %s v%d %d/%d %s", kind, e.Subject, ev.GetTarget().GetVersion(),
			ev.GetFigure().GetActualValue(), ev.GetFigure().GetAssignedValue(), ev.GetUnitDisplayName()))
	}
	return out
}

// must is for calls that succeed.
func must[T any](answer T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return answer
	}
}

// refusal is what a client hears.
type refusal struct {
	Code   codes.Code
	Reason faultpb.Reason
	Field  string
}

// wantRefused complains unless err is this refusal, with texts in both languages.
func wantRefused(t testing.TB, err error, code codes.Code, reason faultpb.Reason, field string) {
	t.Helper()
	st := status.Convert(err)
	e := fault.From(fault.FromStatus(st))
	if e == nil {
		t.Errorf("not refused, want %s %s", code, reason)
		return
	}
	if got, want := (refusal{st.Code(), e.Reason, e.Field}), (refusal{code, reason, field}); got != want {
		t.Errorf("refused with %v (%v), want %v", got, err, want)
	}
	if e.Msg == "" || e.MsgVi == "" || e.Msg == e.MsgVi {
		t.Errorf("texts: %q, %q", e.Msg, e.MsgVi)
	}
}

// contents is everything a planning service holds, and where its journal ends.
type contents struct {
	Records          map[string]proto.Message
	Crossings        []*planningpb.Crossing
	Position, Events uint64
}

// unchanged runs calls and complains if the service does not hold the same after them.
func (o *office) unchanged(calls func()) {
	o.Helper()
	before := o.contents()
	calls()
	if diff := cmp.Diff(before, o.contents(), protocmp.Transform()); diff != "" {
		o.Errorf("something changed (-before +after):\n%s", diff)
	}
}

func (o *office) contents() contents {
	o.Helper()
	out, err := store.View(o.Context(), o.store, func(tx *store.ReadTx) (contents, error) {
		out := contents{Records: map[string]proto.Message{}}
		for c, err := range records.Crossings.All(tx) {
			if err != nil {
				return out, err
			}
			out.Crossings = append(out.Crossings, c)
		}
		return out, firstOf(add(out, records.Indicators.All(tx)), add(out, records.Periods.All(tx)), add(out, records.Targets.All(tx)))
	})
	if err != nil {
		o.Fatal(err)
	}
	out.Position, out.Events = o.store.Head().GetPosition(), o.store.Head().GetEvents()
	return out
}

func add[T interface {
	proto.Message
	GetName() string
}](to contents, all func(func(T, error) bool)) error {
	for rec, err := range all {
		if err != nil {
			return err
		}
		to.Records[rec.GetName()] = rec
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func mask(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }
