package rpc

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/access"
)

// sight is what must be known of a message type to see what of persons a message shows, read once from its descriptor.
type sight struct {
	// name and unit are the fields that say of which resource and unit it is; nil: none does.
	name, unit protoreflect.FieldDescriptor
	// marked are the fields that are personal themselves, nested the others that lead to such.
	marked, nested []protoreflect.FieldDescriptor
}

// sights remembers the sight of every descriptor met; a descriptor never changes.
var sights sync.Map // protoreflect.MessageDescriptor → *sight

func sightOf(d protoreflect.MessageDescriptor) *sight {
	if known, ok := sights.Load(d); ok {
		if s, ok := known.(*sight); ok {
			return s
		}
	}
	s := &sight{name: textOf(d, "name"), unit: textOf(d, "unit")}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		switch {
		case access.Personal(f):
			s.marked = append(s.marked, f)
		case f.IsMap() && isMessage(f.MapValue()) && leads(f.MapValue().Message()), !f.IsMap() && isMessage(f) && leads(f.Message()):
			s.nested = append(s.nested, f)
		}
	}
	sights.Store(d, s)
	return s
}

// leading remembers what leads: descriptors never change.
var leading sync.Map // protoreflect.MessageDescriptor → bool

// leads reports whether a message of a type can show something personal, an Any in it included.
func leads(d protoreflect.MessageDescriptor) bool {
	if known, ok := leading.Load(d); ok {
		return known == true
	}
	found := access.ShowsPersonal(d) || holdsAny(d, map[protoreflect.FullName]bool{})
	leading.Store(d, found)
	return found
}

func holdsAny(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) bool {
	if d.FullName() == "google.protobuf.Any" {
		return true
	}
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); isMessage(f) && holdsAny(f.Message(), seen) {
			return true
		}
	}
	return false
}

// textOf is a message type's single text field of a name; nil if there is none.
func textOf(d protoreflect.MessageDescriptor, name protoreflect.Name) protoreflect.FieldDescriptor {
	f := d.Fields().ByName(name)
	if f == nil || !isText(f) || f.IsList() {
		return nil
	}
	return f
}
