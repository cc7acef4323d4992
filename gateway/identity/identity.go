// Package identity is the gateway's own service: the accounts of the installation, their sessions and API tokens, and the
// keys with which their tokens are signed. It is of the shape of the other services and keeps its own store, so it is backed
// up, verified and replicated like any. What an account may do it does not know: grants say.
//
// It follows registry, whose units and grants say who may manage accounts. What it announces names accounts by their ids and
// says nothing else of a person.
package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"coso/gateway/identity/internal/apitoken"
	"coso/gateway/identity/internal/password"
	"coso/gateway/identity/internal/records"
	"coso/gateway/identity/internal/server"
	"coso/gateway/identity/internal/session"
	"coso/gateway/internal/source"
	"coso/services/platform/access"
	"coso/services/platform/feed"
	"coso/services/platform/run"
	"coso/services/platform/scope"
	"coso/services/platform/store"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
)

// Name is the service's name in positions, subjects and file names.
const Name = server.Name

// Who signs the tokens, and for whom, unless an operator says otherwise: `iss` and `aud`.
const (
	Issuer   = token.OwnIssuer
	Audience = token.OwnAudience
)

// APITokenPrefix begins the secret of every API token, and no signed token.
const APITokenPrefix = apitoken.Prefix

// SourceHeader is the metadata in which the gateway says from which address a client comes. It counts failures and shows
// where sessions are used, and is believed: only the gateway, which sets it itself, may reach this service.
const SourceHeader = source.Header

// atOnce is how many passwords are hashed at once: 64 MiB each.
const atOnce = 2

// Limits are how long things hold; zero: as the setting's default says.
type Limits struct {
	Token   time.Duration `name:"token-life" help:"How long a signed token holds; at most 15m." default:"10m"`
	Idle    time.Duration `name:"session-idle" help:"How long a session holds that is not used." default:"2h"`
	Longest time.Duration `name:"session-life" help:"How long any session holds; then one signs in again." default:"12h"`
}

// What limits may be.
const (
	longestToken   = 15 * time.Minute
	shortestToken  = time.Minute
	longestSession = 30 * 24 * time.Hour
)

// Check joins what cannot be.
func (l Limits) Check() error {
	l = l.orDefault()
	switch {
	case l.Token < shortestToken || l.Token > longestToken:
		return fmt.Errorf("--token-life: %s; choose from %s to %s", l.Token, shortestToken, longestToken)
	case l.Idle < l.Token:
		return fmt.Errorf("--session-idle: %s is shorter than --token-life, %s: a session would end before its token", l.Idle, l.Token)
	case l.Longest < l.Idle || l.Longest > longestSession:
		return fmt.Errorf("--session-life: %s; choose from --session-idle, %s, to %s", l.Longest, l.Idle, longestSession)
	}
	return nil
}

func (l Limits) orDefault() Limits {
	or := func(given, otherwise time.Duration) time.Duration {
		if given == 0 {
			return otherwise
		}
		return given
	}
	return Limits{Token: or(l.Token, 10*time.Minute), Idle: or(l.Idle, 2*time.Hour), Longest: or(l.Longest, 12*time.Hour)}
}

// Options are what an operator decides.
type Options struct {
	run.Options

	// Limits are how long things hold; zero ones have their defaults.
	Limits Limits
	// Issuers are those beside the installation itself whose tokens are accepted.
	Issuers []token.Issuer
	// SignIns verifies what the issuer says by which people sign in on the page who have no account; nil: there is none.
	SignIns *token.Identities
	// Hashing are the parameters of passwords; zero: the latest.
	Hashing password.Parameters
}

// Service is the identity service.
type Service struct {
	*run.Service

	logger   *slog.Logger
	ring     *ring
	hasher   *password.Hasher
	verifier *token.Verifier
	methods  *server.Server
}

// New opens the service's store in o.Dir, makes the signing keys if there are none, and registers the methods; nothing runs
// before its Part does. Errors are those of store.Open, and what is wrong with limits and issuers.
func New(ctx context.Context, o Options) (*Service, error) {
	if err := o.Limits.Check(); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Hashing == (password.Parameters{}) {
		o.Hashing = password.Latest()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{logger: o.Logger, hasher: password.NewHasher(o.Hashing, atOnce), ring: &ring{now: o.Clock}}
	var err error
	if s.verifier, err = token.NewVerifier(token.Options{Issuers: append([]token.Issuer{s.Own()}, o.Issuers...), Now: o.Clock}); err != nil {
		return nil, err
	}
	limits := o.Limits.orDefault()
	s.methods = server.New(server.Options{
		Limits: session.Limits{Token: limits.Token, Idle: limits.Idle, Longest: limits.Longest},
		Hasher: s.hasher, Signer: s.ring, Verifier: s.verifier, Issuer: Issuer, Foreign: o.SignIns, Now: o.Clock,
	})
	o.Tokens = s.verifier
	s.Service, err = run.New(o.Options, run.Parts{
		Name: Name, Schema: records.Schema, Authority: records.Book, Register: s.methods.Register,
		Follow: []feed.Follower{{
			Source: "registry", Handlers: slices.Concat(scope.FollowUnits(records.Units), scope.FollowGrants(records.Grants)),
		}},
		Timers: map[string]store.TimerHandler{"sessions": server.SessionOver, rotationKind: rotate},
	})
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// begin readies what the methods stand on and the store holds.
func (s *Service) begin(ctx context.Context) error {
	ctx = itself(ctx, "start")
	s.ring.store = s.Store()
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.ring.ready(ctx); err != nil {
		return err
	}
	return s.methods.Recall(ctx)
}

// itself is a context in which the service acts on its own account.
func itself(ctx context.Context, method string) context.Context {
	return access.WithCall(ctx, access.Service(Name), Name+"/"+method, accesspb.Permission_PERMISSION_UNSPECIFIED)
}

// Tokens verifies the tokens that count here, for the gateway and for services in the same process.
func (s *Service) Tokens() *token.Verifier { return s.verifier }

// Own is what a verifier in this process is to be told of the installation's own tokens; one elsewhere reads the keys that
// are Published.
func (s *Service) Own() token.Issuer {
	return token.Issuer{URL: Issuer, Audience: Audience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: s.ring}
}
