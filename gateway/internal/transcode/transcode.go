// Package transcode turns HTTP/JSON into gRPC by the google.api.http rules of the proto files. The generated handlers
// do the work; this package closes what they leave open: they ignore a query parameter they do not know, what follows
// the JSON value, and a body nobody asked for, and they forward headers by prefix.
//
// INV-TRANSCODE-NOTHING-IGNORED: what a client says in query or body is understood in full or refused.
// INV-TRANSCODE-ALLOW-LIST: of the headers only those in `forwarded` reach a service, and only those in
// `answered` come back.
// INV-TRANSCODE-CONDITION: a change that names a version by If-Match is made on that version or not at all; a condition that a
// method does not have is refused.
// INV-TRANSCODE-BOUND: a field named in the path has the path's value; query and body cannot say otherwise.
package transcode

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// How long a service may take. Its own write deadline is the same; see rpc.
const (
	writeDeadline = 15 * time.Second
	readDeadline  = 30 * time.Second
	// activateDeadline is that of bringing in a whole load, which takes seconds for every 100,000 rows. An answer may take
	// a minute to be written.
	activateDeadline = 50 * time.Second
)

// deadlineOf is how long a service may take for a request.
func deadlineOf(r *http.Request) time.Duration {
	switch {
	case isRead(r.Method):
		return readDeadline
	case strings.HasSuffix(r.URL.Path, ":activate"):
		return activateDeadline
	}
	return writeDeadline
}

// prefix is what all routes begin with.
const prefix = "/v1/"

// Service is one gRPC service to be served.
type Service struct {
	// Name is its full name, `coso.registry.v1.UnitService`.
	Name string
	// Register puts its routes on a mux: the generated RegisterXServiceHandlerClient with its client.
	Register func(*runtime.ServeMux) error
}

// Gate lets a request for a method in, or refuses it; leave is called when the request has ended.
type Gate func(r *http.Request, m *caller.Method) (leave func(), err error)

// API serves the routes. It is safe for concurrent use.
type API struct {
	gate Gate
	// muxes are by collection: the library tries the patterns of a mux one by one.
	muxes  map[string]*runtime.ServeMux
	routes map[string]*route
}

// New returns the handler of all routes of the services, which gate lets in. Every answer that is no success is a refusal by
// exchange.Refuse.
func New(gate Gate, services ...Service) (*API, error) {
	routes, err := routesOfContract()
	if err != nil {
		return nil, err
	}
	a := &API{gate: gate, routes: routes, muxes: map[string]*runtime.ServeMux{}}
	for _, service := range services {
		for _, collection := range collectionsOf(routes, service.Name) {
			if a.muxes[collection] == nil {
				a.muxes[collection] = a.newMux()
			}
			if err := service.Register(a.muxes[collection]); err != nil {
				return nil, fmt.Errorf("register handlers: %w", err)
			}
		}
	}
	return a, nil
}

// collectionsOf are the collections that a service has routes of.
func collectionsOf(routes map[string]*route, service string) []string {
	var out []string
	for _, rt := range routes {
		if rt.service == service && !slices.Contains(out, rt.collection) {
			out = append(out, rt.collection)
		}
	}
	return out
}

func (a *API) newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{}),
		runtime.WithIncomingHeaderMatcher(forward),
		runtime.WithOutgoingHeaderMatcher(answerHeader),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(refuse),
		runtime.WithForwardResponseOption(dress),
		runtime.WithRoutingErrorHandler(a.unrouted),
		runtime.WithMiddlewares(a.strict),
		runtime.WithWriteContentLength(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
}

// ServeHTTP hands the request to the generated handlers without what they must not see. HEAD is GET without a body.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux, ok := a.muxes[collectionOf(r.URL.Path)]
	if !ok {
		a.unknown(w, r)
		return
	}
	header, err := inbound(r)
	if err != nil {
		exchange.Refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), deadlineOf(r))
	defer cancel()
	inner := r.WithContext(ctx)
	inner.Header = header
	inner.Host, inner.RemoteAddr = "", "" // else sent on as x-forwarded-host and -for
	if inner.Method == http.MethodHead {
		inner.Method = http.MethodGet
	}
	mux.ServeHTTP(newReply(w, r), inner)
}

func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// strict wraps every generated handler with what its route allows. Each wrapped handler has one route, which the library
// tells with its first request.
func (a *API) strict(next runtime.HandlerFunc) runtime.HandlerFunc {
	var known atomic.Pointer[route]
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		rt := known.Load()
		if rt == nil {
			found, err := a.routeOf(r)
			if err != nil {
				exchange.Refuse(w, r, err)
				return
			}
			known.Store(found)
			rt = found
		}
		for _, name := range path {
			if notOneName(name) {
				a.unknown(w, r)
				return
			}
		}
		exchange.Of(r.Context()).Route = rt.template
		leave, err := a.gate(r, rt.method)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		defer leave()
		strict, err := rt.check(w, r, path)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		next(w, strict, path)
	}
}

func (a *API) routeOf(r *http.Request) (*route, error) {
	pattern, ok := runtime.HTTPPattern(r.Context())
	if !ok {
		return nil, fault.Internal(errors.New("a handler was called without its pattern"))
	}
	rt, ok := a.routes[routeKey(r.Method, pattern.String())]
	if !ok {
		return nil, fault.Internal(fmt.Errorf("the contract has no route %s", routeKey(r.Method, pattern.String())))
	}
	return rt, nil
}

// check returns the request with nothing in it that the route does not know, or the refusal. The request is the
// library's copy, nobody else's.
func (rt *route) check(w http.ResponseWriter, r *http.Request, path map[string]string) (*http.Request, error) {
	inBody, inQuery, err := rt.said(w)
	if err != nil {
		return nil, err
	}
	if r.URL.RawQuery != "" || inQuery != nil {
		query, err := rt.query(r.URL.RawQuery, inQuery)
		if err != nil {
			return nil, err
		}
		u := *r.URL
		u.RawQuery = query
		r.URL = &u
	}
	if rt.body == "" && r.Body == http.NoBody {
		return r, nil
	}
	b, err := rt.readBody(w, r, path)
	if err != nil {
		return nil, err
	}
	b.said = inBody
	r.Body = b
	return r, nil
}

// refuse answers with what a service said, or with what this package found in the body, which the generated code
// passes on as a bare text.
func refuse(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if b, ok := r.Body.(*body); ok && b.refusal != nil {
		exchange.Refuse(w, r, b.refusal)
		return
	}
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok {
		for _, name := range answered {
			for _, value := range md.HeaderMD.Get(name) {
				w.Header().Add(name, value)
			}
		}
	}
	err = fault.FromStatus(status.Convert(err))
	if answer, ok := w.(*reply); ok {
		err = answer.refused(err)
	}
	exchange.Refuse(w, r, err)
}

// notOneName reports whether the mux took something else for a name: a custom method that does not exist (no id holds
// a colon), or a trailing slash.
func notOneName(value string) bool {
	return strings.Contains(value, ":") || strings.HasSuffix(value, "/")
}

// unrouted answers for the requests that the mux has no handler for.
func (a *API) unrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ int) {
	a.unknown(w, r)
}

// unknown answers 405 where the path has other methods, else 404 with the paths that are nearly it.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, rt := range a.routes {
		if rt.path.MatchString(r.URL.Path) && !slices.Contains(allowed, rt.verb) {
			allowed = append(allowed, rt.verb)
		}
	}
	if len(allowed) == 0 {
		exchange.RefusePath(w, r, a.Near(r.URL.Path)...)
		return
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	exchange.RefuseRoute(w, r, allowed...)
}
