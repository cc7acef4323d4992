// Package caller finds out who sends a request, before anybody is called: by the token that the request bears, by the API
// token for which it gets one, or by the session that a browser keeps in its cookie. What the caller may do, the services
// decide, which verify the token once more.
//
// INV-CALLER-PROVED: a service hears one `authorization`, the token that was verified here, or none.
// INV-CALLER-REFUSED: a token or cookie that proves nothing is refused or taken away, never passed over.
// INV-CALLER-COOKIE: a cookie counts for pages and for streams of events, never for another method of the API: another site
// that makes a browser send one gains nothing.
// INV-CALLER-DOUBTED: what may prove nobody is looked at only while the address that it comes from could pay for it.
// INV-CALLER-FORM-RENEWED: a form that was made before a browser signed in or out is refused afterwards.
// INV-CALLER-BOUNDED: what is kept of API tokens and sessions is bounded, lies under hashes of what was shown, and ends with the
// signed token or after seconds.
package caller

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/token"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"

	"coso/gateway/identity"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/source"
)

// header is where a token travels, both ways.
const header = "Authorization"

// Caller is who sends a request.
type Caller struct {
	// Claims are what the token says.
	Claims token.Claims
	// Token is the signed token, as the services get it.
	Token string
	// Session: a browser's session proves it, not a token of the request's own.
	Session bool
}

// Bearer is what the services are told; "" of nobody.
func (c *Caller) Bearer() string {
	if c == nil {
		return ""
	}
	return "Bearer " + c.Token
}

type key struct{}

// With returns a context that knows who calls.
func With(ctx context.Context, c *Caller) context.Context { return context.WithValue(ctx, key{}, c) }

// Of returns who calls; nil: nobody who has proved it.
func Of(ctx context.Context) *Caller {
	c, _ := ctx.Value(key{}).(*Caller)
	return c
}

// Options are what a Desk goes by.
type Options struct {
	// Tokens verifies tokens.
	Tokens rpc.Tokens
	// Identity reaches the gateway's own service of accounts.
	Identity grpc.ClientConnInterface
	// Now is the clock.
	Now func() time.Time
	// Proxy says whether a proxy before the gateway is believed.
	Proxy exchange.Proxy
	// Doubt counts, by where a request comes from, what may prove nobody, before it is looked at. Its error refuses the request;
	// else settle is called once with whether somebody was proved.
	Doubt func(r *http.Request) (settle func(proved bool), err error)
}

// Desk finds out who calls. Safe for concurrent use.
type Desk struct {
	Options

	sessions identitypb.SessionServiceClient
	// api are the signed tokens that were got for API tokens, proved what has proved somebody and still would.
	api, proved *kept
	turns       *turns
}

// New returns a desk.
func New(o Options) *Desk {
	return &Desk{Options: o, sessions: identitypb.NewSessionServiceClient(o.Identity), api: newKept(), proved: newKept(), turns: newTurns()}
}

// Handler tells next who calls by the token that the request bears; one that proves nothing is refused.
func (d *Desk) Handler(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := d.bearing(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		if c != nil {
			r = r.WithContext(With(r.Context(), c))
		}
		next.ServeHTTP(w, r)
	})
}

// bearing is who the request's own token proves; nil: it has none.
func (d *Desk) bearing(r *http.Request) (*Caller, error) {
	sent := r.Header[header]
	if len(sent) == 0 {
		return nil, nil //nolint:nilnil // nobody is an answer
	}
	return d.doubted(r, strings.Join(sent, "\n"), func() (*Caller, error) { return d.proof(r, sent) })
}

// doubted looks at what a request shows to prove who sends it. What has proved somebody a moment ago is looked at again whoever
// else comes from there; anything else only while its address could pay for it (INV-CALLER-DOUBTED).
func (d *Desk) doubted(r *http.Request, shown string, prove func() (*Caller, error)) (*Caller, error) {
	of := sha256.Sum256([]byte(shown))
	if _, known := d.proved.find(of, d.Now()); known {
		c, err := prove()
		if err != nil {
			d.proved.drop(of)
		}
		return c, err
	}
	settle, err := d.Doubt(r)
	if err != nil {
		return nil, err
	}
	proved := false
	defer func() { settle(proved) }()
	c, err := prove()
	if err == nil {
		d.proved.keep(of, signed{until: c.Claims.Expires}, d.Now())
	}
	proved = err == nil || own(err)
	return c, err
}

// own reports whether something could not be looked at for a reason of this side.
func own(err error) bool {
	return slices.Contains([]fault.Kind{fault.KindUnavailable, fault.KindInternal, fault.KindDeadlineExceeded}, fault.KindOf(err))
}

// proof is who a token proves.
func (d *Desk) proof(r *http.Request, sent []string) (*Caller, error) {
	compact, ok := token.Bearer(sent[0])
	if !ok {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_SCHEME, "authorization")
	}
	if len(sent) > 1 || compact == "" {
		return nil, fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MALFORMED, "authorization")
	}
	if strings.HasPrefix(compact, identity.APITokenPrefix) {
		var err error
		if compact, err = d.exchange(r, compact); err != nil {
			return nil, err
		}
	}
	claims, err := d.Tokens.Verify(r.Context(), compact)
	if err != nil {
		return nil, err
	}
	return &Caller{Claims: claims, Token: compact}, nil
}

// Admit refuses a caller for whom a method is not: nobody, where somebody must be known, and a token that is narrowed to
// something else.
func (d *Desk) Admit(c *Caller, m *Method) error {
	if c == nil {
		if m.Declared != accesspb.Permission_PERMISSION_PUBLIC {
			return fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, "")
		}
		return nil
	}
	return m.Reach.Admits(string(c.Claims.Scope))
}

// asking is a call of the gateway's own service on behalf of a request.
func asking(r *http.Request) context.Context {
	return metadata.AppendToOutgoingContext(r.Context(), source.Header, exchange.Of(r.Context()).Source, "x-request-id", exchange.Of(r.Context()).ID)
}

// answered is a service's refusal as the fault it was.
func answered(err error) error {
	if err == nil {
		return nil
	}
	return fault.FromStatus(status.Convert(err))
}
