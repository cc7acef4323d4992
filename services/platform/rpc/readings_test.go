package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/readings"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

// trial is a contract as a later one may be: nothing but the mark at a field says that persons are in it.
const trial = `
name: "trial.proto" package: "coso.trial.v1" syntax: "proto3"
dependency: "coso/access/v1/permission.proto" dependency: "coso/access/v1/personal.proto" dependency: "google/protobuf/any.proto"
message_type { name: "Person"
  field { name: "name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "unit" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "full_name" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL options { [coso.access.v1.personal]: true } }
  field { name: "duty" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
}
message_type { name: "File"
  field { name: "person" number: 1 type: TYPE_MESSAGE type_name: ".coso.trial.v1.Person" label: LABEL_OPTIONAL }
  field { name: "relatives" number: 2 type: TYPE_MESSAGE type_name: ".coso.trial.v1.Person" label: LABEL_REPEATED }
  field { name: "notes" number: 3 type: TYPE_STRING label: LABEL_REPEATED options { [coso.access.v1.personal]: true } }
  field { name: "more" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.Any" label: LABEL_OPTIONAL }
  field { name: "above" number: 5 type: TYPE_MESSAGE type_name: ".coso.trial.v1.File" label: LABEL_OPTIONAL }
}
message_type { name: "Ask"
  field { name: "name" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "query" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "page_token" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL }
}
service { name: "PersonService"
  method { name: "GetFile" input_type: ".coso.trial.v1.Ask" output_type: ".coso.trial.v1.File" options { [coso.access.v1.permission]: PERMISSION_ACCOUNTS_READ } }
  method { name: "GetOwnFile" input_type: ".coso.trial.v1.Ask" output_type: ".coso.trial.v1.File" options { [coso.access.v1.permission]: PERMISSION_SIGNED_IN [coso.access.v1.own]: true } }
  method { name: "UpdateFile" input_type: ".coso.trial.v1.Ask" output_type: ".coso.trial.v1.File" options { [coso.access.v1.permission]: PERMISSION_ACCOUNTS_MANAGE } }
  method { name: "WatchFiles" input_type: ".coso.trial.v1.Ask" output_type: ".coso.trial.v1.File" server_streaming: true options { [coso.access.v1.permission]: PERMISSION_ACCOUNTS_READ } }
}`

// contract registers the trial's once.
var contract = sync.OnceValue(func() protoreflect.FileDescriptor {
	raw := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(trial), raw); err != nil {
		panic(err)
	}
	// As a compiled contract has them: marks as known options.
	file, err := protodesc.NewFile(raw, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		panic(err)
	}
	for i := range file.Messages().Len() {
		if err := protoregistry.GlobalTypes.RegisterMessage(dynamicpb.NewMessageType(file.Messages().Get(i))); err != nil {
			panic(err)
		}
	}
	return file
})

// persons answers every call with one file.
type persons struct {
	file   *dynamicpb.Message
	effect int
}

func message(name protoreflect.Name, text string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(contract().Messages().ByName(name))
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		panic(err)
	}
	return m
}

func (p *persons) register(r grpc.ServiceRegistrar) {
	desc := &grpc.ServiceDesc{ServiceName: "coso.trial.v1.PersonService", HandlerType: (*any)(nil)}
	for _, name := range []string{"GetFile", "GetOwnFile", "UpdateFile"} {
		full := "/coso.trial.v1.PersonService/" + name
		desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: name, Handler: func(srv any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
			in := message("Ask", "")
			if err := decode(in); err != nil {
				return nil, err
			}
			return chain(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: full}, func(context.Context, any) (any, error) {
				p.effect++
				return proto.Clone(p.file), nil
			})
		}})
	}
	desc.Streams = []grpc.StreamDesc{{StreamName: "WatchFiles", ServerStreams: true, Handler: func(_ any, ss grpc.ServerStream) error {
		if err := ss.RecvMsg(message("Ask", "")); err != nil {
			return err
		}
		for range 2 {
			if err := ss.SendMsg(proto.Clone(p.file)); err != nil {
				return err
			}
		}
		return nil
	}}}
	r.RegisterService(desc, p)
}

// archive is a server that shows persons and records to whom.
type archive struct {
	*testing.T
	persons *persons
	book    *readings.Book
	dir     string
	conn    grpc.ClientConnInterface
}

