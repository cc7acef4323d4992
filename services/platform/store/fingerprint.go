package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fingerprint is a keyed digest of what a request asks: a walk of its known fields in order of their numbers, without
// the fields named in skip at the top level. Two requests have the same fingerprint only if they ask the same; the key
// keeps a reader of the journal from trying out likely requests. Unknown fields do not count.
func fingerprint(key []byte, m proto.Message, skip ...protoreflect.Name) []byte {
	h := hmac.New(sha256.New, key)
	text(h, string(m.ProtoReflect().Descriptor().FullName()))
	walk(h, m.ProtoReflect(), skip)
	return h.Sum(nil)
}

func walk(h hash.Hash, m protoreflect.Message, skip []protoreflect.Name) {
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(skip, f.Name()) {
			set = append(set, f)
		}
		return true
	})
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	number(h, uint64(len(set)))
	for _, f := range set {
		number(h, uint64(f.Number())) //nolint:gosec // field numbers are positive
		v := m.Get(f)
		switch {
		case f.IsMap():
			walkMap(h, f, v.Map())
		case f.IsList():
			number(h, uint64(v.List().Len())) //nolint:gosec // lengths are not negative
			for i := range v.List().Len() {
				walkValue(h, f, v.List().Get(i))
			}
		default:
			walkValue(h, f, v)
		}
	}
}

func walkMap(h hash.Hash, f protoreflect.FieldDescriptor, m protoreflect.Map) {
	var keys []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	number(h, uint64(len(keys)))
	for _, k := range keys {
		text(h, k.String())
		walkValue(h, f.MapValue(), m.Get(k))
	}
}

func walkValue(h hash.Hash, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		walk(h, v.Message(), nil)
	case protoreflect.StringKind:
		text(h, v.String())
	case protoreflect.BytesKind:
		text(h, string(v.Bytes()))
	case protoreflect.BoolKind:
		if v.Bool() {
			number(h, 1)
		} else {
			number(h, 0)
		}
	case protoreflect.EnumKind:
		number(h, uint64(v.Enum())) //nolint:gosec // the bit pattern is wanted
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		number(h, math.Float64bits(v.Float()))
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		number(h, v.Uint())
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Sint32Kind, protoreflect.Sint64Kind,
		protoreflect.Sfixed32Kind, protoreflect.Sfixed64Kind:
		number(h, uint64(v.Int())) //nolint:gosec // the bit pattern is wanted
	}
}

// A hash never fails to take bytes.
func number(h hash.Hash, n uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	h.Write(b[:])
}

func text(h hash.Hash, s string) {
	number(h, uint64(len(s)))
	h.Write([]byte(s))
}
