package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	awardpb "coso/proto/gen/coso/award/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	"coso/deploy/internal/client"
	"coso/deploy/internal/single"
)

const (
	// offices are how many write at once.
	offices = 4
	// cityTarget and districtTarget are assigned to the city and to each district.
	cityTarget, districtTarget = 40, 10
)

// districts are the units in which organisations are founded.
func districts() []string { return []string{"ba-dinh", "tay-ho", "dong-da"} }

// founding is what an office was told.
type founding struct {
	unit      string
	withdrawn bool
}

// ledger is what all offices were told, by the organisation's and by the intake's id.
type ledger struct {
	mu      sync.Mutex
	all     map[string]founding
	intakes map[string]admission
}

func (l *ledger) note(id string, f founding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[id] = f
}

// count answers how many foundings stand, in a unit or in all.
func (l *ledger) count(unit string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, f := range l.all {
		if !f.withdrawn && (unit == "ha-noi" || f.unit == unit) {
			n++
		}
	}
	return n
}

// Whatever process is killed at whatever moment: what an office was told has happened, once; the figures are a recount's,
// and nominations are what the figures say.
func TestKilledAtRandom(t *testing.T) { killedAtRandom(t, 8*time.Second, rand.Uint64()) }

// killedAtRandom lets offices write while processes are killed and started again.
func killedAtRandom(t *testing.T, length time.Duration, seed uint64) {
	t.Helper()
	dir := t.TempDir()
	f := newFleet(t, dir)
	f.up(names()...)
	f.ready(names()...)
	plan(t, f.server)

	told := &ledger{all: map[string]founding{}, intakes: map[string]admission{}}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var writing sync.WaitGroup
	for i := range offices {
		writing.Go(func() {
			if err := office(ctx, f.server.client(t), f.server.client(t), i, rand.New(rand.NewPCG(seed, uint64(i))), told); err != nil {
				t.Error(err)
			}
		})
	}
	kills := killing(ctx, f, rand.New(rand.NewPCG(seed, offices)))
	f.ready(names()...)
	writing.Wait()
	t.Logf("seed %d: %d organisations founded, %d stand; %d intakes, %d members stand; kills %v",
		seed, len(told.all), told.count("ha-noi"), len(told.intakes), told.members("ha-noi"), kills)
	if t.Failed() {
		return
	}
	c := f.server.client(t)
	there(t, c, told)
	admitted(t, c, told)
	figures(t, c, told)
	f.stop(names()...)
	for _, service := range single.Services() {
		if _, err := store.VerifyFile(t.Context(), dir, service, nil); err != nil {
			t.Errorf("the journal of %s: %v", service, err)
		}
	}
}

