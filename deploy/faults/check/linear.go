package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// model is a record as writers see it: its revision, 0 while it is not there. Reads are no part of it: they answer what was at the
// position that they name, which reads() checks.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			revision, known := state.(int64)
			o, op := input.(Op)
			if !known || !op {
				return false, state
			}
			return step(revision, o)
		},
		DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
	}
}

// step is whether a record of a revision answers a request so, and its revision then.
func step(revision int64, o Op) (bool, any) {
	switch o.Outcome {
	case Done:
		if o.Kind == Create {
			return revision == 0, int64(1)
		}
		return revision > 0 && revision == o.Revision, revision + 1
	case Exists:
		return o.Kind == Create && revision > 0, revision
	case Stale:
		return o.Kind == Update && revision > 0 && revision != o.Revision, revision
	case Missing:
		return o.Kind == Update && revision == 0, revision
	case Unknown: // left out before, or known by the journal
	}
	return false, revision
}

// linearizable searches, for each record, an order of its writes and refusals that fits. What has no known outcome is done, at any
// time after it was sent, if the journal holds it, and was never asked for if not.
func (x *indexed) linearizable(within time.Duration) (wrong []string) {
	byRecord := map[string][]porcupine.Operation{}
	for i, o := range x.h.Ops {
		if o.Kind == Read {
			continue
		}
		answered := int64(o.Answered)
		if o.Outcome == Unknown {
			if len(x.commands[o.RequestID]) == 0 {
				continue
			}
			o.Outcome, answered = Done, math.MaxInt64
		}
		byRecord[o.Record] = append(byRecord[o.Record], porcupine.Operation{ClientId: i, Input: o, Call: int64(o.Sent), Return: answered})
	}
	for _, record := range slices.Sorted(maps.Keys(byRecord)) {
		switch porcupine.CheckOperationsTimeout(model(), byRecord[record], within) {
		case porcupine.Ok:
		case porcupine.Illegal:
			wrong = append(wrong, fmt.Sprintf("%s: no order of its %d operations fits", record, len(byRecord[record])))
		case porcupine.Unknown:
			wrong = append(wrong, fmt.Sprintf("%s: no order of its %d operations was found within %s", record, len(byRecord[record]), within))
		}
	}
	return wrong
}
