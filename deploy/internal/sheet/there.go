package sheet

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"coso/deploy/internal/client"
	"coso/services/platform/fault"
	"coso/services/platform/text"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// settle holds rows against what is there: those that say it are done, those that say otherwise are refused, and those
// that are not there are left.
func (im *importer) settle(ctx context.Context, n *noun, rows []ready) ([]ready, error) {
	var left []ready
	for _, r := range rows {
		now, err := im.get(ctx, n, r.key())
		switch {
		case fault.ReasonOf(err) == faultpb.Reason_REASON_RESOURCE_NOT_FOUND:
			left = append(left, r)
		case err != nil:
			return nil, err
		default:
			if others := n.differs(r, now.ProtoReflect()); len(others) > 0 {
				im.refuse(r.item, others...)
			} else {
				im.pass(fateThere, r.item)
			}
		}
	}
	return left, nil
}

// get reads a resource.
func (im *importer) get(ctx context.Context, n *noun, resource string) (proto.Message, error) {
	now := n.resource.ProtoReflect().New().Interface()
	err := im.call(ctx, func() error {
		return im.c.Get(ctx, n.path(resource), nil, now)
	})
	return now, err
}

// path is where a resource is read.
func (n *noun) path(resource string) string {
	return "/v1/" + url.PathEscape(n.collection()) + "/" + url.PathEscape(bare(resource))
}

// collection is where the resources are that the noun's rows are about.
func (n *noun) collection() string {
	if n.create == nil {
		return "units"
	}
	return n.name
}

// differs says in which columns a row is not what is there; nil: in none. What the row leaves empty is not compared.
func (n *noun) differs(r ready, now protoreflect.Message) (others []error) {
	m := r.req.ProtoReflect()
	want := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(n.field))).Message()
	for _, c := range n.columns {
		f := want.Descriptor().Fields().ByName(protoreflect.Name(c.name))
		if f == nil || c.apart || !want.Has(f) || now.Get(f).Equal(want.Get(f)) {
			continue
		}
		others = append(others, otherwise(c.name, r.row.Cell(c.name), r.key(), n.cell(now.Interface(), c)))
	}
	if f := want.Descriptor().Fields().ByName("placements"); f != nil && !holdsAll(now.Get(f).List(), want.Get(f).List()) {
		others = append(others, otherwise("parent", r.row.Cell("parent"), r.key(), n.show(now.Interface(), "parent")))
	}
	return others
}

// holdsAll says whether a list holds every message of another.
func holdsAll(stored, said protoreflect.List) bool {
	for i := range said.Len() {
		found := false
		for j := range stored.Len() {
			found = found || stored.Get(j).Equal(said.Get(i))
		}
		if !found {
			return false
		}
	}
	return true
}

// mark notes how far the service of a noun is before this import writes to it.
func (im *importer) mark(ctx context.Context, n *noun) error {
	return im.call(ctx, func() error {
		at, err := im.c.Reached(ctx, "/v1/"+n.collection())
		if err != nil {
			return err
		}
		im.mu.Lock()
		defer im.mu.Unlock()
		for _, p := range at {
			if _, ok := im.marks[p.Service]; !ok {
				im.marks[p.Service] = p
			}
		}
		return nil
	})
}

// write sends a request with effect. One that took effect before this import (the same request id) answers a position that
// lies before the mark.
func (im *importer) write(ctx context.Context, path string, query url.Values, in proto.Message) (fate, error) {
	became := fateNew
	err := im.call(ctx, func() error {
		at, err := im.c.Write(ctx, path, query, in, nil)
		im.mu.Lock()
		defer im.mu.Unlock()
		for _, p := range at {
			if m, ok := im.marks[p.Service]; ok && !im.o.DryRun && m.Incarnation == p.Incarnation && p.Number <= m.Number {
				became = fateThere
			}
		}
		return err
	})
	return became, err
}

// Wait asks a list until the service behind it has heard of everything that the client wrote, so that whoever asks next
// sees it; an error if that takes longer than two minutes.
func Wait(ctx context.Context, c *client.Client, path string) error {
	im, _ := newImporter(c, nil, Options{})
	return im.call(ctx, func() error {
		_, err := c.Reached(ctx, path)
		return err
	})
}