func newArchive(t *testing.T, tcp, recording bool) *archive {
	t.Helper()
	contract()
	b := newBench(t, false)
	a := &archive{T: t, persons: &persons{}, dir: t.TempDir()}
	logger := slog.New(slog.DiscardHandler)
	a.book = readings.Open(readings.Options{Dir: a.dir, Service: "registry", Logger: logger})
	t.Cleanup(func() {
		if err := a.book.Close(); err != nil {
			t.Error(err)
		}
	})
	o := rpc.Options{Service: "registry", Store: b.store, Tokens: b.own.Verifier(), Logger: logger}
	if recording {
		o.Readings = a.book
	}
	var network *rpctest.Network
	if tcp {
		network = rpctest.NewNetwork(t)
		o.TLS = network.As("registry")
	}
	server := rpc.New(o)
	a.persons.register(server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		server.Stop(ctx)
	})
	bare := server.Conn()
	if tcp {
		bare = network.Dial(network.Serve(server), "registry", mtls.Gateway)
	}
	a.conn = b.own.As("lan", bare)
	return a
}

func (a *archive) call(method, ask string) error {
	return a.conn.Invoke(with(a.T, rpc.RequestIDHeader, "goi-1"), "/coso.trial.v1.PersonService/"+method, message("Ask", ask), message("File", ""))
}

// recorded are the readings, the first first, without name and time.
func (a *archive) recorded() []*readingpb.Reading {
	a.Helper()
	found, _, err := a.book.Find(a.Context(), readings.Query{Scope: store.Scope{Everywhere: true}, Size: 500})
	if err != nil {
		a.Fatal(err)
	}
	slices.Reverse(found)
	for _, r := range found {
		if r.GetName() == "" || r.GetReadTime() == nil {
			a.Errorf("%v has no name or moment", r)
		}
		r.Name, r.ReadTime = "", nil
	}
	return found
}

func (a *archive) expect(want ...*readingpb.Reading) {
	a.Helper()
	if got := a.recorded(); !slices.EqualFunc(got, want, func(x, y *readingpb.Reading) bool { return proto.Equal(x, y) }) {
		a.Fatalf("recorded\n%v, want\n%v", got, want)
	}
}

func everyArchive(t *testing.T, test func(a *archive)) {
	t.Helper()
	for _, way := range []string{"memory", "tcp"} {
		t.Run(way, func(t *testing.T) { test(newArchive(t, way == "tcp", true)) })
	}
}

const lanFile = `person { name: "persons/1" unit: "units/a" full_name: "Nguyễn Văn An" }`

func getFile(unit, request string, shown int32, resources ...string) *readingpb.Reading {
	return &readingpb.Reading{
		Principal: "principals/lan", Method: "/coso.trial.v1.PersonService/GetFile", RequestId: "goi-1", Request: request,
		Resources: resources, ShownCount: shown, Unit: unit,
	}
}

// INV-RPC-READINGS: an answer of a message with the mark is recorded once, without a line of code of its own.
func TestAnAnswerIsRecorded(t *testing.T) {
	everyArchive(t, func(a *archive) {
		a.persons.file = message("File", lanFile)
		if err := a.call("GetFile", `name: "files/1" query: "a, \"b\"" page_token: "x"`); err != nil {
			a.Fatal(err)
		}
		a.expect(getFile("units/a", `{"name":"files/1","query":"a, \"b\""}`, 1, "persons/1"))
	})
}

// Whatever is shown in whatever depth is found; what is not set shows nothing; each unit has readings of its own, which hold a
// hundred names at most.
func TestWhatIsShown(t *testing.T) {
	a := newArchive(t, false, true)
	var many strings.Builder
	for i := range 150 {
		fmt.Fprintf(&many, `relatives { name: "persons/r%03d" unit: "units/b" full_name: "x" } `, i)
	}
	names := func(from, to int) (out []string) {
		for i := from; i < to; i++ {
			out = append(out, fmt.Sprintf("persons/r%03d", i))
		}
		return out
	}
	got := func(unit string, shown int32, resources ...string) *readingpb.Reading {
		return getFile(unit, `{"name":"files/1"}`, shown, resources...)
	}
	for name, c := range map[string]struct {
		file string
		want []*readingpb.Reading
	}{
		"nothing":             {``, nil},
		"nothing personal":    {`person { name: "persons/1" unit: "units/a" duty: "bí thư" }`, nil},
		"by the request":      {`notes: "a" notes: "b"`, []*readingpb.Reading{got("", 2, "files/1")}},
		"without a unit":      {`person { name: "persons/1" full_name: "x" }`, []*readingpb.Reading{got("", 1, "persons/1")}},
		"in the depth":        {`above { above { ` + lanFile + ` } }`, []*readingpb.Reading{got("units/a", 1, "persons/1")}},
		"the same twice":      {lanFile + ` above { ` + lanFile + ` }`, []*readingpb.Reading{got("units/a", 2, "persons/1")}},
		"in an Any":           {`more { [type.googleapis.com/coso.trial.v1.File] { ` + lanFile + ` } }`, []*readingpb.Reading{got("units/a", 1, "persons/1")}},
		"an Any of no person": {`more { [type.googleapis.com/coso.trial.v1.Ask] { query: "x" } }`, nil},
		"an Any of another":   {`more { type_url: "type.googleapis.com/coso.later.v9.Unknown" value: "x" }`, []*readingpb.Reading{got("", 1, "files/1")}},
		"of several units": {
			lanFile + ` relatives { name: "persons/2" unit: "units/b" full_name: "y" } relatives { name: "persons/3" unit: "units/a" full_name: "z" }`,
			[]*readingpb.Reading{got("units/a", 2, "persons/1", "persons/3"), got("units/b", 1, "persons/2")},
		},
		"many": {many.String(), []*readingpb.Reading{got("units/b", 100, names(0, 100)...), got("units/b", 50, names(100, 150)...)}},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(a.recorded())
			a.persons.file = message("File", c.file)
			if err := a.call("GetFile", `name: "files/1"`); err != nil {
				t.Fatal(err)
			}
			got := a.recorded()[before:]
			if !slices.EqualFunc(got, c.want, func(x, y *readingpb.Reading) bool { return proto.Equal(x, y) }) {
				t.Errorf("recorded\n%v, want\n%v", got, c.want)
			}
		})
	}
}