// plan makes a city with districts, enterprises and assigned targets.
func plan(t *testing.T, s *server) {
	t.Helper()
	c := s.client(t)
	post := func(path string, in, out proto.Message) {
		t.Helper()
		if err := c.Post(t.Context(), path, nil, in, out); err != nil {
			t.Fatalf("POST %s: %v", path, err)
		}
	}
	unit := func(id, parent string) {
		p := &registrypb.Placement{Tree: "party", Parent: parent, FromDate: "2008-08-01"}
		post("/v1/units?unitId="+id, &registrypb.Unit{DisplayName: id, Level: "DISTRICT_COMMITTEE", ValidFrom: "2008-08-01", Placements: []*registrypb.Placement{p}}, &registrypb.Unit{})
	}
	post("/v1/indicators?indicatorId=cells", &planningpb.Indicator{
		DisplayName: "Chi bộ", Measure: planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED, Kinds: []string{"BASE_CELL"},
		Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "thành lập được", CountedNoun: "chi bộ",
	}, &planningpb.Indicator{})
	post("/v1/indicators?indicatorId=members", &planningpb.Indicator{
		DisplayName: "Đảng viên", Measure: planningpb.Measure_MEASURE_MEMBERS_ADMITTED, Kinds: []string{"PARTY_MEMBER"},
		Comparator: planningpb.Comparator_COMPARATOR_AT_LEAST, ResultVerb: "kết nạp mới", CountedNoun: "đảng viên",
	}, &planningpb.Indicator{})
	post("/v1/periods?periodId=2020", &planningpb.Period{
		DisplayName: "năm 2020", Kind: planningpb.PeriodKind_PERIOD_KIND_CALENDAR_YEAR, StartDate: "2020-01-01", EndDate: "2020-12-31", CutOffDate: "2020-12-31",
	}, &planningpb.Period{})
	unit("ha-noi", "")
	for i, d := range districts() {
		unit(d, "units/ha-noi")
		post("/v1/enterprises?enterpriseId="+d, &registrypb.Enterprise{
			DisplayName: "Công ty " + d, TaxCode: []string{"0199000017", "0199000024", "0199000031"}[i], LegalForm: registrypb.LegalForm_LEGAL_FORM_LLC, Unit: "units/" + d,
		}, &registrypb.Enterprise{})
	}
	for _, u := range append(districts(), "ha-noi") {
		assigned := int64(districtTarget)
		if u == "ha-noi" {
			assigned = cityTarget
		}
		post("/v1/targets?targetId="+u, &planningpb.Target{Unit: "units/" + u, Indicator: "indicators/cells", Period: "periods/2020"}, &planningpb.Target{})
		if a := s.assign(t, u, fmt.Sprintf(`{"assignedValue":"%d","assignedDecision":"1-QĐ/TU"}`, assigned)); a.code != 200 {
			t.Fatal(a.raw)
		}
	}
	if err := c.Get(t.Context(), "/v1/intakes", nil, &membershippb.ListIntakesResponse{}); err != nil { // membership has heard of the units
		t.Fatal(err)
	}
}

// office founds organisations and reports intakes until the time is over, and now and then withdraws one. Each request is
// sent with its id until it is acknowledged, the last ones too. A desk of its own reports the intakes: it does not wait until
// membership has heard of the organisations.
func office(ctx context.Context, c, desk *client.Client, number int, r *rand.Rand, told *ledger) error {
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("v%d-%d", number, n)
		unit := districts()[r.IntN(len(districts()))]
		o := &registrypb.Organisation{
			DisplayName: "Chi bộ " + id, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL,
			Enterprise: "enterprises/" + unit, Unit: "units/" + unit, FoundedOn: fmt.Sprintf("2020-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)),
		}
		if err := insist(patient, c, "/v1/organisations", url.Values{"organisationId": {id}, "requestId": {"found-" + id}}, o); err != nil {
			return fmt.Errorf("found %s: %w", id, err)
		}
		told.note(id, founding{unit: unit})
		if err := admit(patient, desk, "dot-"+id, unit, r, told); err != nil {
			return err
		}
		if r.IntN(5) > 0 {
			continue
		}
		w := &registrypb.WithdrawOrganisationRequest{Reason: "nhập nhầm", RequestId: "withdraw-" + id}
		if err := insist(patient, c, "/v1/organisations/"+id+":withdraw", nil, w); err != nil {
			return fmt.Errorf("withdraw %s: %w", id, err)
		}
		told.note(id, founding{unit: unit, withdrawn: true})
	}
	return nil
}

