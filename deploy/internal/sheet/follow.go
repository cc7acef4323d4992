package sheet

import (
	"cmp"
	"context"
	"slices"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// follow sends what follows the creation of rows: assignments, moves, ends. In a dry run only what can be judged on what is
// there: a resource that this run did not record has no life yet.
func (im *importer) follow(ctx context.Context, n *noun, items []item) error {
	var due []item
	for _, i := range items {
		if im.isRefused(i) {
			continue
		}
		if n.create == nil {
			if _, ok := im.prepare(n, i); !ok {
				continue
			}
		} else if steps, _ := n.steps(i.row); len(steps) == 0 || im.o.DryRun && im.fateOf(i.key()) == fateNew {
			continue
		}
		due = append(due, i)
	}
	if n.ordered {
		return im.followInOrder(ctx, n, due)
	}
	return each(ctx, workers, due, func(ctx context.Context, i item) error {
		wrong, err := im.take(ctx, n, i)
		if wrong != nil {
			im.refuse(i, wrong)
		}
		return err
	})
}

// followInOrder takes the steps one by one; those that are refused go again as long as others have passed meanwhile.
func (im *importer) followInOrder(ctx context.Context, n *noun, due []item) error {
	slices.SortStableFunc(due, func(a, b item) int { return n.before(a.row, b.row) })
	for len(due) > 0 {
		var again []item
		var why []error
		for _, i := range due {
			wrong, err := im.take(ctx, n, i)
			if err != nil {
				return err
			}
			if wrong != nil {
				again, why = append(again, i), append(why, wrong)
			}
		}
		if len(again) == len(due) {
			for k, i := range again {
				im.refuse(i, im.explained(n, i, why[k]))
			}
			return nil
		}
		due = again
	}
	return nil
}

// take takes the steps of one row. wrong is why it is refused; an error ends the import.
func (im *importer) take(ctx context.Context, n *noun, i item) (wrong, broken error) {
	steps, _ := n.steps(i.row)
	became := fateThere
	var now proto.Message
	for _, s := range steps {
		// What was created just now has had no life; an equal import before this one has the same request ids.
		if n.create == nil || s.late || im.fateOf(i.key()) != fateNew {
			there, done, wrong, err := im.done(ctx, n, i, s)
			if err != nil || wrong != nil {
				return wrong, err
			}
			if now = there; done {
				continue
			}
		}
		im.sign(s.in, n, cmp.Or(s.act, s.verb), i)
		now = n.resource.ProtoReflect().New().Interface()
		err := im.call(ctx, func() error { return im.c.Post(ctx, "/v1/"+s.name+":"+s.verb, nil, s.in, now) })
		if err != nil && aboutRows(err) {
			return err, nil
		}
		if err != nil {
			im.doubt(err, i)
			return nil, err
		}
		became = fateNew
	}
	if n.create == nil {
		im.pass(became, i)
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.finished[i.place()] = true
	if t, ok := now.(*planningpb.Target); ok && t.GetProposal() != nil && !im.o.DryRun {
		im.outcomes[i.sheet].Waiting++
	}
	return nil, nil
}

// done says whether a step is needed no more, and how its resource is now; nil if nobody has to look. A row that is nothing but
// its step is through then.
func (im *importer) done(ctx context.Context, n *noun, i item, s *step) (now proto.Message, done bool, wrong, broken error) {
	if im.o.DryRun && im.fateOf(s.name) == fateNew {
		return nil, true, nil, nil // a move of a unit that this run did not record
	}
	now, err := im.get(ctx, n, s.name)
	if err != nil && fault.KindOf(err) == fault.KindNotFound {
		return nil, false, &columnError{column: n.columns[0].name, value: i.row.Cell(n.columns[0].name), err: err}, nil
	}
	if err != nil {
		return nil, false, nil, err
	}
	done, other := s.done(now)
	if other != nil {
		return nil, false, other, nil
	}
	return now, done, nil, nil
}
