package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"coso/deploy/faults/client"
)

// A round is good if nothing was found wrong; a control run if one of its checks has found something. Whatever is not good is told in
// full.
func TestVerdicts(t *testing.T) {
	kept := []string{"journal", "acknowledged"}
	lost := "acknowledged: create of units/a (c1-1), acknowledged at 3, is in no entry"
	tests := []struct {
		name    string
		control []string
		r       result
		good    bool
		shows   []string
	}{
		{"nothing wrong", nil, result{}, true, []string{"good"}},
		{"something wrong", nil, result{Wrong: []string{lost, "feed: it ends"}}, false, []string{"FAILED", lost, "feed: it ends"}},
		{"could not be made", nil, result{Broken: "no root\nno tools"}, false, []string{"BROKEN", "no root", "no tools"}},
		{"control, lost", kept, result{Wrong: []string{"replicas: they differ", lost}}, true, []string{"control, found: " + lost}},
		{"control, nothing found", kept, result{}, false, []string{"FAILED: a control run"}},
		{"control, nothing found lost", kept, result{Wrong: []string{"replicas: they differ"}}, false, []string{"FAILED: a control run", "replicas: they differ"}},
		{"control, could not be made", kept, result{Wrong: []string{lost}, Broken: "no root"}, false, []string{"BROKEN"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			tt.r.Nemesis = "n"
			if good := (&table{w: &out}).say(nemesis{name: "n", control: tt.control}, tt.r); good != tt.good {
				t.Errorf("good: %t", good)
			}
			for _, want := range tt.shows {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not show %q:\n%s", want, out.String())
				}
			}
		})
	}
}

// Every nemesis has a name of its own and says what it does; three of them are control runs.
func TestNemesesAreNamed(t *testing.T) {
	seen := map[string]bool{}
	controls := 0
	for _, n := range nemeses() {
		if seen[n.name] || n.about == "" || n.harm == nil {
			t.Errorf("%q is there twice or says nothing", n.name)
		}
		seen[n.name] = true
		if len(n.control) > 0 {
			controls++
		}
		if control := len(n.control) > 0; control != strings.HasPrefix(n.name, "control-") || !control && (n.lazy || n.breaks != "") {
			t.Errorf("%s breaks something on purpose and is no control run, or the other way round", n.name)
		}
	}
	if controls != 3 {
		t.Errorf("%d control runs", controls)
	}
}

func TestChosen(t *testing.T) {
	names := func(chosen []nemesis) (all []string) {
		for _, n := range chosen {
			all = append(all, n.name)
		}
		return all
	}
	chosen, err := (&flags{Nemesis: []string{"power", "part"}}).chosen()
	if diff := cmp.Diff([]string{"part", "power"}, names(chosen)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if chosen, err := (&flags{}).chosen(); len(chosen) != len(nemeses()) || err != nil {
		t.Errorf("%d are chosen, %v", len(chosen), err)
	}
	if _, err := (&flags{Nemesis: []string{"part", "plague"}}).chosen(); err == nil || !strings.Contains(err.Error(), `"plague"`) {
		t.Errorf("an unknown one: %v", err)
	}
}

// A gap is wrong where a majority is always left, if it is longer than that explains.
func TestGaps(t *testing.T) {
	for _, tt := range []struct {
		most, gap time.Duration
		wrong     bool
	}{
		{5 * time.Second, 400 * time.Millisecond, false},
		{5 * time.Second, 5 * time.Second, false},
		{5 * time.Second, 5100 * time.Millisecond, true},
		{0, time.Minute, false},
	} {
		if wrong := (nemesis{most: tt.most}).silent(tt.gap); (len(wrong) > 0) != tt.wrong {
			t.Errorf("%s of %s: %q", tt.gap, tt.most, wrong)
		}
	}
	for _, n := range nemeses() {
		all := slices.Contains([]string{"kill-all", "full-log", "power", "mix"}, n.name) || len(n.control) > 0
		if all != (n.most == 0) {
			t.Errorf("%s: it may take all down at once or not, and nothing may be acknowledged for %s", n.name, n.most)
		}
	}
}

// Writing that does not go on after everything is healed is wrong; that the round ends before is not.
func TestWritingThatDoesNotGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &round{work: &client.Workload{}, logger: slog.New(slog.DiscardHandler)}
		over, end := context.WithTimeout(t.Context(), recovery/2)
		defer end()
		if r.written(over, 0); len(r.wrong) > 0 {
			t.Errorf("a round that has ended: %q", r.wrong)
		}
		if r.written(t.Context(), 1); len(r.wrong) > 0 {
			t.Errorf("something is written: %q", r.wrong)
		}
		if r.written(t.Context(), 0); len(r.wrong) != 1 || !strings.HasPrefix(r.wrong[0], "writing: ") {
			t.Errorf("nothing is written: %q", r.wrong)
		}
	})
}
