package main

import (
	"context"
	"net/url"
	"strings"

	"coso/deploy/internal/client"
	"coso/deploy/internal/report"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// progressCommand shows a unit's progress.
type progressCommand struct {
	serverFlag
	Unit   string `help:"Unit, e.g. ha-noi." required:""`
	Period string `help:"Period, e.g. 2020." required:""`
	AsOf   string `help:"Count to this day, YYYY-MM-DD; default: today."`
}

// Run prints a table, the official sentences and the units below plan.
func (p progressCommand) Run(ctx context.Context, s streams) error {
	c := client.New(p.Server)
	period := &planningpb.Period{}
	if err := c.Get(ctx, "/v1/periods/"+url.PathEscape(bare(p.Period)), nil, period); err != nil {
		return err
	}
	q := url.Values{"period": {period.GetName()}}
	if p.AsOf != "" {
		q.Set("asOf", p.AsOf)
	}
	got := &planningpb.Progress{}
	if err := c.Get(ctx, "/v1/units/"+url.PathEscape(bare(p.Unit))+"/progress", q, got); err != nil {
		return err
	}
	return report.Progress(s.out, got, period.GetDisplayName())
}

// bare takes the id out of a resource name; an id stays as it is.
func bare(name string) string { return name[strings.LastIndex(name, "/")+1:] }
