// Package gateway is coso's HTTP side: every method of the services as JSON at its google.api.http route, pages for a first
// look, the OpenAPI document and a page to read it, and the addresses a supervisor asks. It holds no data and knows the
// services only as grpc.ClientConnInterface, so it is the same in one process and across machines.
//
// A request passes exchange (id, headers, log, panic) and guard (host, origin, path). Under /v1/ it goes to transcode, which
// checks it strictly and lets the generated code call the service; /v1/events is stream's; all else is page's or site's.
// press compresses answers on their way out.
//
// Who calls is found out by package caller before anything is asked of a service, and how much one caller may ask is package
// limit's: by address before anything is believed, by principal from then on. What a caller may do is the services' to say.
//
// INV-GATEWAY-KNOWN: whoever proves nothing is refused everything but public methods, the form by which one signs in, and what
// holds no data: static files, the API's document and page, keys, liveness and readiness, in a word.
// INV-GATEWAY-NO-INSIDE: what tells of the inside, metrics and what is missing or stale, is not answered where clients come.
//
// It leaves to the services: validation, the meaning of an empty update mask, retries by request id, permissions.
//
// INV-GATEWAY-CLOSED: no answer lets a page of another origin read it (CORS): there is no Access-Control header at all.
package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	"coso/proto/gen"
	"coso/services/platform/rpc"
	"coso/services/platform/text"

	"coso/gateway/identity"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/guard"
	"coso/gateway/internal/page"
	"coso/gateway/internal/position"
	"coso/gateway/internal/press"
	"coso/gateway/internal/site"
	"coso/gateway/internal/stream"
	"coso/gateway/internal/transcode"
)

// Options are what the gateway stands on. All are required but those that say what they are without.
type Options struct {
	// Registry, Membership, Planning and Award reach the four services.
	Registry, Membership, Planning, Award grpc.ClientConnInterface
	// Identity reaches the gateway's own service of accounts, which believes what the gateway says of a client's address: it
	// must be reached by nobody else.
	Identity grpc.ClientConnInterface
	// Keys returns the JWK set with which Identity's tokens are verified.
	Keys func(context.Context) ([]byte, error)
	// Tokens verifies the tokens that requests bear, before anybody is called.
	Tokens rpc.Tokens
	// TrustForwarded believes a proxy before the gateway that says that its client came by TLS (X-Forwarded-Proto), and from
	// which address (the last in X-Forwarded-For).
	TrustForwarded bool
	// Issuer is by whom people sign in on the pages beside the accounts; nil: by nobody.
	Issuer *Issuer
	// Limits are how much one caller may ask; zero ones have their defaults.
	Limits Limits
	// Clock answers the time; nil: the machine's.
	Clock func() time.Time
	// Hosts are the names, without port, by which clients may address the gateway beside the loopback names.
	Hosts []string
	// Logger takes one line per request.
	Logger *slog.Logger
	// Ready returns nil if everything a request needs can be reached; it is asked for GET /readyz, once a second at most and for at
	// most 5 s. What it says goes to the log.
	Ready func(context.Context) error
}

// New builds the handler. It returns an error for a missing option or a route that cannot be served as the contract
// says; it calls no service. The handler is safe for concurrent use.
func New(o Options) (http.Handler, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o = o.remembering()
	d := newDoor(o)
	api, err := transcode.New(d.enter, registrations(o)...)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	pages, err := site.Handlers(site.Options{OpenAPI: gen.OpenAPI, Ready: o.Ready, Keys: o.Keys, Now: o.Clock, Enter: d.strange})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	look, err := page.New(page.Options{
		Registry: o.Registry, Membership: o.Membership, Planning: o.Planning, Award: o.Award,
		Desk: d.desk, Enter: d.let, Stranger: d.strange, Issuer: o.Issuer,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	maps.Copy(pages, look.Handlers())
	hub := stream.New(stream.Options{Sources: sources(o)})
	events, err := d.listening(hub)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	inside := guard.Handler(guard.Options{Hosts: o.Hosts, Returns: page.ReturnPath, Secure: d.desk.Secure}, look.Refuse, press.Handler(
		route(d.desk.Handler(api, exchange.Refuse), events, unknown(look, api, pages), pages)))
	return draining{exchange.Handler(o.Logger, d.desk.Proxy, inside), hub}, nil
}

// draining is a handler that NewServer tells when its server stops.
type draining struct {
	http.Handler

	events *stream.Hub
}

// Drain ends what would not end by itself: streams of events.
func (d draining) Drain() { d.events.Drain() }

func route(api, events, unknown http.Handler, pages map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, ok := pages[r.URL.Path]
		switch {
		case r.URL.Path == stream.Path:
			events.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			api.ServeHTTP(w, r)
		case ok:
			own.ServeHTTP(w, r)
		default:
			unknown.ServeHTTP(w, r)
		}
	})
}

// unknown answers for a path that is none of the API, with what it may have been meant to be: a page, or a path of the API
// without its version.
func unknown(look *page.Site, api *transcode.API, pages map[string]http.Handler) http.Handler {
	known := slices.Sorted(maps.Keys(pages))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		near := text.Near(r.URL.Path, known, maxNear)
		if len(near) == 0 {
			near = api.Near(r.URL.Path)
		}
		look.Unknown(w, r, near...)
	})
}

// maxNear is how many addresses a refusal tells.
const maxNear = 2

// remembering are the options where every call on behalf of somebody says what they have seen.
func (o Options) remembering() Options {
	memory := position.New(o.Clock)
	o.Registry, o.Membership = memory.Over("registry", o.Registry), memory.Over("membership", o.Membership)
	o.Planning, o.Award = memory.Over("planning", o.Planning), memory.Over("award", o.Award)
	o.Identity = memory.Over(identity.Name, o.Identity)
	return o
}

func (o Options) complete() error {
	for name, given := range map[string]bool{
		"Registry": o.Registry != nil, "Membership": o.Membership != nil, "Planning": o.Planning != nil, "Award": o.Award != nil,
		"Identity": o.Identity != nil, "Keys": o.Keys != nil, "Tokens": o.Tokens != nil, "Logger": o.Logger != nil, "Ready": o.Ready != nil,
	} {
		if !given {
			return fmt.Errorf("gateway: option %s is missing", name)
		}
	}
	if err := CheckHosts(o.Hosts); err != nil {
		return fmt.Errorf("gateway: option Hosts: %w", err)
	}
	return nil
}
