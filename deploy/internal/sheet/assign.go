package sheet

import (
	"strconv"

	"coso/services/platform/text"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// assignment is a value with the decision that assigns it.
type assignment struct {
	value    int64
	decision string
}

func assigned(t *planningpb.Target) *assignment {
	if t.AssignedValue == nil {
		return nil
	}
	return &assignment{t.GetAssignedValue(), t.GetAssignedDecision()}
}

func proposed(t *planningpb.Target) *assignment {
	if t.GetProposal() == nil {
		return nil
	}
	return &assignment{t.GetProposal().GetAssignedValue(), t.GetProposal().GetAssignedDecision()}
}

// is reports whether both are there and say the same.
func (a *assignment) is(b *assignment) bool { return a != nil && b != nil && *a == *b }

// showTarget writes what is proposed for a target.
func showTarget(m proto.Message, column string) string {
	t, _ := m.(*planningpb.Target)
	switch p := proposed(t); {
	case p == nil:
		return ""
	case column == "proposed_value":
		return strconv.FormatInt(p.value, 10)
	default:
		return p.decision
	}
}

// liveTarget is what becomes of a target: the value that counts, another that is proposed, a withdrawal. The one waits for the
// other: what is assigned has to be approved by somebody else first, and the row is imported again then.
func liveTarget(r Row) ([]*step, []*columnError) {
	counts, wrong := assignmentIn(r, "assigned_value", "assigned_decision")
	next, more := assignmentIn(r, "proposed_value", "proposed_decision")
	if wrong = append(wrong, more...); len(wrong) > 0 {
		return nil, wrong
	}
	var steps []*step
	if counts != nil {
		steps = append(steps, assignTarget(r, counts, next))
	}
	if next != nil {
		steps = append(steps, proposeTarget(r, counts, next))
	}
	for _, s := range withdrawn(r, "targets", func(resource, reason string) proto.Message {
		return &planningpb.WithdrawTargetRequest{Name: resource, Reason: reason}
	}) {
		steps = append(steps, once(s, counts))
	}
	return steps, nil
}

func withdrawnTarget(r Row) bool { return r.Cell("withdrawal_reason") != "" }

// assignmentIn reads the two columns of an assignment; nil: the row has none.
func assignmentIn(r Row, value, decision string) (*assignment, []*columnError) {
	a := &assignment{decision: text.NFC(r.Cell(decision))}
	switch {
	case r.Cell(value) == "" && a.decision == "":
		return nil, nil
	case r.Cell(value) == "":
		return nil, []*columnError{{column: value, err: say(
			"có số quyết định giao mà chưa có số giao", "there is a decision that assigns, but no value")}}
	}
	n, err := integer(r.Cell(value))
	if err != nil {
		return nil, []*columnError{{column: value, value: r.Cell(value), err: err}}
	}
	a.value = n
	return a, nil
}

// assignTarget assigns the value of a row; next is what the row proposes beside it, which may have been approved since.
func assignTarget(r Row, a, next *assignment) *step {
	s := assigning(r, "assign", a)
	s.done = func(now proto.Message) (bool, *columnError) {
		t, _ := now.(*planningpb.Target)
		has, waits := assigned(t), proposed(t)
		switch {
		case has.is(a) || has.is(next) || waits.is(a):
			return true, nil
		case has != nil:
			return false, &columnError{column: "assigned_value", value: r.Cell("assigned_value"), err: say(
				"%[1]s đã được giao %[2]d theo %[3]s; muốn giao số khác thì dùng một yêu cầu riêng, không dùng bảng",
				"%[1]s was assigned %[2]d by %[3]s already; assign another value by a request of its own, not by a sheet",
				t.GetName(), has.value, has.decision)}
		}
		return false, another("assigned_value", r.Cell("assigned_value"), t, waits)
	}
	return s
}

// proposeTarget proposes a value beside the one that counts, as soon as that does.
func proposeTarget(r Row, counts, a *assignment) *step {
	s := assigning(r, "propose", a)
	s.late = true
	s.done = func(now proto.Message) (bool, *columnError) {
		t, _ := now.(*planningpb.Target)
		has, waits := assigned(t), proposed(t)
		switch {
		case has.is(a) || waits.is(a):
			return true, nil
		case counts != nil && waits.is(counts):
			return true, nil
		}
		return false, another("proposed_value", r.Cell("proposed_value"), t, waits)
	}
	return s
}

func assigning(r Row, act string, a *assignment) *step {
	resource := name("targets", r.Cell("id"))
	return &step{name: resource, verb: "assign", act: act, in: &planningpb.AssignTargetRequest{
		Name: resource, AssignedValue: &a.value, AssignedDecision: a.decision,
	}}
}

// another is the refusal of a row while something else is proposed; nil if nothing is.
func another(column, value string, t *planningpb.Target, waits *assignment) *columnError {
	if waits == nil {
		return nil
	}
	return &columnError{column: column, value: value, err: say(
		"%[1]s đang chờ phê duyệt đề xuất giao %[2]d theo %[3]s; hãy để đề xuất đó được quyết định hoặc rút lại trước",
		"%[1]s waits for the approval of %[2]d by %[3]s; let that be decided or taken back first",
		t.GetName(), waits.value, waits.decision)}
}

// once is a withdrawal that waits until what the row assigns counts.
func once(s *step, counts *assignment) *step {
	before := s.done
	s.late = true
	s.done = func(now proto.Message) (bool, *columnError) {
		if t, ok := now.(*planningpb.Target); ok && counts != nil && proposed(t).is(counts) {
			return true, nil
		}
		return before(now)
	}
	return s
}
