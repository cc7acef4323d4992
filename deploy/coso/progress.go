package main

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"coso/deploy/internal/report"
	"coso/deploy/internal/sheet"
	"coso/services/platform/civil"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// progressCommand shows a unit's progress.
type progressCommand struct {
	serverFlag
	Unit   string     `help:"Unit, by its id, e.g. ha-noi." required:"" placeholder:"UNIT"`
	Period string     `help:"Period, by its id, e.g. 2020." required:"" placeholder:"PERIOD"`
	AsOf   string     `help:"Count to this day, YYYY-MM-DD; default: today, or the period's cut-off if that is past." placeholder:"DAY"`
	Lang   sheet.Lang `help:"Language of refusals: vi or en; the report is in Vietnamese." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run prints a table, the official sentences and the units below plan. What cannot be the name of a unit or period, or a
// day, is refused before the server is asked.
func (p progressCommand) Run(ctx context.Context, s streams) error {
	unit, err := p.id("--unit", p.Unit, "units", "ha-noi")
	if err != nil {
		return err
	}
	id, err := p.id("--period", p.Period, "periods", "2020")
	if err != nil {
		return err
	}
	if _, err := civil.Parse(p.AsOf); p.AsOf != "" && err != nil {
		return fmt.Errorf(p.tell("--as-of: %q không phải là một ngày viết theo dạng NĂM-THÁNG-NGÀY; hãy viết như 2020-11-30",
			"--as-of: %q is no day written YYYY-MM-DD; write it like 2020-11-30"), p.AsOf)
	}
	c, err := p.client(p.Lang)
	if err != nil {
		return err
	}
	period := &planningpb.Period{}
	if err := c.Get(ctx, "/v1/periods/"+id, nil, period); err != nil {
		return p.refused(err)
	}
	q := url.Values{"period": {period.GetName()}}
	if p.AsOf != "" {
		q.Set("asOf", p.AsOf)
	}
	got := &planningpb.Progress{}
	if err := c.Get(ctx, "/v1/units/"+unit+"/progress", q, got); err != nil {
		return p.refused(err)
	}
	return report.Progress(s.out, got, period.GetDisplayName())
}

// anID is what the id of a resource looks like.
var anID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// id takes the id out of a flag, which may hold the whole name of a resource of a collection.
func (p progressCommand) id(flag, given, collection, example string) (string, error) {
	id := strings.TrimPrefix(given, collection+"/")
	if !anID.MatchString(id) {
		return "", fmt.Errorf(p.tell("%[1]s: %[2]q không thể là mã; mã chỉ gồm chữ thường không dấu, chữ số và gạch nối, dài tối đa 63 ký tự, ví dụ %[3]s; "+
			"`coso export --dir - %[4]s` liệt kê các mã hiện có",
			"%[1]s: %[2]q can be no id; an id is of small letters without marks, digits and hyphens, at most 63, e.g. %[3]s; "+
				"`coso export --dir - %[4]s` lists those there are"), flag, given, example, collection)
	}
	return id, nil
}

// refused is what the server says, in the clerk's language.
func (p progressCommand) refused(err error) error { return told(p.Lang, err) }

func (p progressCommand) tell(vi, en string) string { return importCommand{Lang: p.Lang}.tell(vi, en) }
