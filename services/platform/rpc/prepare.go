package rpc

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/text"
)

// prepare makes a request what a handler may rely on: OUTPUT_ONLY fields are cleared and strings are NFC, at every depth.
// Unknown fields are dropped: kept, they would be stored, and a later version might find one under the number of a field
// that only the server may set. What a newer version stored is another matter: that survives every rule.
func prepare(m protoreflect.Message) {
	s := shapeOf(m.Descriptor())
	m.SetUnknown(nil)
	for _, f := range s.owned {
		m.Clear(f)
	}
	for _, f := range s.texts {
		if m.Has(f) {
			normalise(m, f)
		}
	}
	for _, f := range s.nested {
		if m.Has(f) {
			prepareNested(m, f)
		}
	}
}

func normalise(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsMap():
		normaliseMap(m.Mutable(f).Map(), f)
	case f.IsList():
		list := m.Mutable(f).List()
		for i := range list.Len() {
			if v, changed := nfc(list.Get(i)); changed {
				list.Set(i, v)
			}
		}
	default:
		if v, changed := nfc(m.Get(f)); changed {
			m.Set(f, v)
		}
	}
}

// normaliseMap rebuilds the entries that change; of two keys that become one, either entry stays.
func normaliseMap(entries protoreflect.Map, f protoreflect.FieldDescriptor) {
	type entry struct {
		old, key protoreflect.MapKey
		value    protoreflect.Value
	}
	var changes []entry
	entries.Range(func(old protoreflect.MapKey, value protoreflect.Value) bool {
		key, newKey, newValue := old, false, false
		if isText(f.MapKey()) {
			var k protoreflect.Value
			k, newKey = nfc(old.Value())
			key = k.MapKey()
		}
		if isText(f.MapValue()) {
			value, newValue = nfc(value)
		}
		if newKey || newValue {
			changes = append(changes, entry{old, key, value})
		}
		return true
	})
	for _, c := range changes {
		entries.Clear(c.old)
		entries.Set(c.key, c.value)
	}
}

func nfc(v protoreflect.Value) (normal protoreflect.Value, changed bool) {
	was := v.String()
	is := text.NFC(was)
	if is == was {
		return v, false
	}
	return protoreflect.ValueOfString(is), true
}

func prepareNested(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	v := m.Mutable(f)
	switch {
	case f.IsMap():
		if !isMessage(f.MapValue()) {
			return
		}
		v.Map().Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
			prepare(value.Message())
			return true
		})
	case f.IsList():
		for i := range v.List().Len() {
			prepare(v.List().Get(i).Message())
		}
	default:
		prepare(v.Message())
	}
}
