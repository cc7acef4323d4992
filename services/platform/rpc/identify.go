package rpc

import (
	"context"
	"fmt"
	"strings"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
)

// Tokens verifies tokens, as token.Verifier does.
type Tokens interface {
	Verify(ctx context.Context, compact string) (token.Claims, error)
}

// ownPackages are those whose methods must declare a permission; what others' do is theirs (the health service: public).
const ownPackages = "coso."

// declaredBy is the permission that a method declares, and which narrowed tokens it takes; nil: whichever. It panics for a
// method of ours that declares none: nobody could say who may call it, and the service must not start (INV-RPC-DECLARED).
func declaredBy(service, method string) (accesspb.Permission, *access.Reach) {
	if !strings.HasPrefix(service, ownPackages) {
		return accesspb.Permission_PERMISSION_PUBLIC, nil
	}
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	if err != nil {
		panic(fmt.Sprintf("rpc: %s/%s: %v", service, method, err))
	}
	declared, ok := proto.GetExtension(found.Options(), accesspb.E_Permission).(accesspb.Permission)
	if !ok || declared == accesspb.Permission_PERMISSION_UNSPECIFIED {
		panic(fmt.Sprintf("rpc: %s/%s declares no permission", service, method))
	}
	of, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		panic(fmt.Sprintf("rpc: %s/%s is no method", service, method))
	}
	return declared, new(access.ReachOf(of))
}

// identify says who calls, and refuses whoever has not come in the way that the method asks for. What a caller may do by
// grants is asked where the resources are read (store).
func (s *Server) identify(ctx context.Context, c *call, next func(context.Context) error) error {
	principal, claims, err := s.caller(ctx, c.declared)
	if c.principal = principal; err != nil {
		return err
	}
	if c.reach != nil {
		if err := c.reach.Admits(string(claims.Scope)); err != nil {
			return err
		}
	}
	if err := cameIn(ctx, c); err != nil {
		return err
	}
	if c.stream && !claims.Expires.IsZero() { // who listens proves anew who they are when the proof has ended
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, claims.Expires)
		defer cancel()
	}
	return next(access.WithCall(ctx, c.principal, c.full, c.declared))
}

// caller is who proves to be one: by a token, as a service in this process or by its certificate, or by the operator's
// socket. Whoever proves nothing is nobody (INV-RPC-NOBODY); a token that proves nothing is refused, never passed over.
// Who came without a token has no claims.
func (s *Server) caller(ctx context.Context, declared accesspb.Permission) (access.Principal, token.Claims, error) {
	sent := metadata.ValueFromIncomingContext(ctx, token.Header)
	switch {
	case len(sent) > 1:
		return access.Principal{}, token.Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MALFORMED, token.Header)
	case len(sent) == 1:
		compact, ok := token.Bearer(sent[0])
		if !ok {
			return access.Principal{}, token.Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_SCHEME, token.Header)
		}
		if compact == "" {
			return access.Principal{}, token.Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MALFORMED, token.Header)
		}
		claims, err := s.tokens.Verify(ctx, compact)
		return access.Principal{Name: claims.Principal}, claims, err
	}
	if p, ok := neighbourIn(ctx); ok {
		return p, token.Claims{}, nil
	}
	if name, ok := mtls.Caller(ctx); ok {
		return certified(name, declared), token.Claims{}, nil
	}
	if byOperator(ctx) {
		return access.Principal{Name: access.Operator}, token.Claims{}, nil
	}
	return access.Principal{}, token.Claims{}, nil
}

// certified is who makes a call without a token by a certificate: the service that it names. The gateway brings what clients
// ask, so its certificate opens what is for services alone and vouches for nobody (INV-RPC-GATEWAY-NOBODY).
func certified(name string, declared accesspb.Permission) access.Principal {
	if name != mtls.Gateway || declared == accesspb.Permission_PERMISSION_SERVICES {
		return access.Service(name)
	}
	return access.Principal{}
}

// noIssuer refuses every token: it knows nobody who gives any.
type noIssuer struct{}

// Verify refuses.
func (noIssuer) Verify(context.Context, string) (token.Claims, error) {
	return token.Claims{}, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss")
}

// byOperator reports whether a call comes by a Unix socket, whose file says who may use it.
func byOperator(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	return ok && p.Addr != nil && p.Addr.Network() == "unix"
}

// cameIn holds the way a caller came in against what the method declares.
func cameIn(ctx context.Context, c *call) error {
	switch {
	case c.declared == accesspb.Permission_PERMISSION_OPERATOR && !byOperator(ctx):
		return fault.PermissionDenied(faultpb.Reason_REASON_OPERATOR_ONLY, "")
	case c.declared == accesspb.Permission_PERMISSION_SERVICES && !c.principal.IsService() && !byOperator(ctx):
		return fault.PermissionDenied(faultpb.Reason_REASON_SERVICES_ONLY, "")
	case c.principal.IsZero() && c.declared != accesspb.Permission_PERMISSION_PUBLIC:
		return fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
	}
	return nil
}

// neighbourKey holds the service that calls from within the process.
type neighbourKey struct{}

// neighbourIn is the service that calls from within the process. The channel of streams keeps the caller's context aside.
func neighbourIn(ctx context.Context) (access.Principal, bool) {
	if outside := inprocgrpc.ClientContext(ctx); outside != nil {
		ctx = outside
	}
	p, ok := ctx.Value(neighbourKey{}).(access.Principal)
	return p, ok && !p.IsZero()
}