// What concerns nobody but the caller is not recorded.
func TestOnesOwnIsNotRecorded(t *testing.T) {
	a := newArchive(t, false, true)
	a.persons.file = message("File", lanFile)
	if err := a.call("GetOwnFile", ""); err != nil {
		t.Fatal(err)
	}
	a.expect()
}

// INV-RPC-READINGS: every message of a stream that shows persons is recorded before it leaves.
func TestStreamsAreRecorded(t *testing.T) {
	everyArchive(t, func(a *archive) {
		a.persons.file = message("File", lanFile)
		ss, err := a.conn.NewStream(with(a.T, rpc.RequestIDHeader, "goi-1"), &grpc.StreamDesc{ServerStreams: true}, "/coso.trial.v1.PersonService/WatchFiles")
		if err != nil {
			a.Fatal(err)
		}
		if err := ss.SendMsg(message("Ask", `name: "files/1"`)); err != nil {
			a.Fatal(err)
		}
		if err := ss.CloseSend(); err != nil {
			a.Fatal(err)
		}
		for i := range 2 {
			if err := ss.RecvMsg(message("File", "")); err != nil {
				a.Fatal(err)
			}
			if n := len(a.recorded()); n <= i {
				a.Errorf("message %d came, %d are recorded", i+1, n)
			}
		}
		want := getFile("units/a", `{"name":"files/1"}`, 1, "persons/1")
		want.Method = "/coso.trial.v1.PersonService/WatchFiles"
		a.expect(want, want)
	})
}

// INV-RPC-READINGS: what cannot be recorded is not shown, and takes no effect where that is known before; whatever shows nothing
// of persons goes on, and all does by itself when it can be recorded again.
func TestWhatCannotBeRecordedIsNotShown(t *testing.T) {
	everyArchive(t, func(a *archive) {
		a.persons.file = message("File", lanFile)
		if err := a.call("GetFile", `name: "files/1"`); err != nil {
			a.Fatal(err)
		}
		path := filepath.Join(a.dir, "registry.reads-000001")
		if err := os.Rename(path, path+".aside"); err != nil {
			a.Fatal(err)
		}
		answer := message("File", "")
		err := a.conn.Invoke(a.Context(), "/coso.trial.v1.PersonService/GetFile", message("Ask", ""), answer)
		refused(a.T, err, fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN, "")
		if !proto.Equal(answer, message("File", "")) {
			a.Errorf("shown: %v", answer)
		}
		effects := a.persons.effect
		refused(a.T, a.call("UpdateFile", ""), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN, "")
		if a.persons.effect != effects {
			a.Error("a change took effect that could not be answered")
		}
		a.persons.file = message("File", `person { name: "persons/1" duty: "bí thư" }`)
		if err := a.call("GetFile", ""); err != nil {
			a.Error(err)
		}
		if err := os.Rename(path+".aside", path); err != nil {
			a.Fatal(err)
		}
		a.persons.file = message("File", lanFile)
		eventually(a.T, "it is shown again", func() bool { return a.call("GetFile", "") == nil })
		if n := len(a.recorded()); n != 2 {
			a.Errorf("%d readings, want 2", n)
		}
	})
}

// A server that keeps no readings shows no persons.
func TestNoReadingsNoPersons(t *testing.T) {
	a := newArchive(t, false, false)
	a.persons.file = message("File", lanFile)
	refused(t, a.call("GetFile", ""), fault.KindInternal, faultpb.Reason_REASON_INTERNAL, "")
	a.persons.file = message("File", "")
	if err := a.call("GetFile", ""); err != nil {
		t.Error(err)
	}
}
