package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"coso/deploy/internal/client"
	"coso/deploy/internal/report"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func progressOf(t *testing.T, c *client.Client, unit, asOf string) *planningpb.Progress {
	t.Helper()
	p := &planningpb.Progress{}
	q := url.Values{"period": {"periods/2020"}, "asOf": {asOf}}
	if err := c.Get(t.Context(), "/v1/units/"+unit+"/progress", q, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func indicator(t *testing.T, p *planningpb.Progress, id string) *planningpb.IndicatorProgress {
	t.Helper()
	for _, i := range p.GetIndicators() {
		if i.GetIndicator() == "indicators/"+id {
			return i
		}
	}
	t.Fatalf("no indicator %s in the progress of %s", id, p.GetUnit())
	return nil
}

// The published figures, read back over HTTP after the whole way through four services; and the same after a restart.
func TestHanoi2020(t *testing.T) {
	for name, start := range ways() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := start(t, dir)
			set := read(t, dataSet)
			c := s.load(t, set)
			var out strings.Builder
			if err := set.Show(t.Context(), c, &out); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{
				"Thành ủy Hà Nội · năm 2020 · tính đến ngày 30/11/2020",
				"thành lập được 100/70 tổ chức đảng, đạt 142,86% kế hoạch năm 2020.",
				"423/228", "185,53%", "243/239", "101,67%", "4.857/4.511", "107,67%", "29.793",
				"5 đơn vị chưa hoàn thành kế hoạch", "Quận ủy Tây Hồ", "Huyện ủy Ứng Hòa", "Huyện ủy Phúc Thọ", "Huyện ủy Mỹ Đức", "Huyện ủy Đan Phượng",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if err := set.Verify(t.Context(), c); err != nil {
				t.Error(err)
			}
			before := progressOf(t, c, "ha-noi", "2020-11-30")
			s.load(t, set)
			s.stop()
			again := start(t, dir)
			if err := set.Verify(t.Context(), again.client(t)); err != nil {
				t.Errorf("after a restart: %v", err)
			}
			if diff := cmp.Diff(before, progressOf(t, again.client(t), "ha-noi", "2020-11-30"), protocmp.Transform()); diff != "" {
				t.Errorf("after loading twice and a restart:\n%s", diff)
			}
		})
	}
}

// cell is a Party organisation of the data set on which no intake rests.
const cell = "minh-hoa-010-cau-giay-chi-bo-co-so"

// The figures come from the sheets: one founding less, or one after the cut-off, and they are not the published ones.
func TestTheDemoCannotBeFaked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(lines []string) []string
	}{
		{"one organisation less", func(lines []string) []string {
			return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, cell+",") })
		}},
		{"one founding after the cut-off", func(lines []string) []string {
			for i, l := range lines {
				if strings.HasPrefix(l, cell+",") {
					f := strings.Split(l, ",")
					f[len(f)-2] = "2020-12-01"
					lines[i] = strings.Join(f, ",")
				}
			}
			return lines
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, set, cl := loaded(t, variant(t, "organisations.csv", c.change))
			got := indicator(t, progressOf(t, cl, "ha-noi", "2020-12-31"), "party-organisations")
			if f := report.Fraction(got.GetFigure()); f != "99/70" {
				t.Errorf("%s, want 99/70", f)
			}
			err := set.Verify(t.Context(), cl)
			if err == nil || !strings.Contains(err.Error(), "ha-noi, party-organisations: 99/70") {
				t.Errorf("verify says %v", err)
			}
		})
	}
}

// The order in which an office's rows arrive says nothing.
func TestShuffledSheets(t *testing.T) {
	_, _, plain := loaded(t, dataSet)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	_, set, shuffled := loaded(t, variant(t, "", func(lines []string) []string {
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		return lines
	}))
	if err := set.Verify(t.Context(), shuffled); err != nil {
		t.Error(err)
	}
	for _, unit := range []string{"ha-noi", "tay-ho", "ba-dinh"} {
		a, b := progressOf(t, plain, unit, "2020-11-30"), progressOf(t, shuffled, unit, "2020-11-30")
		if diff := cmp.Diff(a, b, protocmp.Transform()); diff != "" {
			t.Errorf("%s:\n%s", unit, diff)
		}
	}
}