// leans says whether a row refers to one that this dry run did not record.
func (im *importer) leans(n *noun, i item) bool {
	for _, c := range n.columns {
		if value := i.row.Cell(c.name); c.to != "" && value != "" && im.fateOf(name(c.to, value)) == fateNew {
			return true
		}
	}
	return false
}

// lean checks a row that refers to rows of the same dry run. The services judge a row's own columns before what it refers
// to, so a refusal for a reference that the import brings means that the rest is sound; its other references are looked up.
func (im *importer) lean(ctx context.Context, n *noun, r ready) error {
	for _, c := range n.columns {
		value := r.row.Cell(c.name)
		if c.to == "" || value == "" || im.fateOf(name(c.to, value)) == fateNew {
			continue
		}
		known, err := im.known(ctx, name(c.to, value))
		if err != nil {
			return err
		}
		if !known {
			im.refuse(r.item, im.explained(n, r.item, &columnError{column: c.name, value: value, err: im.nowhere(name(c.to, value))}))
			return nil
		}
	}
	_, err := im.post(ctx, n, []ready{r})
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		im.pass(fateNew, r.item)
	case !aboutRows(err):
		return err
	case f.Reason == faultpb.Reason_REASON_RESOURCE_EXISTS:
		_, err := im.settle(ctx, n, []ready{r})
		return err
	case missing(f.Reason) && im.fateOf(f.Params["name"]) == fateNew:
		im.pass(fateNew, r.item)
		im.mu.Lock()
		im.outcomes[r.sheet].Leaning++
		im.mu.Unlock()
	default:
		im.refuse(r.item, im.explained(n, r.item, err))
	}
	return nil
}

// nowhere refuses a name that neither the server nor the import knows, with what it may have been meant to be.
func (im *importer) nowhere(resource string) error {
	collection, id, _ := strings.Cut(resource, "/")
	im.mu.Lock()
	defer im.mu.Unlock()
	var brought []string
	for key, fate := range im.fates {
		if rest, ok := strings.CutPrefix(key, collection+"/"); ok && fate != fateRefused {
			brought = append(brought, rest)
		}
	}
	slices.Sort(brought)
	near := im.near[resource]
	if mine := text.Near(id, brought, maxNear); near == "" && len(mine) > 0 {
		near = fault.List(mine)
	}
	vi, en := "không có "+resource+", cả trên máy chủ lẫn trong các bảng đang nhập", "there is no "+resource+", neither on the server nor in these sheets"
	if near != "" {
		vi, en = vi+"; có phải là "+near+"?", en+"; did you mean "+near+"?"
	}
	return &phrase{vi: vi, en: en}
}

// maxNear is how many names a refusal tells.
const maxNear = 3

// missing says of a reason that it is about something referred to that is not there.
func missing(reason faultpb.Reason) bool {
	return slices.Contains([]faultpb.Reason{
		faultpb.Reason_REASON_UNIT_UNKNOWN, faultpb.Reason_REASON_PARENT_NOT_IN_FORCE, faultpb.Reason_REASON_ENTERPRISE_UNKNOWN,
		faultpb.Reason_REASON_SUPERIOR_UNKNOWN, faultpb.Reason_REASON_ORGANISATION_UNKNOWN,
		faultpb.Reason_REASON_INDICATOR_UNKNOWN, faultpb.Reason_REASON_PERIOD_UNKNOWN,
	}, reason)
}

// known says whether the server or this import has a resource.
func (im *importer) known(ctx context.Context, resource string) (bool, error) {
	if im.fateOf(resource) == fateThere {
		return true, nil
	}
	im.mu.Lock()
	yes, asked := im.exists[resource]
	im.mu.Unlock()
	if asked {
		return yes, nil
	}
	near := ""
	for _, n := range nouns {
		if n.create == nil || n.name+"/"+bare(resource) != resource {
			continue
		}
		_, err := im.get(ctx, n, resource)
		if err != nil && !aboutRows(err) {
			return false, err
		}
		if yes = err == nil; !yes {
			near = fault.From(err).Params["near"]
		}
	}
	im.mu.Lock()
	im.exists[resource], im.near[resource] = yes, near
	im.mu.Unlock()
	return yes, nil
}
