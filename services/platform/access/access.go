// Package access says who acts. It carries the proved principal of a request and the method it called through the
// context, so that the store can write both into the journal. It does not prove anybody (package rpc does) and does not
// decide what a principal may do.
package access

import "context"

// Principal is who acts, by resource name, and for whom. It is a comparable value; the zero Principal is nobody.
type Principal struct {
	// Name is the proved caller, e.g. `principals/local` or `services/planning`.
	Name string
	// OnBehalfOf is the principal whose act caused this one; empty when the caller acts for itself.
	OnBehalfOf string
}

// Local is the one principal there is before identities exist: whoever can reach the loopback address.
const Local = "principals/local"

// Service returns the principal as which the service of this bare name (`planning`) acts on its own account: its
// followers and timers.
func Service(name string) Principal {
	return Principal{Name: "services/" + name}
}

// IsZero reports whether p is nobody.
func (p Principal) IsZero() bool { return p == Principal{} }

type (
	principalKey struct{}
	methodKey    struct{}
)

// With returns a context in which p acts.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who acts in ctx. ok is false, and the Principal zero, when nobody was set or the one set is nobody: the
// caller must then refuse, never assume.
func From(ctx context.Context) (p Principal, ok bool) {
	p, _ = ctx.Value(principalKey{}).(Principal)
	return p, !p.IsZero()
}

// WithMethod returns a context whose commands are recorded in the journal under method: the full gRPC method
// (`/coso.registry.v1.UnitService/CreateUnit`) for a request, `follow/<service>` for a follower.
func WithMethod(ctx context.Context, method string) context.Context {
	return context.WithValue(ctx, methodKey{}, method)
}

// Method returns the method set by WithMethod, or "" when none was.
func Method(ctx context.Context) string {
	method, _ := ctx.Value(methodKey{}).(string)
	return method
}