// insist sends a request until it is acknowledged.
func insist(ctx context.Context, c *client.Client, path string, q url.Values, in proto.Message) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.Post(ctx, path, q, in, nil)
		if err == nil {
			return nil
		}
		if refusedForGood(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// killing kills processes at random moments and starts them again, until the time is over: each has its turn before any has
// the next. It answers how often each was killed.
func killing(ctx context.Context, f *fleet, r *rand.Rand) map[string]int {
	kills := map[string]int{}
	pause := func(limit time.Duration) {
		timer := time.NewTimer(time.Duration(r.Int64N(int64(limit))))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	var turn []string
	for ctx.Err() == nil || len(kills) < len(names()) {
		pause(600 * time.Millisecond)
		if len(turn) == 0 {
			turn = names()
			r.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
		}
		victim := turn[0]
		turn = turn[1:]
		f.kill(victim)
		kills[victim]++
		pause(300 * time.Millisecond)
		f.up(victim)
	}
	return kills
}

// there holds the organisations that are there against what the offices were told: each once, and nothing else.
func there(t *testing.T, c *client.Client, told *ledger) {
	t.Helper()
	seen := map[string]int{}
	for _, o := range organisations(t, c) {
		id := path.Base(o.GetName())
		seen[id]++
		want, known := told.all[id]
		if !known || path.Base(o.GetUnit()) != want.unit || (o.GetState() == registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN) != want.withdrawn {
			t.Errorf("%s in %s is %s; the office was told %+v (%t)", id, o.GetUnit(), o.GetState(), want, known)
		}
		revision := int64(1)
		if want.withdrawn {
			revision = 2
		}
		if o.GetRevision() != revision {
			t.Errorf("%s has revision %d, want %d", id, o.GetRevision(), revision)
		}
	}
	for id := range told.all {
		if seen[id] != 1 {
			t.Errorf("%s is there %d times", id, seen[id])
		}
	}
}

// organisations walks all pages of those that stand and of those that were withdrawn, which have a list of their own.
func organisations(t *testing.T, c *client.Client) []*registrypb.Organisation {
	t.Helper()
	var out []*registrypb.Organisation
	for _, state := range []string{"ORGANISATION_STATE_UNSPECIFIED", "ORGANISATION_STATE_WITHDRAWN"} {
		q := url.Values{"pageSize": {"500"}, "state": {state}}
		for more := true; more; {
			page := &registrypb.ListOrganisationsResponse{}
			if err := c.Get(t.Context(), "/v1/organisations", q, page); err != nil {
				t.Fatal(err)
			}
			out = append(out, page.GetOrganisations()...)
			q.Set("pageToken", page.GetNextPageToken())
			more = page.GetNextPageToken() != ""
		}
	}
	return out
}

// figures holds progress against a recount, and nominations against the figures.
func figures(t *testing.T, c *client.Client, told *ledger) {
	t.Helper()
	for _, unit := range append(districts(), "ha-noi") {
		want, members := told.count(unit), told.members(unit)
		within(t, 30*time.Second, "progress of "+unit+" is a recount's", func() error {
			p := &planningpb.Progress{}
			if err := c.Get(t.Context(), "/v1/units/"+unit+"/progress", url.Values{"period": {"periods/2020"}, "asOf": {"2020-12-31"}}, p); err != nil {
				return err
			}
			if got := indicator(t, p, "cells").GetFigure().GetActualValue(); got != want {
				return fmt.Errorf("it is %d, a recount gives %d", got, want)
			}
			if got := indicator(t, p, "members").GetFigure().GetActualValue(); got != members {
				return fmt.Errorf("of members it is %d, a recount gives %d", got, members)
			}
			return nil
		})
		assigned := int64(districtTarget)
		if unit == "ha-noi" {
			assigned = cityTarget
		}
		within(t, 30*time.Second, "the nomination of "+unit+" is what the figure says", func() error { return nominated(t, c, unit, want > assigned) })
	}
}

// nominated says how the nominations of a unit differ from what its figure says.
func nominated(t *testing.T, c *client.Client, unit string, exceeded bool) error {
	t.Helper()
	list := &awardpb.ListNominationsResponse{}
	if err := c.Get(t.Context(), "/v1/nominations", url.Values{"unit": {"units/" + unit}, "pageSize": {strconv.Itoa(500)}}, list); err != nil {
		return err
	}
	all := slices.DeleteFunc(list.GetNominations(), func(n *awardpb.Nomination) bool { return n.GetUnit() != "units/"+unit })
	open := len(all) == 1 && all[0].GetState() == awardpb.NominationState_NOMINATION_STATE_OPEN
	if len(all) > 1 || open != exceeded {
		return fmt.Errorf("exceeded is %t, nominations are %v", exceeded, all)
	}
	return nil
}

// refusedForGood says that a refusal will not change when the request is sent again.
func refusedForGood(err error) bool {
	for _, passing := range []string{"no server answers", "cannot reach", "read the answer"} {
		if strings.Contains(err.Error(), passing) {
			return false
		}
	}
	return !unavailable(err)
}

// unavailable says that a refusal is one that passes.
func unavailable(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.KindUnavailable || kind == fault.KindDeadlineExceeded
}
