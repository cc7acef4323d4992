package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// journeys is how many foundings of a round are followed to their nominations.
const journeys = 20

// nominations measures the way through all services: from a founding sent over HTTP, that exceeds a target, to the opened
// nomination read over HTTP.
func nominations(ctx context.Context, w io.Writer, s settings) (err error) {
	o, err := openOffice(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	fs, err := compare(s.rounds, 0, contender{"founding to nomination", func(time.Duration) (figure, error) {
		start := time.Now()
		var times []time.Duration
		for range journeys {
			took, err := journey(ctx, o, numbers.Add(1))
			if err != nil {
				return figure{}, err
			}
			times = append(times, took)
		}
		return summarise(times, time.Since(start)), nil
	}})
	if err != nil {
		return err
	}
	return table(w, "From a founding over HTTP to the opened nomination over HTTP",
		[]string{"one after the other", "p50", "p99"}, [][]string{{fmt.Sprint(journeys * s.rounds), short(fs[0].p50), short(fs[0].p99)}})
}

// journey makes a unit with a target of 0 organisations, founds one, and waits for the nomination.
func journey(ctx context.Context, o *office, n int64) (time.Duration, error) {
	c := o.c
	id := fmt.Sprintf("bench-%d", n)
	day := "2020-01-01"
	unit := &registrypb.Unit{DisplayName: id, Level: "DISTRICT_COMMITTEE", ValidFrom: day, Placements: []*registrypb.Placement{
		{Tree: "party", Parent: "units/ha-noi", FromDate: day},
	}}
	zero := int64(0)
	target := &planningpb.Target{Unit: "units/" + id, Indicator: "indicators/party-organisations", Period: "periods/2020"}
	err := errors.Join(
		c.Post(ctx, "/v1/units", url.Values{"unitId": {id}}, unit, &registrypb.Unit{}),
		c.Post(ctx, "/v1/targets", url.Values{"targetId": {id}}, target, &planningpb.Target{}),
		c.Post(ctx, "/v1/targets/"+id+":assign", nil,
			&planningpb.AssignTargetRequest{Name: "targets/" + id, AssignedValue: &zero, AssignedDecision: "1-QĐ/TU"}, target),
		o.approver.Post(ctx, "/v1/targets/"+id+":approve", nil, &planningpb.ApproveTargetRequest{Name: "targets/" + id, Etag: target.GetEtag()}, nil),
	)
	if err != nil {
		return 0, err
	}
	founding := &registrypb.Organisation{
		DisplayName: id, Kind: registrypb.OrganisationKind_ORGANISATION_KIND_BASE_CELL, Unit: "units/" + id,
		Enterprise: "enterprises/minh-hoa-001-ba-dinh", FoundedOn: "2020-06-01",
	}
	start := time.Now()
	if err := c.Post(ctx, "/v1/organisations", url.Values{"organisationId": {id}}, founding, &registrypb.Organisation{}); err != nil {
		return 0, err
	}
	// Reading planning waits for registry's event, and answers the position that award then waits for.
	q := url.Values{"period": {"periods/2020"}}
	if err := c.Get(ctx, "/v1/units/"+id+"/progress", q, &planningpb.Progress{}); err != nil {
		return 0, err
	}
	got := &awardpb.Nomination{}
	if err := c.Get(ctx, "/v1/nominations/"+id, nil, got); err != nil {
		return 0, err
	}
	if got.GetState() != awardpb.NominationState_NOMINATION_STATE_OPEN {
		return 0, fmt.Errorf("the nomination is %s", got.GetState())
	}
	return time.Since(start), nil
}
