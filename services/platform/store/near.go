package store

import (
	"context"
	"errors"
	"slices"
	"strings"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	letters "coso/services/platform/text"

	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Catalogue says that whoever may call a service at all may know what is in a table.
func Catalogue[T proto.Message]() Option[T] { return catalogueOption[T]{} }

type catalogueOption[T proto.Message] struct{}

func (catalogueOption[T]) attach(b *base[T]) { b.spec.catalogue = true }

// unknownNames are the refusals of a name, param `name`, that may be another one written wrong.
var unknownNames = []faultpb.Reason{
	faultpb.Reason_REASON_RESOURCE_NOT_FOUND, faultpb.Reason_REASON_UNIT_UNKNOWN, faultpb.Reason_REASON_ENTERPRISE_UNKNOWN,
	faultpb.Reason_REASON_SUPERIOR_UNKNOWN, faultpb.Reason_REASON_ORGANISATION_UNKNOWN, faultpb.Reason_REASON_INDICATOR_UNKNOWN,
	faultpb.Reason_REASON_PERIOD_UNKNOWN, faultpb.Reason_REASON_PERMISSION_DENIED_IN_UNIT, faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING,
}

const (
	// maxNear is how many names a refusal tells, maxCandidates how many of the most alike are looked at for them.
	maxNear, maxCandidates = 3, 20
	// maxNames bounds how many names are compared: the first ones of a table, and those that begin as the unknown one does.
	maxNames = 5000
	// beginning is how many letters of an id those begin with.
	beginning = 2
)

// nearly adds to a refusal for an unknown name the names that are nearly it. It tells only what the caller may know: names of
// a catalogue, and of records in units where the permission is held that the called method declares. It reads on the caller's
// own time, after the command; a refusal for which nothing can be read stays as it is.
func (s *Store) nearly(ctx context.Context, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || !slices.Contains(unknownNames, e.Reason) {
		return err
	}
	table, _, ok := strings.Cut(e.Params["name"], "/")
	if !ok || s.schema.named[table] == nil {
		return err
	}
	var names []string
	unread := s.db.read(func(v *version, base reading) error {
		tx := &ReadTx{reach: reach{schema: s.schema}, s: s, ctx: ctx, in: v.over(base), today: s.Today()}
		principal, _ := access.From(ctx)
		tx.asking = asking{authority: s.authority, principal: principal, declared: access.Declared(ctx), at: s.present(v.head)}
		scope, err := tx.knows()
		if err == nil {
			names, err = s.schema.near(tx, scope, table, e.Params["name"])
		}
		return err
	})
	if unread != nil { // the refusal is right without it
		return err
	}
	return e.Near(names...)
}

// knows are the units whose records the caller may know by the called method.
func (r *ReadTx) knows() (Scope, error) {
	switch {
	case r.authority == nil:
		return Scope{Everywhere: true}, nil
	case !r.enforced():
		return Scope{}, nil
	}
	if err := r.begin(r); err != nil {
		return Scope{}, err
	}
	return r.power.Units(r.declared)
}

// near are the names in a table that are nearly an unknown one, with what they are called.
func (sc *Schema) near(r Reader, scope Scope, table, name string) ([]string, error) {
	t, names := sc.named[table], []string{}
	bucket, id := t.tableSpec().bucket(), strings.TrimPrefix(name, table+"/")
	for _, from := range []Key{nil, Key(table + "/" + id[:min(beginning, len(id))])} {
		seen := 0
		for k := range r.space().ascend(bucket, from, from) {
			if known, ok := Key(k).Split().Text(); ok {
				names = append(names, strings.TrimPrefix(known, table+"/"))
			}
			if seen++; seen == maxNames || r.context().Err() != nil {
				break
			}
		}
	}
	slices.Sort(names)
	var out []string
	for _, near := range letters.Near(id, slices.Compact(names), maxCandidates) {
		shown, err := t.shown(r, scope, table+"/"+near)
		if err != nil {
			return nil, err
		}
		if shown != "" {
			out = append(out, shown)
		}
		if len(out) == maxNear {
			break
		}
	}
	return out, r.context().Err()
}

// shown is the name of a record with what it is called, for whoever may know what belongs to the units of a scope; empty for
// others.
func (b *base[T]) shown(r Reader, scope Scope, name string) (string, error) {
	rec, ok, err := b.Find(r, name)
	if err != nil || !ok || !b.spec.catalogue && (b.unit == nil || !scope.Has(b.unit(rec))) {
		return "", err
	}
	if called, ok := any(rec).(interface{ GetDisplayName() string }); ok && called.GetDisplayName() != "" {
		return name + " (" + called.GetDisplayName() + ")", nil
	}
	return name, nil
}
