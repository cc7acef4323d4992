package access

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accesspb "coso/proto/gen/coso/access/v1"
)

// Personal reports whether a field is declared to tell something of a person.
func Personal(f protoreflect.FieldDescriptor) bool {
	marked, _ := proto.GetExtension(f.Options(), accesspb.E_Personal).(bool)
	return marked
}

// shows remembers the answers of ShowsPersonal: descriptors never change.
var shows sync.Map // protoreflect.MessageDescriptor → bool

// ShowsPersonal reports whether a message of a type can hold, in whatever depth, a field that is declared personal. Of what is
// in a google.protobuf.Any the type does not tell.
func ShowsPersonal(d protoreflect.MessageDescriptor) bool {
	if known, ok := shows.Load(d); ok {
		return known == true
	}
	found := showsPersonal(d, map[protoreflect.FullName]bool{})
	shows.Store(d, found)
	return found
}

func showsPersonal(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if Personal(f) || f.Message() != nil && showsPersonal(f.Message(), seen) {
			return true
		}
	}
	return false
}
