package caller

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/limit"

	accesspb "coso/proto/gen/coso/access/v1"
)

// Method is what the contract says of who may call a method.
type Method struct {
	// Declared is the permission it asks for.
	Declared accesspb.Permission
	// Reach says which narrowed tokens it takes.
	Reach access.Reach
	// Cost is what a call costs its caller.
	Cost int
}

// MethodOf reads it from the contract; an error for a method that declares nothing.
func MethodOf(m protoreflect.MethodDescriptor) (*Method, error) {
	declared, ok := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
	if !ok || declared == accesspb.Permission_PERMISSION_UNSPECIFIED {
		return nil, fmt.Errorf("%s declares no permission", m.FullName())
	}
	return &Method{Declared: declared, Reach: access.ReachOf(m), Cost: limit.Cost(m)}, nil
}

// Named is MethodOf for the method of a full name, `coso.feed.v1.EventService.WatchEvents`.
func Named(full protoreflect.FullName) (*Method, error) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(full)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", full, err)
	}
	m, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no method", full)
	}
	return MethodOf(m)
}
