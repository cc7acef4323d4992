// Package unit is the rules of units: the committees and bodies whose work is planned and counted, how they hang together
// in dated trees, and when they end. The rules are pure; what they must know of other units they ask through Lookup.
// Fields named in refusals are those of the unit, or of the command where there is one.
//
// A unit lives from its valid_from until the day before its closed_on. A placement of a tree begins on its from_date and
// holds until the next one of the same tree begins, or the unit ends. Trees are data: `party`, `administrative`, …; they
// are linked through their units, never merged.
//
// INV-UNIT-PLACEMENTS-ORDERED: placements are in order of tree and first day; no two of one tree begin on the same day;
// each begins within the unit's life.
// INV-UNIT-NO-CYCLE: no unit is its own ancestor, in any tree, on any day.
// INV-UNIT-PARENT-IN-FORCE: on every day on which a unit is placed below another, both exist.
// INV-UNIT-ENDS-ONCE: a unit ends after its first day, and once; a wrong end is corrected, with the reason, not repeated.
// INV-UNIT-END-AFTER-FOUNDINGS: when a unit is closed, or its end made earlier, no organisation was founded in it on that day
// or later.
// INV-UNIT-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package unit

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// DefaultTree is the tree that is meant where none is named.
const DefaultTree = "party"

// Lookup finds another unit by name and says whether there is one.
type Lookup func(name string) (*registrypb.Unit, bool, error)

// Create records the unit asked for, under name. InvalidArgument for dates that are none, or placements that begin on
// the same day of one tree or before the unit; FailedPrecondition for a parent that does not exist while the placement
// holds, or a circle.
func Create(asked *registrypb.Unit, name string, lookup Lookup) (*registrypb.Unit, *registrypb.UnitCreated, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	if _, err := civil.Field("validFrom", next.GetValidFrom()); err != nil {
		return nil, nil, err
	}
	for i, p := range next.GetPlacements() {
		if _, err := civil.Field(fmt.Sprintf("placements[%d].fromDate", i), p.GetFromDate()); err != nil {
			return nil, nil, err
		}
	}
	for i, p := range next.GetPlacements() {
		at := fmt.Sprintf("placements[%d]", i)
		if misplaced(next, p) {
			return nil, nil, fault.InvalidArgument(faultpb.Reason_REASON_PLACEMENT_INVALID, at+".fromDate",
				"name", name, "date", p.GetFromDate())
		}
		if err := hang(next, p, "parent", lookup); err != nil {
			return nil, nil, fault.In(at, err)
		}
	}
	sortPlacements(next)
	return next, &registrypb.UnitCreated{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed: name and level. No event, and cur itself, if
// that is nothing.
func Update(cur, merged *registrypb.Unit) (*registrypb.Unit, *registrypb.UnitUpdated, error) {
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	return merged, &registrypb.UnitUpdated{}, nil
}

// Reparent hangs cur under another superior from a day on, past or to come, until its next placement of the tree. On the
// day on which a placement of the tree begins already it corrects that one. No event, and cur itself, if it hangs there.
// InvalidArgument for a day that is none; FailedPrecondition for a day outside the unit's life, for a parent that does not
// exist while the placement holds, or for a circle on any day.
func Reparent(
	cur *registrypb.Unit, cmd *registrypb.ReparentUnitRequest, lookup Lookup,
) (*registrypb.Unit, *registrypb.UnitReparented, error) {
	from, err := civil.Field("fromDate", cmd.GetFromDate())
	if err != nil {
		return nil, nil, err
	}
	if end := cur.GetClosedOn(); end != "" && end <= from.String() {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_CLOSED, "fromDate", "name", cur.GetName(), "date", end)
	}
	next := proto.CloneOf(cur)
	p := &registrypb.Placement{Tree: cmp.Or(cmd.GetTree(), DefaultTree), Parent: cmd.GetParent(), FromDate: from.String()}
	if slices.ContainsFunc(cur.GetPlacements(), func(q *registrypb.Placement) bool { return proto.Equal(q, p) }) {
		return cur, nil, nil
	}
	next.Placements = slices.DeleteFunc(next.GetPlacements(), func(q *registrypb.Placement) bool {
		return q.GetTree() == p.GetTree() && q.GetFromDate() == p.GetFromDate()
	})
	next.Placements = append(next.Placements, p)
	if misplaced(next, p) {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_PLACEMENT_INVALID, "fromDate",
			"name", cur.GetName(), "date", from.String())
	}
	if err := hang(next, p, "parent", lookup); err != nil {
		return nil, nil, err
	}
	sortPlacements(next)
	return next, &registrypb.UnitReparented{}, nil
}

// RemovePlacement takes back the placement of cur that begins in a tree on a day: the one before it holds on until the next,
// or the unit is not in the tree then. InvalidArgument for a day that is none; FailedPrecondition if no placement begins
// there, or if the superior before does not exist that long, or a circle would close.
func RemovePlacement(
	cur *registrypb.Unit, cmd *registrypb.RemoveUnitPlacementRequest, lookup Lookup,
) (*registrypb.Unit, *registrypb.UnitPlacementRemoved, error) {
	from, err := civil.Field("fromDate", cmd.GetFromDate())
	if err != nil {
		return nil, nil, err
	}
	tree, day := cmp.Or(cmd.GetTree(), DefaultTree), from.String()
	next := proto.CloneOf(cur)
	next.Placements = slices.DeleteFunc(next.GetPlacements(), func(p *registrypb.Placement) bool {
		return p.GetTree() == tree && p.GetFromDate() == day
	})
	if len(next.GetPlacements()) == len(cur.GetPlacements()) {
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_PLACEMENT_UNKNOWN, "fromDate",
			"name", cur.GetName(), "tree", tree, "date", day)
	}
	if before := placedAt(next, tree, day); before != nil {
		if err := hang(next, before, "fromDate", lookup); err != nil {
			return nil, nil, err
		}
	}
	next.CorrectionReason = cmd.GetReason()
	return next, &registrypb.UnitPlacementRemoved{}, nil
}

// Below says whether a unit exists on a day and is placed directly below parent in the tree; parent "" is the top.
func Below(u *registrypb.Unit, tree, parent string, day civil.Date) bool {
	p := placedAt(u, tree, day.String())
	return p != nil && p.GetParent() == parent
}
