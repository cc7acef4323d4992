package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/sheet"
	"coso/services/platform/text"

	planningpb "coso/proto/gen/coso/planning/v1"
)

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
	c, err := a.client(a.Lang)
	if err != nil {
		return err
	}
	mine, err := approval.List(ctx, c, query, approval.Decidable)
	if err != nil {
		return told(a.Lang, err)
	}
	all, err := approval.List(ctx, c, query, approval.Undecided)
	if err != nil {
		return told(a.Lang, err)
	}
	if err := a.show(s.out, mine, len(all)-len(mine)); err != nil || len(mine) == 0 {
		return err
	}
	if _, err := approval.Approve(ctx, c, mine, true); err != nil || a.DryRun {
		return told(a.Lang, err)
	}
	if !a.Yes && !a.confirmed(s.err, os.Stdin, len(mine)) {
		return errors.New(a.tell("chưa phê duyệt gì", "nothing was approved"))
	}
	done, err := approval.Approve(ctx, c, mine, false)
	if err != nil {
		return fmt.Errorf(a.tell("đã phê duyệt %[1]d trên %[2]d chỉ tiêu: %[3]w", "%[1]d of %[2]d targets are approved: %[3]w"), done, len(mine), told(a.Lang, err))
	}
	_, err = fmt.Fprintf(s.out, a.tell("Đã phê duyệt %d chỉ tiêu.\n", "%d targets are approved.\n"), done)
	return err
}

func (a approveCommand) tell(vi, en string) string { return importCommand{Lang: a.Lang}.tell(vi, en) }

// query narrows a list to what the command line says.
func (a approveCommand) query() (url.Values, error) {
	q := url.Values{}
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

// show prints what waits, and for each indicator of a period how many targets there are and what they add up to. others is how
// many wait for somebody else.
func (a approveCommand) show(w io.Writer, mine []*planningpb.Target, others int) error {
	var rows, sums strings.Builder
	if len(mine) == 0 {
		sums.WriteString(a.tell("Không có chỉ tiêu nào chờ tài khoản này phê duyệt.\n", "No target waits for the approval of this account.\n"))
	} else {
		rows.WriteString(a.tell("ĐƠN VỊ\tCHỈ TIÊU\tKỲ\tĐANG GIAO\tĐỀ XUẤT\tQUYẾT ĐỊNH\tNGƯỜI ĐỀ XUẤT\n", "UNIT\tINDICATOR\tPERIOD\tASSIGNED\tPROPOSED\tDECISION\tPROPOSED BY\n"))
	}
	for _, t := range mine {
		p := t.GetProposal()
		fmt.Fprintf(&rows, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", bare(t.GetUnit()), bare(t.GetIndicator()), bare(t.GetPeriod()), assignedNow(t),
			text.NumberVN(p.GetAssignedValue()), p.GetAssignedDecision(), proposer(p))
	}
	for _, s := range sumsOf(mine) {
		fmt.Fprintf(&sums, a.tell("%s, kỳ %s: %d chỉ tiêu, tổng %s\n", "%s, period %s: %d targets, %s in all\n"),
			bare(s.indicator), bare(s.period), s.number, text.NumberVN(s.value))
	}
	if others > 0 {
		fmt.Fprintf(&sums, a.tell("%d chỉ tiêu khác chờ người khác phê duyệt: do chính tài khoản này đề xuất, hoặc ngoài phạm vi phê duyệt.\n",
			"%d others wait for somebody else: this account proposed them, or may not approve there.\n"), others)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(t, rows.String())
	if err := errors.Join(err, t.Flush()); err != nil {
		return err
	}
	_, err = io.WriteString(w, sums.String())
	return err
}

// sum is what the targets of an indicator in a period add up to.
type sum struct {
	indicator, period string
	number            int
	value             int64
}

// sumsOf adds up what is proposed, in the order in which indicators and periods first come.
func sumsOf(targets []*planningpb.Target) (sums []sum) {
	for _, t := range targets {
		at := slices.IndexFunc(sums, func(s sum) bool { return s.indicator == t.GetIndicator() && s.period == t.GetPeriod() })
		if at < 0 {
			at, sums = len(sums), append(sums, sum{indicator: t.GetIndicator(), period: t.GetPeriod()})
		}
		sums[at].number++
		sums[at].value += t.GetProposal().GetAssignedValue()
	}
	return sums
}

// confirmed asks, and reports whether the answer is yes. Whoever cannot be asked, or does not answer, has not said so.
func (a approveCommand) confirmed(w io.Writer, in io.Reader, number int) bool {
	_, unasked := fmt.Fprintf(w, a.tell("Phê duyệt %d chỉ tiêu trên? [c/K] ", "Approve these %d targets? [y/N] "), number)
	line, err := bufio.NewReader(in).ReadString('\n')
	if unasked != nil || err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return slices.Contains([]string{"c", "có", "co", "y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
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