// nomination waits until a nomination has the state, and answers it. The answer to a change in another service comes by
// event, so it may take a moment.
func nomination(t *testing.T, c *client.Client, target string, want awardpb.NominationState) *awardpb.Nomination {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		n := &awardpb.Nomination{}
		err := c.Get(ctx, "/v1/nominations/"+target, nil, n)
		if err == nil && n.GetState() == want {
			return n
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nomination of %s is %v (%v), want %v", target, n.GetState(), err, want)
		}
	}
}

// Correcting a figure downwards withdraws the excess and flags the nomination; upwards again it is live again, with the
// history of all of it.
func TestCorrectionWithdrawsAndReturns(t *testing.T) {
	s, _, c := loaded(t, dataSet)
	unit, target := barelyExceeded(t, c)
	opened := nomination(t, c, target, awardpb.NominationState_NOMINATION_STATE_OPEN)
	org := oneOf(t, c, unit)
	if a := s.call(t, "POST", "/v1/"+org.GetName()+":withdraw", `{"reason":"nhập nhầm"}`); a.code != 200 {
		t.Fatalf("withdraw: %s", a.raw)
	}
	flagged := nomination(t, c, target, awardpb.NominationState_NOMINATION_STATE_EXCESS_WITHDRAWN)
	if got := flagged.GetWithdrawal().GetFigure().GetActualValue(); got != opened.GetEvidence().GetFigure().GetActualValue()-1 {
		t.Errorf("flagged at %d", got)
	}
	if diff := cmp.Diff(opened.GetEvidence(), flagged.GetEvidence(), protocmp.Transform()); diff != "" {
		t.Errorf("the evidence changed:\n%s", diff)
	}
	body := fmt.Sprintf(`{"displayName":"Chi bộ Minh Họa bổ sung","kind":"ORGANISATION_KIND_BASE_CELL","enterprise":%q,"unit":%q,"foundedOn":"2020-06-01"}`,
		org.GetEnterprise(), org.GetUnit())
	if a := s.call(t, "POST", "/v1/organisations?organisationId=bo-sung", body); a.code != 200 {
		t.Fatalf("found again: %s", a.raw)
	}
	again := nomination(t, c, target, awardpb.NominationState_NOMINATION_STATE_OPEN)
	if again.GetWithdrawal() != nil || again.GetRevision() != 3 {
		t.Errorf("live again with %v at revision %d", again.GetWithdrawal(), again.GetRevision())
	}
	h := s.call(t, "GET", "/v1/nominations/"+target+":history", "")
	if revisions, _ := h.body["revisions"].([]any); len(revisions) != 3 {
		t.Errorf("history: %s", h.raw)
	}
}

// barelyExceeded finds a district that founded exactly one Party organisation more than planned.
func barelyExceeded(t *testing.T, c *client.Client) (unit, target string) {
	t.Helper()
	list := &awardpb.ListNominationsResponse{}
	progressOf(t, c, "ha-noi", "2020-11-30")
	if err := c.Get(t.Context(), "/v1/nominations", url.Values{"indicator": {"indicators/party-organisations"}, "pageSize": {"500"}}, list); err != nil {
		t.Fatal(err)
	}
	for _, n := range list.GetNominations() {
		f := n.GetEvidence().GetFigure()
		p := indicator(t, progressOf(t, c, strings.TrimPrefix(n.GetUnit(), "units/"), "2020-11-30"), "party-organisations").GetFigure()
		if p.GetActualValue() == f.GetAssignedValue()+1 {
			return n.GetUnit(), strings.TrimPrefix(n.GetTarget(), "targets/")
		}
	}
	t.Fatal("no district exceeds its plan by one")
	return "", ""
}

// oneOf answers a Party organisation of the unit.
func oneOf(t *testing.T, c *client.Client, unit string) *registrypb.Organisation {
	t.Helper()
	list := &registrypb.ListOrganisationsResponse{}
	q := url.Values{"unit": {unit}, "kinds": {"ORGANISATION_KIND_BASE_CELL"}, "pageSize": {"1"}}
	if err := c.Get(t.Context(), "/v1/organisations", q, list); err != nil || len(list.GetOrganisations()) == 0 {
		t.Fatalf("no base cell in %s: %v", unit, err)
	}
	return list.GetOrganisations()[0]
}
