// Package access says who acts, what they were called to do, and what each role may do. It carries the proved principal
// of a request, the method it called and the permission that the method declares through the context, so that the store
// can hold the one against the other and write who acted into the journal. It does not prove anybody (package rpc does)
// and does not know where a grant holds (package scope does).
//
// INV-ACCESS-GATEWAY-NOTHING: the gateway itself may do nothing to any resource: it brings what others ask, with their tokens.
package access

import (
	"context"
	"strings"

	accesspb "coso/proto/gen/coso/access/v1"
)

// Principal is who acts, by resource name, and for whom. It is a comparable value; the zero Principal is nobody.
type Principal struct {
	// Name is the proved caller, e.g. `principals/lan` or `services/planning`.
	Name string
	// OnBehalfOf is the principal whose act caused this one; empty when the caller acts for itself.
	OnBehalfOf string
}

// Operator is whoever may use the operator's socket: the system's files say who that is.
const Operator = "principals/operator"

const servicePrefix = "services/"

// Service returns the principal as which the service of this bare name (`planning`) acts on its own account: its
// followers and timers.
func Service(name string) Principal {
	return Principal{Name: servicePrefix + name}
}

// IsZero reports whether p is nobody.
func (p Principal) IsZero() bool { return p == Principal{} }

// IsService reports whether p is a service on its own account.
func (p Principal) IsService() bool { return strings.HasPrefix(p.Name, servicePrefix) }

// act is what a context says of the call it belongs to.
type act struct {
	principal  Principal
	method     string
	permission accesspb.Permission
}

type actKey struct{}

func actIn(ctx context.Context) act {
	a, _ := ctx.Value(actKey{}).(act)
	return a
}

// With returns a context in which p acts.
func With(ctx context.Context, p Principal) context.Context {
	a := actIn(ctx)
	a.principal = p
	return context.WithValue(ctx, actKey{}, a)
}

// WithMethod returns a context whose commands are recorded in the journal under method: the full gRPC method
// (`/coso.registry.v1.UnitService/CreateUnit`) for a request, `follow/<service>` for a follower.
func WithMethod(ctx context.Context, method string) context.Context {
	a := actIn(ctx)
	a.method = method
	return context.WithValue(ctx, actKey{}, a)
}

// WithCall returns a context in which p calls a method that declares a permission.
func WithCall(ctx context.Context, p Principal, method string, declared accesspb.Permission) context.Context {
	return context.WithValue(ctx, actKey{}, act{p, method, declared})
}

// ForNobody returns a context for what a service reads for its own purposes in the middle of a call.
func ForNobody(ctx context.Context) context.Context { return context.WithValue(ctx, actKey{}, act{}) }

// From returns who acts in ctx. ok is false, and the Principal zero, when nobody was set or the one set is nobody: the
// caller must then refuse, never assume.
func From(ctx context.Context) (p Principal, ok bool) {
	p = actIn(ctx).principal
	return p, !p.IsZero()
}

// Method returns the method set by WithMethod or WithCall, or "" when none was.
func Method(ctx context.Context) string { return actIn(ctx).method }

// Declared returns the permission that the called method declares: PERMISSION_UNSPECIFIED where no method was called.
func Declared(ctx context.Context) accesspb.Permission { return actIn(ctx).permission }
