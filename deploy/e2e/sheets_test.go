package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/sheet"
)

// send sends one sheet of a data set.
func send(t *testing.T, c *client.Client, dir, file string) error {
	t.Helper()
	s, err := sheet.Read(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return s.Send(t.Context(), c, nil)
}

// An office assigns its plan before anything is founded, and results come in one event at a time: every crossing is then
// judged by what the followers hear.
func TestPlanBeforeResults(t *testing.T) {
	s := start(t, t.TempDir())
	c := s.client(t)
	for _, file := range []string{
		"units.csv", "indicators.csv", "periods.csv", "targets.csv", "enterprises.csv", "organisations.csv", "intakes.csv",
	} {
		if err := send(t, c, dataSet, file); err != nil {
			t.Fatal(err)
		}
		if _, err := approval.All(t.Context(), s.Lan(t).Client); err != nil {
			t.Fatal(err)
		}
		seen(t, c)
	}
	if err := read(t, dataSet).Verify(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// A sheet is sent again with one row more and the others in another order: the new row comes in, nothing else happens.
func TestASheetThatHasGrown(t *testing.T) {
	_, _, c := loaded(t, dataSet)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	grown := variant(t, "organisations.csv", func(lines []string) []string {
		lines = append(lines, "bo-sung,BASE_CELL,Chi bộ Minh Họa bổ sung,minh-hoa-001-ba-dinh,ba-dinh,2020-06-01,")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		return lines
	})
	if err := send(t, c, grown, "organisations.csv"); err != nil {
		t.Fatal(err)
	}
	if got := indicator(t, progressOf(t, c, "ha-noi", "2020-11-30"), "party-organisations").GetFigure().GetActualValue(); got != 101 {
		t.Errorf("%d Party organisations, want 101", got)
	}
}

// A row that says something else than what is there is named, and what is there stays.
func TestARowThatSaysOtherwise(t *testing.T) {
	s, _, c := loaded(t, dataSet)
	before := s.call(t, "GET", "/v1/organisations/"+cell, "")
	other := variant(t, "organisations.csv", func(lines []string) []string {
		for i, l := range lines {
			if strings.HasPrefix(l, cell+",") {
				return []string{strings.Replace(lines[i], "BASE_CELL", "CELL", 1)}
			}
		}
		return nil
	})
	err := send(t, c, other, "organisations.csv")
	if err == nil || !strings.Contains(err.Error(), `organisations.csv:2: kind "CELL"`) || !strings.Contains(err.Error(), "says otherwise") {
		t.Errorf("says %v", err)
	}
	if after := s.call(t, "GET", "/v1/organisations/"+cell, ""); after.raw != before.raw {
		t.Errorf("before %s, after %s", before.raw, after.raw)
	}
}

// An old sheet does not undo a later assignment.
func TestAnOldSheetOfTargets(t *testing.T) {
	s, _, c := loaded(t, dataSet)
	a := s.assign(t, "2020-ha-noi-party-organisations", `{"assignedValue":"80","assignedDecision":"999-QĐ/TU"}`)
	if a.code != 200 {
		t.Fatal(a.raw)
	}
	old := variant(t, "targets.csv", func(lines []string) []string { return lines[:1] })
	err := send(t, c, old, "targets.csv")
	if err == nil || !strings.Contains(err.Error(), `targets.csv:2: assigned_value "70"`) || !strings.Contains(err.Error(), "80 by 999-QĐ/TU") {
		t.Errorf("says %v", err)
	}
	if got := s.call(t, "GET", "/v1/targets/2020-ha-noi-party-organisations", ""); got.body["assignedValue"] != "80" {
		t.Errorf("the target is %s", got.raw)
	}
}
