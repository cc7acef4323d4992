package rpc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/timestamppb" // the message type below refers to it

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// The contract's resources are flat today; these message types have all that they may come to have:
//
//	message House { name (IDENTIFIER), text, repeated tags, map words, secret (OUTPUT_ONLY), Room room, repeated Room rooms,
//	  map named_rooms, Timestamp built_time, map counts, oneof heating { coal | Room stove } }
//	message Room { text, owned (OUTPUT_ONLY), fixed (IMMUTABLE), Room inner, etag }
func houseType(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	const (
		text    = descriptorpb.FieldDescriptorProto_TYPE_STRING
		message = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
		one     = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
		many    = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	)
	field := func(number int32, name string, kind descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label,
		typeName string, says ...annotations.FieldBehavior,
	) *descriptorpb.FieldDescriptorProto {
		options := &descriptorpb.FieldOptions{}
		proto.SetExtension(options, annotations.E_FieldBehavior, says)
		f := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: &kind, Label: &label, Options: options}
		if typeName != "" {
			f.TypeName = &typeName
		}
		return f
	}
	entry := func(name string, value *descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
		return &descriptorpb.DescriptorProto{
			Name: &name, Options: &descriptorpb.MessageOptions{MapEntry: new(true)},
			Field: []*descriptorpb.FieldDescriptorProto{field(1, "key", text, one, ""), value},
		}
	}
	number := descriptorpb.FieldDescriptorProto_TYPE_INT64
	house := &descriptorpb.DescriptorProto{
		Name: new("House"),
		Field: []*descriptorpb.FieldDescriptorProto{
			field(1, "name", text, one, "", annotations.FieldBehavior_IDENTIFIER),
			field(2, "text", text, one, ""),
			field(3, "tags", text, many, ""),
			field(4, "words", message, many, ".t.House.WordsEntry"),
			field(5, "secret", text, one, "", annotations.FieldBehavior_OUTPUT_ONLY),
			field(6, "room", message, one, ".t.Room"),
			field(7, "rooms", message, many, ".t.Room"),
			field(8, "named_rooms", message, many, ".t.House.NamedRoomsEntry"),
			field(9, "built_time", message, one, ".google.protobuf.Timestamp"),
			field(10, "counts", message, many, ".t.House.CountsEntry"),
			field(11, "coal", text, one, ""),
			field(12, "stove", message, one, ".t.Room"),
		},
		OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: new("heating")}},
		NestedType: []*descriptorpb.DescriptorProto{
			entry("WordsEntry", field(2, "value", text, one, "")),
			entry("NamedRoomsEntry", field(2, "value", message, one, ".t.Room")),
			entry("CountsEntry", field(2, "value", number, one, "")),
		},
	}
	house.Field[10].OneofIndex, house.Field[11].OneofIndex = proto.Int32(0), proto.Int32(0)
	room := &descriptorpb.DescriptorProto{
		Name: new("Room"),
		Field: []*descriptorpb.FieldDescriptorProto{
			field(1, "text", text, one, ""),
			field(2, "owned", text, one, "", annotations.FieldBehavior_OUTPUT_ONLY),
			field(3, "fixed", text, one, "", annotations.FieldBehavior_IMMUTABLE),
			field(4, "inner", message, one, ".t.Room"),
			field(5, "etag", text, one, ""),
		},
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("t.proto"), Package: new("t"), Syntax: new("proto3"),
		Dependency:  []string{"google/protobuf/timestamp.proto"},
		MessageType: []*descriptorpb.DescriptorProto{house, room},
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName("House")
}

