package sheet

import (
	"cmp"

	"coso/services/platform/text"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// step is a request that follows the creation of a row.
type step struct {
	// name is the resource it changes.
	name string
	// verb is its custom method.
	verb string
	in   proto.Message
	// act tells its request id from those of the row's other steps; empty: verb.
	act string
	// done says whether the resource, as it is now, needs the step no more, or cannot take it yet; an error if it says otherwise
	// already: an old sheet must not undo what came later.
	done func(now proto.Message) (bool, *columnError)
	// late: done is asked even of what this import created, for the steps before decide it.
	late bool
}

// nowhere in the column tree says that a unit hangs in no tree on its first day.
const nowhere = "NONE"

// otherwise is the refusal of a row that is not what the resource says.
func otherwise(column, value, resource, says string) *columnError {
	return &columnError{column: column, value: value, err: say(
		"%[1]s đã có và ghi khác (%[2]s); hãy sửa bằng một yêu cầu cập nhật, hoặc đặt mã khác cho dòng này",
		"%[1]s is there already and says otherwise (%[2]s); change it by an update, or give the row another id", resource, says)}
}

// placeUnit hangs a unit under its parent from its first day on.
func placeUnit(m protoreflect.Message, r Row) {
	u, ok := m.Interface().(*registrypb.Unit)
	if !ok || r.Cell("tree") == nowhere {
		return
	}
	u.Placements = []*registrypb.Placement{{
		Tree: cmp.Or(r.Cell("tree"), partyTree), Parent: name("units", r.Cell("parent")), FromDate: r.Cell("valid_from"),
	}}
}

// partyTree is the tree that units.csv speaks of; placements in others are rows of placements.csv.
const partyTree = "party"

// firstPlacement is where a unit hangs on its first day; nil: nowhere.
func firstPlacement(u *registrypb.Unit) *registrypb.Placement {
	for _, p := range u.GetPlacements() {
		if p.GetTree() == partyTree && p.GetFromDate() == u.GetValidFrom() {
			return p
		}
	}
	return nil
}

func showUnit(m proto.Message, column string) string {
	u, _ := m.(*registrypb.Unit)
	first := firstPlacement(u)
	switch {
	case column == "tree" && first == nil:
		return nowhere
	case column == "tree":
		return first.GetTree()
	}
	return bare(first.GetParent())
}

// laterPlacements are the rows of a unit's placements but the first.
func laterPlacements(m proto.Message) [][]string {
	u, _ := m.(*registrypb.Unit)
	first := firstPlacement(u)
	var out [][]string
	for _, p := range u.GetPlacements() {
		if p != first {
			out = append(out, []string{bare(u.GetName()), p.GetTree(), bare(p.GetParent()), p.GetFromDate()})
		}
	}
	return out
}

func moveUnit(r Row) ([]*step, []*columnError) {
	in := &registrypb.ReparentUnitRequest{
		Name: name("units", r.Cell("unit")), Tree: r.Cell("tree"), Parent: name("units", r.Cell("parent")), FromDate: r.Cell("from_date"),
	}
	return []*step{{name: in.GetName(), verb: "reparent", in: in, done: func(now proto.Message) (bool, *columnError) {
		u, _ := now.(*registrypb.Unit)
		for _, p := range u.GetPlacements() {
			if p.GetTree() != in.GetTree() || p.GetFromDate() != in.GetFromDate() {
				continue
			}
			if p.GetParent() == in.GetParent() {
				return true, nil
			}
			return false, otherwise("parent", r.Cell("parent"), in.GetName(), p.GetTree()+", "+p.GetFromDate()+": "+cmp.Or(p.GetParent(), "—"))
		}
		return false, nil
	}}}, nil
}

func earliestFirst(a, b Row) int { return cmp.Compare(a.Cell("from_date"), b.Cell("from_date")) }

func closeUnit(r Row) ([]*step, []*columnError) {
	on := r.Cell("closed_on")
	if on == "" {
		return nil, nil
	}
	in := &registrypb.CloseUnitRequest{Name: name("units", r.Cell("id")), ClosedOn: on}
	return []*step{{name: in.GetName(), verb: "close", in: in, done: func(now proto.Message) (bool, *columnError) {
		u, _ := now.(*registrypb.Unit)
		return was("closed_on", on, u.GetName(), u.GetClosedOn())
	}}}, nil
}

// youngestFirst closes the units of the last days first: those below tend to be founded later than those above.
func youngestFirst(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Cell("closed_on"), b.Cell("closed_on")), cmp.Compare(b.Cell("valid_from"), a.Cell("valid_from")))
}

// was says whether a field that is set once holds the value; an error if it holds another.
func was(column, value, resource, now string) (bool, *columnError) {
	switch now {
	case "":
		return false, nil
	case value:
		return true, nil
	}
	return false, otherwise(column, value, resource, now)
}

func endOrganisation(r Row) ([]*step, []*columnError) {
	var out []*step
	resource := name("organisations", r.Cell("id"))
	on, decision, reason := r.Cell("dissolved_on"), text.NFC(r.Cell("dissolution_decision")), text.NFC(r.Cell("withdrawal_reason"))
	if on != "" || decision != "" {
		in := &registrypb.DissolveOrganisationRequest{Name: resource, DissolvedOn: on, DissolutionDecision: decision}
		out = append(out, &step{name: resource, verb: "dissolve", in: in, done: func(now proto.Message) (bool, *columnError) {
			o, _ := now.(*registrypb.Organisation)
			if done, err := was("dissolved_on", on, resource, o.GetDissolvedOn()); !done {
				return false, err
			}
			return was("dissolution_decision", decision, resource, o.GetDissolutionDecision())
		}})
	}
	if reason != "" {
		out = append(out, withdrawal(resource, reason, &registrypb.WithdrawOrganisationRequest{Name: resource, Reason: reason}))
	}
	return out, nil
}

// withdrawal is the step by which a resource that was entered in error is withdrawn.
func withdrawal(resource, reason string, in proto.Message) *step {
	return &step{name: resource, verb: "withdraw", in: in, done: func(now proto.Message) (bool, *columnError) {
		m := now.ProtoReflect()
		return was("withdrawal_reason", reason, resource, m.Get(m.Descriptor().Fields().ByName("withdrawal_reason")).String())
	}}
}

// withdrawn is the withdrawal of a row that says why; none for others.
func withdrawn(r Row, collection string, request func(resource, reason string) proto.Message) []*step {
	resource, reason := name(collection, r.Cell("id")), text.NFC(r.Cell("withdrawal_reason"))
	if reason == "" {
		return nil
	}
	return []*step{withdrawal(resource, reason, request(resource, reason))}
}

func withdrawIntake(r Row) ([]*step, []*columnError) {
	return withdrawn(r, "intakes", func(resource, reason string) proto.Message {
		return &membershippb.WithdrawIntakeRequest{Name: resource, Reason: reason}
	}), nil
}

func withdrawIndicator(r Row) ([]*step, []*columnError) {
	return withdrawn(r, "indicators", func(resource, reason string) proto.Message {
		return &planningpb.WithdrawIndicatorRequest{Name: resource, Reason: reason}
	}), nil
}

func withdrawPeriod(r Row) ([]*step, []*columnError) {
	return withdrawn(r, "periods", func(resource, reason string) proto.Message {
		return &planningpb.WithdrawPeriodRequest{Name: resource, Reason: reason}
	}), nil
}
