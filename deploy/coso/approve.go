package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
	"coso/services/platform/text"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// approveBatch is how many targets are approved by one request, all or none.
const approveBatch = 500

// approveCommand approves what others have proposed to assign.
type approveCommand struct {
	serverFlag
	Period string     `help:"Only of this period, by its id, e.g. 2020." placeholder:"PERIOD"`
	Unit   string     `help:"Only of this unit, by its id, e.g. tay-ho; not of those below it." placeholder:"UNIT"`
	DryRun bool       `help:"Show what waits, and approve nothing."`
	Yes    bool       `help:"Approve without asking."`
	Lang   sheet.Lang `help:"Language of what is asked and said: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run lists what waits for the caller's approval, has the service check it, asks, and approves it: 500 targets at a time, all or none
// of them. Of a target whose proposal has changed meanwhile nothing is approved: what is approved is what was shown.
func (a approveCommand) Run(ctx context.Context, s streams) error {
	query, err := a.query()
	if err != nil {
		return err
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	mine, err := a.targets(ctx, c, query, "decidable")
	if err != nil {
		return err
	}
	all, err := a.targets(ctx, c, query, "undecided")
	if err != nil {
		return err
	}
	if err := a.show(s.out, mine, len(all)-len(mine)); err != nil || len(mine) == 0 {
		return err
	}
	if _, err := a.approve(ctx, c, mine, true); err != nil || a.DryRun {
		return err
	}
	if !a.Yes && !a.confirmed(s.err, os.Stdin, len(mine)) {
		return errors.New(a.tell("chưa phê duyệt gì", "nothing was approved"))
	}
	done, err := a.approve(ctx, c, mine, false)
	if err != nil {
		return fmt.Errorf(a.tell("đã phê duyệt %[1]d trên %[2]d chỉ tiêu: %[3]w", "%[1]d of %[2]d targets are approved: %[3]w"), done, len(mine), err)
	}
	_, err = fmt.Fprintf(s.out, a.tell("Đã phê duyệt %d chỉ tiêu.\n", "%d targets are approved.\n"), done)
	return err
}

func (a approveCommand) tell(vi, en string) string { return importCommand{Lang: a.Lang}.tell(vi, en) }

// query narrows a list to what the command line says.
func (a approveCommand) query() (url.Values, error) {
	q := url.Values{"pageSize": {"500"}}
	for _, f := range []struct{ flag, given, collection, example string }{
		{"period", a.Period, "periods", "2020"}, {"unit", a.Unit, "units", "tay-ho"},
	} {
		if f.given == "" {
			continue
		}
		id, err := progressCommand{Lang: a.Lang}.id("--"+f.flag, f.given, f.collection, f.example)
		if err != nil {
			return nil, err
		}
		q.Set(f.flag, f.collection+"/"+id)
	}
	return q, nil
}

// targets lists those that a filter lets pass, in order of unit and name.
func (a approveCommand) targets(ctx context.Context, c *client.Client, query url.Values, filter string) ([]*planningpb.Target, error) {
	q := url.Values{filter: {"true"}}
	for name, v := range query {
		q[name] = v
	}
	var all []*planningpb.Target
	for {
		page := &planningpb.ListTargetsResponse{}
		if err := c.Get(ctx, "/v1/targets", q, page); err != nil {
			return nil, told(a.Lang, err)
		}
		all = append(all, page.GetTargets()...)
		if page.GetNextPageToken() == "" {
			break
		}
		q.Set("pageToken", page.GetNextPageToken())
	}
	slices.SortStableFunc(all, func(x, y *planningpb.Target) int {
		return strings.Compare(x.GetUnit()+" "+x.GetName(), y.GetUnit()+" "+y.GetName())
	})
	return all, nil
}

// show prints what waits, and for each indicator of a period how many targets there are and what they add up to. others is how
// many wait for somebody else.
func (a approveCommand) show(w io.Writer, mine []*planningpb.Target, others int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(mine) > 0 {
		fmt.Fprintln(t, a.tell("ĐƠN VỊ\tCHỈ TIÊU\tKỲ\tĐANG GIAO\tĐỀ XUẤT\tQUYẾT ĐỊNH\tNGƯỜI ĐỀ XUẤT", "UNIT\tINDICATOR\tPERIOD\tASSIGNED\tPROPOSED\tDECISION\tPROPOSED BY"))
	}
	type group struct{ indicator, period string }
	var order []group
	number, sum := map[group]int{}, map[group]int64{}
	for _, x := range mine {
		p := x.GetProposal()
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", bare(x.GetUnit()), bare(x.GetIndicator()), bare(x.GetPeriod()), assignedNow(x),
			text.NumberVN(p.GetAssignedValue()), p.GetAssignedDecision(), proposer(p))
		g := group{bare(x.GetIndicator()), bare(x.GetPeriod())}
		if number[g] == 0 {
			order = append(order, g)
		}
		number[g]++
		sum[g] += p.GetAssignedValue()
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range order {
		if _, err := fmt.Fprintf(w, a.tell("%s, kỳ %s: %d chỉ tiêu, tổng %s\n", "%s, period %s: %d targets, %s in all\n"),
			g.indicator, g.period, number[g], text.NumberVN(sum[g])); err != nil {
			return err
		}
	}
	if len(mine) == 0 {
		fmt.Fprintln(w, a.tell("Không có chỉ tiêu nào chờ tài khoản này phê duyệt.", "No target waits for the approval of this account."))
	}
	if others == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, a.tell("%d chỉ tiêu khác chờ người khác phê duyệt: do chính tài khoản này đề xuất, hoặc ngoài phạm vi phê duyệt.\n",
		"%d others wait for somebody else: this account proposed them, or may not approve there.\n"), others)
	return err
}

// approve approves targets, or only has it checked, and answers how many are approved.
func (a approveCommand) approve(ctx context.Context, c *client.Client, targets []*planningpb.Target, check bool) (done int, err error) {
	for batch := range slices.Chunk(targets, approveBatch) {
		in := &planningpb.BatchApproveTargetsRequest{ValidateOnly: check}
		seen := sha256.New()
		for _, t := range batch {
			in.Requests = append(in.Requests, &planningpb.ApproveTargetRequest{Name: t.GetName(), Etag: t.GetEtag()})
			fmt.Fprintln(seen, t.GetName(), t.GetEtag())
		}
		if !check {
			in.RequestId = "approve-" + hex.EncodeToString(seen.Sum(nil))
		}
		if err := c.Post(ctx, "/v1/targets:batchApprove", nil, in, nil); err != nil {
			return done, told(a.Lang, err)
		}
		done += len(batch)
	}
	return done, nil
}

// confirmed asks, and reports whether the answer is yes.
func (a approveCommand) confirmed(w io.Writer, in io.Reader, number int) bool {
	fmt.Fprintf(w, a.tell("Phê duyệt %d chỉ tiêu trên? [c/K] ", "Approve these %d targets? [y/N] "), number)
	line, _ := bufio.NewReader(in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "c", "có", "co", "y", "yes":
		return true
	}
	return false
}

// assignedNow is the value that counts.
func assignedNow(t *planningpb.Target) string {
	if t.AssignedValue == nil {
		return "–"
	}
	return text.NumberVN(t.GetAssignedValue())
}

// proposer names who proposed, and in whose stead.
func proposer(p *planningpb.TargetProposal) string {
	by := bare(p.GetProposed().GetPrincipal())
	if stead := p.GetProposed().GetOnBehalfOf(); stead != "" {
		by += " (" + bare(stead) + ")"
	}
	return by
}

func bare(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
