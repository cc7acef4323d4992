package organisation_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/registry/internal/organisation"
)

// INV-ORGANISATION-SUPERIOR-IN-FORCE
func TestSuperiorsOfAnotherTime(t *testing.T) {
	for _, tc := range []struct {
		name, founded, ended           string
		superiorFounded, superiorEnded string
		atFounding, later              bool
	}{
		{"all the time", "2020-06-01", "", "2010-01-01", "", true, true},
		{"founded together", "2020-06-01", "", "2020-06-01", "", true, true},
		{"formed over it later", "2010-01-01", "", "2020-06-01", "", false, true},
		{"dissolved before", "2020-06-01", "", "2010-01-01", "2020-06-01", false, false},
		{"dissolved the day after", "2020-06-01", "", "2010-01-01", "2020-06-02", true, true},
		{"formed when it was no more", "2010-01-01", "2015-01-01", "2015-01-01", "", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := refs()
			r.Superior = &registrypb.Organisation{Name: "organisations/dang-bo", FoundedOn: tc.superiorFounded, DissolvedOn: tc.superiorEnded}
			ask := asked(tc.founded)
			ask.Superior = r.Superior.GetName()
			_, _, err := organisation.Found(ask, name, r, today)
			wantSuperior(t, tc.atFounding, err)
			cur := recorded(active, tc.founded, "")
			if tc.ended != "" {
				cur = recorded(dissolved, tc.founded, tc.ended)
			}
			merged := proto.CloneOf(cur)
			merged.Superior = r.Superior.GetName()
			_, _, err = organisation.Update(cur, merged, r, today)
			wantSuperior(t, tc.later, err)
		})
	}
}

func wantSuperior(t *testing.T, accepted bool, err error) {
	t.Helper()
	if accepted && err != nil {
		t.Errorf("refused: %v", err)
	}
	if !accepted {
		wantRefused(t, err, fault.KindFailedPrecondition, faultpb.Reason_REASON_SUPERIOR_NOT_IN_FORCE, "superior")
	}
}

// INV-ORGANISATION-NO-CYCLE: whatever is named, climbing ends; and nothing is refused for a circle that would be none.
func TestNoCircleOfSuperiorsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := map[string]*registrypb.Organisation{}
		for i := range 5 {
			o := recorded(active, "2020-06-01", "")
			o.Name = fmt.Sprintf("organisations/%d", i)
			all[o.GetName()] = o
		}
		lookup := func(name string) (*registrypb.Organisation, bool, error) {
			o, ok := all[name]
			return o, ok, nil
		}
		for range rapid.IntRange(1, 12).Draw(t, "corrections") {
			cur := all[fmt.Sprintf("organisations/%d", rapid.IntRange(0, 4).Draw(t, "organisation"))]
			merged := proto.CloneOf(cur)
			merged.Superior = fmt.Sprintf("organisations/%d", rapid.IntRange(0, 4).Draw(t, "superior"))
			if merged.GetSuperior() == cur.GetName() {
				continue
			}
			r := refs()
			r.Superior, r.Lookup = all[merged.GetSuperior()], lookup
			next, _, err := organisation.Update(cur, merged, r, today)
			circle := false
			for above := merged.GetSuperior(); above != ""; above = all[above].GetSuperior() {
				circle = circle || above == cur.GetName()
				if circle {
					break
				}
			}
			if (err != nil) != circle || err != nil && fault.ReasonOf(err) != faultpb.Reason_REASON_ORGANISATION_CYCLE {
				t.Fatalf("%s below %s: %v; a circle: %v", cur.GetName(), merged.GetSuperior(), err, circle)
			}
			if err == nil {
				all[cur.GetName()] = next
			}
		}
	})
}
