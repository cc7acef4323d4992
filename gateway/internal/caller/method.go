package caller

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"

	accesspb "coso/proto/gen/coso/access/v1"
)

// Method is what the contract says of who may call a method.
type Method struct {
	// Declared is the permission it asks for.
	Declared accesspb.Permission
	// Reach says which narrowed tokens it takes.
	Reach access.Reach
	// Cost is what a call weighs against a caller's rate; see package limit.
	Cost int
}

// What calls cost: a look-up is 1.
const (
	costOfRead   = 1
	costOfList   = 5
	costOfWrite  = 5
	costOfStream = 10
	// CostOfPassword is what it costs to try a password: hashing one takes memory and time.
	CostOfPassword = 20
	costOfBatch    = 50
	// costOfActivation is for judging very many rows, each of which has come with a batch.
	costOfActivation = 100
)

// costOf goes by the method's verb, as the contract names methods.
func costOf(m protoreflect.MethodDescriptor) int {
	name := string(m.Name())
	switch {
	case name == "CreateSession", name == "ChangePassword", name == "CreateAccount", name == "ResetPassword":
		return CostOfPassword
	case m.IsStreamingServer():
		return costOfStream
	case strings.HasPrefix(name, "Batch"):
		return costOfBatch
	case name == "ActivateOperation":
		return costOfActivation
	case strings.HasPrefix(name, "List"), name == "GetProgress":
		return costOfList
	case strings.HasPrefix(name, "Get"):
		return costOfRead
	}
	return costOfWrite
}

// MethodOf reads it from the contract; an error for a method that declares nothing.
func MethodOf(m protoreflect.MethodDescriptor) (*Method, error) {
	declared, ok := proto.GetExtension(m.Options(), accesspb.E_Permission).(accesspb.Permission)
	if !ok || declared == accesspb.Permission_PERMISSION_UNSPECIFIED {
		return nil, fmt.Errorf("%s declares no permission", m.FullName())
	}
	return &Method{Declared: declared, Reach: access.ReachOf(m), Cost: costOf(m)}, nil
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
