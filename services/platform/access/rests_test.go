package access_test

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accesspb "coso/proto/gen/coso/access/v1"
	_ "coso/proto/gen/coso/award/v1"
	_ "coso/proto/gen/coso/identity/v1"
	_ "coso/proto/gen/coso/membership/v1"
	_ "coso/proto/gen/coso/operation/v1"
	_ "coso/proto/gen/coso/planning/v1"
	_ "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
)

// Of all methods of the contract, those change something by grants that ask for what a grant gives and are not read by GET; and the
// one that asks again for what others were asked.
func TestWhatChangesByGrant(t *testing.T) {
	changes := 0
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(f.Package()), "coso.") {
			return true
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				declared, _ := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
				http, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
				want := access.Granted(declared) && http.GetGet() == "" || m.Name() == "ActivateOperation"
				full := "/" + string(s.FullName()) + "/" + string(m.Name())
				if got := access.ChangesByGrant(full); got != want {
					t.Errorf("%s, which asks for %s, is %v: changes by grant %v, want %v", full, access.Word(declared), http, got, want)
				}
				if want {
					changes++
				}
			}
		}
		return true
	})
	if changes < 30 {
		t.Errorf("only %d methods change something by grants; is the contract linked in?", changes)
	}
	if access.ChangesByGrant("/grpc.health.v1.Health/Check") || access.ChangesByGrant("unknown") {
		t.Error("what is none of ours changes something by grants")
	}
}
