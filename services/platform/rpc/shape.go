package rpc

import (
	"slices"
	"sync"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is what the chain and Merge must know of a message type, read once from its descriptor.
type shape struct {
	// owned are the OUTPUT_ONLY fields: only the server sets them.
	owned []protoreflect.FieldDescriptor
	// texts are the other fields that hold strings: single, in lists, or in maps.
	texts []protoreflect.FieldDescriptor
	// nested are the other fields that hold messages: single, in lists, or in maps.
	nested []protoreflect.FieldDescriptor
	// kept are the fields that an update passes over: OUTPUT_ONLY and IDENTIFIER.
	kept []protoreflect.FieldNumber
	// immutable are the fields that keep what they were created with.
	immutable []protoreflect.FieldNumber
}

// shapes remembers the shape of every descriptor met; a descriptor never changes.
var shapes sync.Map // protoreflect.MessageDescriptor → *shape

func shapeOf(d protoreflect.MessageDescriptor) *shape {
	if known, ok := shapes.Load(d); ok {
		if s, ok := known.(*shape); ok {
			return s
		}
	}
	s := newShape(d)
	shapes.Store(d, s)
	return s
}

func newShape(d protoreflect.MessageDescriptor) *shape {
	s := &shape{}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		says := behaviour(f)
		owned := slices.Contains(says, annotations.FieldBehavior_OUTPUT_ONLY)
		switch {
		case owned || slices.Contains(says, annotations.FieldBehavior_IDENTIFIER):
			s.kept = append(s.kept, f.Number())
		case slices.Contains(says, annotations.FieldBehavior_IMMUTABLE):
			s.immutable = append(s.immutable, f.Number())
		}
		switch {
		case owned:
			s.owned = append(s.owned, f)
		case holds(f, isText):
			s.texts = append(s.texts, f)
		}
		if !owned && holds(f, isMessage) {
			s.nested = append(s.nested, f)
		}
	}
	return s
}

// holds says whether the field's values, or its map's keys or values, are of a kind.
func holds(f protoreflect.FieldDescriptor, of func(protoreflect.FieldDescriptor) bool) bool {
	if f.IsMap() {
		return of(f.MapKey()) || of(f.MapValue())
	}
	return of(f)
}

func isText(f protoreflect.FieldDescriptor) bool    { return f.Kind() == protoreflect.StringKind }
func isMessage(f protoreflect.FieldDescriptor) bool { return f.Message() != nil }

// behaviour reads google.api.field_behavior.
func behaviour(f protoreflect.FieldDescriptor) []annotations.FieldBehavior {
	says, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return says
}