// house is the JSON as a House.
func house(t *testing.T, d protoreflect.MessageDescriptor, json string) *dynamicpb.Message {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := protojson.Unmarshal([]byte(json), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPrepareReachesEveryDepth(t *testing.T) { // INV-RPC-PREPARED
	t.Parallel()
	const e = "e\u0302\u0323" // ệ, decomposed
	d := houseType(t)
	got := house(t, d, `{
		"name": "`+e+`", "text": "`+e+`", "tags": ["a", "`+e+`"], "words": {"`+e+`": "x", "y": "`+e+`", "z": "z"}, "secret": "s",
		"room": {"text": "`+e+`", "owned": "o", "fixed": "`+e+`", "inner": {"text": "`+e+`", "owned": "o"}, "etag": "e"},
		"rooms": [{"owned": "o"}, {"text": "`+e+`"}],
		"namedRooms": {"`+e+`": {"owned": "o", "text": "`+e+`"}}, "builtTime": "2020-01-01T00:00:00Z", "counts": {"`+e+`": "1"},
		"stove": {"owned": "o"}
	}`)
	got.SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1))
	prepare(got)
	want := house(t, d, `{
		"name": "ệ", "text": "ệ", "tags": ["a", "ệ"], "words": {"ệ": "x", "y": "ệ", "z": "z"},
		"room": {"text": "ệ", "fixed": "ệ", "inner": {"text": "ệ"}, "etag": "e"},
		"rooms": [{}, {"text": "ệ"}],
		"namedRooms": {"ệ": {"text": "ệ"}}, "builtTime": "2020-01-01T00:00:00Z", "counts": {"ệ": "1"}, "stove": {}
	}`)
	if len(got.GetUnknown()) > 0 {
		t.Error("unknown fields stay")
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeReachesIntoMessages(t *testing.T) { // INV-RPC-MERGE-MASK
	t.Parallel()
	d := houseType(t)
	const cur = `{"name": "h", "text": "a", "secret": "s", "room": {"text": "a", "owned": "o", "fixed": "f", "inner": {"text": "a"}},
		"rooms": [{"text": "a", "owned": "o"}], "builtTime": "2020-01-01T00:00:00Z", "coal": "much"}`
	for _, c := range []struct {
		name, patch string
		paths       []string
		want        string // "": refused for value
		value       string
	}{
		{
			"a field of a message", `{"room": {"text": "b", "inner": {"text": "b"}}, "text": "b"}`,
			[]string{"room.text"},
			`{"name": "h", "text": "a", "secret": "s", "room": {"text": "b", "owned": "o", "fixed": "f", "inner": {"text": "a"}},
			"rooms": [{"text": "a", "owned": "o"}], "builtTime": "2020-01-01T00:00:00Z", "coal": "much"}`, "",
		},
		{
			"a field emptied by a message that is not there", `{}`,
			[]string{"room.text", "room.inner.text", "stove.text"},
			`{"name": "h", "text": "a", "secret": "s", "room": {"owned": "o", "fixed": "f", "inner": {}},
			"rooms": [{"text": "a", "owned": "o"}], "builtTime": "2020-01-01T00:00:00Z", "coal": "much"}`, "",
		},
		{
			"a whole message keeps what the server owns", `{"room": {"inner": {"owned": "x"}, "owned": "x", "etag": "e"}}`,
			[]string{"room"},
			`{"name": "h", "text": "a", "secret": "s", "room": {"owned": "o", "fixed": "f", "inner": {}, "etag": "e"},
			"rooms": [{"text": "a", "owned": "o"}], "builtTime": "2020-01-01T00:00:00Z", "coal": "much"}`, "",
		},
		{
			"no mask takes what is set", `{"room": {"text": "b", "fixed": "f"}, "rooms": [{"text": "b"}], "builtTime": "2021-01-01T00:00:00Z"}`, nil,
			`{"name": "h", "text": "a", "secret": "s", "room": {"text": "b", "owned": "o", "fixed": "f"},
			"rooms": [{"text": "b"}], "builtTime": "2021-01-01T00:00:00Z", "coal": "much"}`, "",
		},
		{
			"one of several", `{"stove": {"text": "b", "fixed": "new"}}`,
			[]string{"stove"},
			`{"name": "h", "text": "a", "secret": "s", "room": {"text": "a", "owned": "o", "fixed": "f", "inner": {"text": "a"}},
			"rooms": [{"text": "a", "owned": "o"}], "builtTime": "2020-01-01T00:00:00Z", "stove": {"text": "b", "fixed": "new"}}`, "",
		},
		{"immutable inside", `{"room": {"fixed": "g"}}`, []string{"room"}, "", "fixed"},
		{"immutable inside, no mask", `{"room": {"fixed": "g"}}`, nil, "", "fixed"},
		{"immutable on the path", `{"room": {"fixed": "f"}}`, []string{"room.fixed"}, "", "room.fixed"},
		{"through a list", `{}`, []string{"rooms.text"}, "", "rooms.text"},
		{"through a map", `{}`, []string{"named_rooms.a"}, "", "namedRooms.a"},
		{"into a moment", `{}`, []string{"built_time.seconds"}, "", "builtTime.seconds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Merge(house(t, d, cur), house(t, d, c.patch), &fieldmaskpb.FieldMask{Paths: c.paths})
			if c.want == "" {
				e := fault.From(err)
				if e == nil || e.Params["value"] != c.value ||
					e.Reason != faultpb.Reason_REASON_MASK_FIXED_FIELD && e.Reason != faultpb.Reason_REASON_MASK_UNKNOWN_FIELD {
					t.Errorf("answered %v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(house(t, d, c.want), got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeSharesNothing(t *testing.T) {
	t.Parallel()
	d := houseType(t)
	patch := house(t, d, `{"rooms": [{"text": "b"}]}`)
	rooms := d.Fields().ByName("rooms")
	next, err := Merge(house(t, d, `{"name": "h"}`), patch, nil)
	if err != nil {
		t.Fatal(err)
	}
	next.Mutable(rooms).List().AppendMutable()
	if patch.Get(rooms).List().Len() != 1 {
		t.Error("a change of the result changes the patch")
	}
}
