package access

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	accesspb "coso/proto/gen/coso/access/v1"
)

// activate asks again for all that the batches of an operation held, though it declares none of it itself.
const activate = "coso.operation.v1.OperationService.ActivateOperation"

// ChangesByGrant reports whether a method, by its full gRPC name, changes something that its caller may change by grants: by what
// it declares in the contract, whatever its name is. A name that is no method of this program changes nothing.
func ChangesByGrant(method string) bool {
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil || name == activate {
		return err == nil
	}
	declared, ok := proto.GetExtension(found.Options(), accesspb.E_Permission).(accesspb.Permission)
	return ok && Granted(declared) && !reading(declared)
}

// reading reports whether a permission is one to read.
func reading(p accesspb.Permission) bool { return strings.HasSuffix(p.String(), "_READ") }
