package rpc

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	maskField = "updateMask"
	etagField = "etag"
)

// Merge is cur with the fields of patch that mask names (AIP-134); neither argument changes, and the result shares
// nothing with them. A field that the mask names and patch leaves empty is emptied. Without a mask, or with an empty one,
// the fields that patch sets are taken: those the client cannot change are passed over, except that an IMMUTABLE one must
// be as it is. A nested message is taken whole, but keeps what the server owns in it. Unknown fields stay those of cur.
//
// Errors, all InvalidArgument and named relative to the request: FIELD_REQUIRED for a nil patch; MASK_UNKNOWN_FIELD for a
// path that leads nowhere or through a list; MASK_FIXED_FIELD for one that is or leads through an OUTPUT_ONLY,
// IMMUTABLE or IDENTIFIER field or `etag`; and whatever the rules of the proto file say of the merged record.
func Merge[T proto.Message](cur, patch T, mask *fieldmaskpb.FieldMask) (T, error) {
	var none T
	field := fieldOf(cur.ProtoReflect().Descriptor())
	if !patch.ProtoReflect().IsValid() {
		return none, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, field)
	}
	next, ok := proto.Clone(cur).(T)
	if !ok {
		return none, fault.Internal(fmt.Errorf("the clone of a %T is another type", cur))
	}
	to, from := next.ProtoReflect(), proto.Clone(patch).ProtoReflect()
	if err := merge(field, to, from, mask.GetPaths()); err != nil {
		return none, err
	}
	if err := fault.Validate(next); err != nil {
		return none, fault.In(field, err)
	}
	return next, nil
}

// fieldOf is the field of an update request that holds the resource: by AIP-134 named after it.
func fieldOf(d protoreflect.MessageDescriptor) string {
	name := string(d.Name())
	return strings.ToLower(name[:1]) + name[1:]
}

func merge(field string, to, from protoreflect.Message, paths []string) error {
	if len(paths) == 0 {
		return takeAll(field, to, from, true)
	}
	for _, path := range paths {
		way, err := resolve(to.Descriptor(), path)
		if err != nil {
			return err
		}
		if err := takeAt(field, to, from, way); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the fields on a path of the mask.
func resolve(d protoreflect.MessageDescriptor, path string) ([]protoreflect.FieldDescriptor, error) {
	var way []protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		var f protoreflect.FieldDescriptor
		if d != nil {
			f = d.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_MASK_UNKNOWN_FIELD, maskField, "value", camel(path))
		}
		s := shapeOf(d)
		if slices.Contains(s.kept, f.Number()) || slices.Contains(s.immutable, f.Number()) || len(way) == 0 && name == etagField {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_MASK_FIXED_FIELD, maskField, "value", camel(path))
		}
		way = append(way, f)
		d = nil
		if isRecord(f) {
			d = f.Message()
		}
	}
	return way, nil
}

// camel writes a path of a mask as JSON does: `valid_from` is `validFrom`.
func camel(path string) string {
	words := strings.Split(path, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// isRecord says whether a field holds one message that has fields of its own to change. The well-known types are values.
func isRecord(f protoreflect.FieldDescriptor) bool {
	return isMessage(f) && !f.IsList() && !f.IsMap() && f.Message().ParentFile().Package() != "google.protobuf"
}

func takeAt(at string, to, from protoreflect.Message, way []protoreflect.FieldDescriptor) error {
	f := way[0]
	at += "." + f.JSONName()
	if len(way) == 1 {
		return take(at, to, from, f)
	}
	if !to.Has(f) && !from.Has(f) {
		return nil
	}
	return takeAt(at, to.Mutable(f).Message(), from.Get(f).Message(), way[1:])
}

// takeAll takes every field that a client may change; onlySet: of those that it sets.
func takeAll(at string, to, from protoreflect.Message, onlySet bool) error {
	fields := to.Descriptor().Fields()
	s := shapeOf(to.Descriptor())
	for i := range fields.Len() {
		f := fields.Get(i)
		here := at + "." + f.JSONName()
		switch {
		case slices.Contains(s.kept, f.Number()), onlySet && (f.Name() == etagField || !from.Has(f)):
			continue
		case slices.Contains(s.immutable, f.Number()):
			if from.Has(f) && !(to.Has(f) && to.Get(f).Equal(from.Get(f))) {
				return fault.InvalidArgument(faultpb.Reason_REASON_MASK_FIXED_FIELD, here, "value", f.JSONName())
			}
			continue
		}
		if err := take(here, to, from, f); err != nil {
			return err
		}
	}
	return nil
}

// take sets one field to what it is in from.
func take(at string, to, from protoreflect.Message, f protoreflect.FieldDescriptor) error {
	switch {
	case !from.Has(f):
		to.Clear(f)
	case isRecord(f) && to.Has(f):
		return takeAll(at, to.Mutable(f).Message(), from.Get(f).Message(), false)
	default:
		to.Set(f, from.Get(f))
	}
	return nil
}
