package store

import (
	"cmp"
	"errors"

	"coso/services/platform/access"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	historypb "coso/proto/gen/coso/history/v1"
)

// In says to which unit a table's records belong, for those who hold permissions there; "": to the whole installation.
func In[T proto.Message](unit func(T) string) Option[T] { return inUnit[T](unit) }

type inUnit[T proto.Message] func(T) string

func (u inUnit[T]) attach(b *base[T]) { b.unit = u }

var errOfNoUnit = errors.New("a table that does not say to which unit its records belong")

// held asks for a permission in the unit of a record.
func (b *base[T]) held(r Reader, what accesspb.Permission, rec T) error {
	if b.unit == nil {
		return fault.Internal(errOfNoUnit)
	}
	return r.asks().require(r, what, []string{b.unit(rec)})
}

// GetFor reads one record, as Get does, for whoever holds a permission in its unit. Others are refused with one and the same
// PermissionDenied, whether there is such a record or not (INV-ACCESS-HIDDEN); that there is none, NotFound, is told to whoever holds
// the permission everywhere.
func (b *base[T]) GetFor(r Reader, what accesspb.Permission, name string) (T, error) {
	var none T
	rec, err := b.Get(r, name)
	missing := fault.ReasonOf(err) == faultpb.Reason_REASON_RESOURCE_NOT_FOUND
	if err == nil {
		err = b.held(r, what, rec)
	}
	switch {
	case err == nil:
		return rec, nil
	case !missing && fault.KindOf(err) != fault.KindPermissionDenied:
		return none, err
	}
	knows, failed := r.asks().everywhere(r, what)
	if failed != nil || knows {
		return none, cmp.Or(failed, err)
	}
	return none, fault.PermissionDenied(faultpb.Reason_REASON_PERMISSION_DENIED_OR_MISSING, "name", "name", name, "value", access.Word(what))
}

// CurrentFor reads a record for a change, as Current does, for whoever holds a permission in its unit. Whoever does not
// learns nothing of its etag.
func (t *Table[T]) CurrentFor(tx *Tx, what accesspb.Permission, name, etag string) (T, error) {
	if name != "" {
		if rec, err := t.GetFor(tx, what, name); err != nil {
			return rec, err
		}
	}
	return t.Current(tx, name, etag)
}

// HistoryFor answers who changed a record, as History does, to whoever holds a permission in its unit.
func (t *Table[T]) HistoryFor(r Reader, what accesspb.Permission, req HistoryRequest) (*historypb.History, error) {
	if _, err := t.GetFor(r, what, req.GetName()); err != nil {
		return nil, err
	}
	return t.History(r, req)
}
