package page

import (
	"context"
	"slices"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// walk goes through a unit and everything below it, each unit before those below it, units side by side in order of their
// names. It can be taken up again at any unit, which needs only the way up from there.
type walk struct {
	*tree

	root string
	// at is the unit it stands at; empty: it is through.
	at string
}

// walkFrom takes up a walk through root at a unit; at the beginning if none is given. ok is false if the unit is not there.
func walkFrom(ctx context.Context, t *tree, root, at string) (w *walk, ok bool, err error) {
	w = &walk{tree: t, root: root, at: root}
	if at == "" {
		return w, true, nil
	}
	way, err := t.path(ctx, at)
	if err != nil {
		return nil, false, err
	}
	w.at = at
	return w, slices.ContainsFunc(way, func(u *registrypb.Unit) bool { return u.GetName() == root }), nil
}

// next goes to the next unit.
func (w *walk) next(ctx context.Context) error {
	children, err := w.children(ctx, w.at)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		w.at = children[0].GetName()
		return nil
	}
	for range maxDepth {
		if w.at == w.root {
			break
		}
		u, err := w.unit(ctx, w.at)
		if err != nil {
			return err
		}
		above, ok := parentOn(u, w.day)
		if !ok {
			break
		}
		beside, err := w.children(ctx, above)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(beside, func(u *registrypb.Unit) bool { return u.GetName() == w.at })
		if i >= 0 && i+1 < len(beside) {
			w.at = beside[i+1].GetName()
			return nil
		}
		w.at = above
	}
	w.at = ""
	return nil
}
