// Package server is the gRPC methods of the identity service.
//
// A secret is answered by the method that makes it and by no other: these methods take no request id, so nothing is ever
// replayed with a secret in it (INV-IDENTITY-SECRET-ONCE). Passwords are hashed and tokens signed outside of the store's
// closures: they take long, and a closure may run again.
package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/gateway/identity/internal/lockout"
	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/session"
	identitypb "coso/proto/gen/coso/identity/v1"
	operatorpb "coso/proto/gen/coso/operator/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
	"coso/services/platform/token"
)

// Name is the service's name.
const Name = "identity"

// Signer signs tokens; see token.Signer.
type Signer interface {
	Sign(ctx context.Context, account string, life time.Duration, scope token.Scope) (string, token.Claims, error)
}

// Verifier verifies tokens; see token.Verifier.
type Verifier interface {
	Verify(ctx context.Context, compact string) (token.Claims, error)
}

// Options are what the methods stand on; all are required but those that say what they are without.
type Options struct {
	// Limits say how long sessions hold.
	Limits session.Limits
	// Hasher hashes passwords.
	Hasher *password.Hasher
	// Signer signs the installation's own tokens, Verifier verifies them; Issuer is whose they are.
	Signer   Signer
	Verifier Verifier
	Issuer   string
	// Foreign verifies what the issuer says by which people sign in who have no account; nil: there is none.
	Foreign *token.Identities
	// Now is the clock.
	Now func() time.Time
}

// Server implements the methods.
type Server struct {
	identitypb.UnimplementedAccountServiceServer
	identitypb.UnimplementedSessionServiceServer
	identitypb.UnimplementedSignInServiceServer
	identitypb.UnimplementedApiTokenServiceServer
	operatorpb.UnimplementedWayInServiceServer

	Options

	store *store.Store
	// book counts failures.
	book *lockout.Book
}

// New returns the methods; they serve once they are registered and Recall has been called.
func New(o Options) *Server { return &Server{Options: o} }

// Recall reads the failures that were stored before the last stop.
func (s *Server) Recall(ctx context.Context) error {
	kept, err := store.View(ctx, s.store, func(tx *store.ReadTx) ([]*identitypb.FailuresPrivate, error) { return all(records.Failures.All(tx)) })
	s.book = lockout.NewBook(s.Now, kept)
	return err
}

// Register registers the gRPC services over a store.
func (s *Server) Register(r grpc.ServiceRegistrar, over *store.Store) {
	s.store = over
	identitypb.RegisterAccountServiceServer(r, s)
	identitypb.RegisterSessionServiceServer(r, s)
	identitypb.RegisterSignInServiceServer(r, s)
	identitypb.RegisterApiTokenServiceServer(r, s)
	operatorpb.RegisterWayInServiceServer(r, s)
}

// as is a context in which the service or a proved account acts, whatever the chain made of the caller: whoever signs in is
// nobody before.
func as(ctx context.Context, principal string) context.Context {
	return access.With(ctx, access.Principal{Name: principal})
}

func itself(ctx context.Context) context.Context { return access.With(ctx, access.Service(Name)) }

func moment(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at) }

// all gathers a walk.
func all[T any](walk func(yield func(T, error) bool)) ([]T, error) {
	var out []T
	for rec, err := range walk {
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// SessionOver is what is done when the time of a session is over: the timer is called as the session.
func SessionOver(tx *store.Tx, t store.Timer) error { return forget(tx, t.Name) }

// forget removes a session.
func forget(tx *store.Tx, name string) error {
	if err := records.Sessions.Delete(tx, name); err != nil {
		return err
	}
	if err := records.SessionProofs.Delete(tx, name); err != nil {
		return err
	}
	return store.CancelTimer(tx, name)
}

// forgetAll removes the sessions of an owner, but one, and says how many there were.
func forgetAll(tx *store.Tx, owner, but string) (int, error) {
	open, err := all(records.Sessions.By(tx, records.SessionsByOwner, store.Text(owner)))
	if err != nil {
		return 0, err
	}
	gone := 0
	for _, s := range open {
		if s.GetName() == but {
			continue
		}
		if err := forget(tx, s.GetName()); err != nil {
			return 0, err
		}
		gone++
	}
	return gone, nil
}
