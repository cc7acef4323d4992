// Package transcode turns HTTP/JSON into gRPC by the google.api.http rules of the proto files. The generated handlers
// do the work; this package closes what they leave open: they ignore a query parameter they do not know, what follows
// the JSON value, and a body nobody asked for, and they forward headers by prefix.
//
// INV-TRANSCODE-NOTHING-IGNORED: what a client says in query or body is understood in full or refused.
// INV-TRANSCODE-ALLOW-LIST: of the headers only those in `forwarded` reach a service, and only those in
// `answered` come back.
// INV-TRANSCODE-BOUND: a field named in the path has the path's value; query and body cannot say otherwise.
package transcode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// How long a service may take. Its own write deadline is the same; see rpc.
const (
	writeDeadline = 15 * time.Second
	readDeadline  = 30 * time.Second
)

// api serves the routes.
type api struct {
	mux    *runtime.ServeMux
	routes map[string]*route
}

// New returns the handler of all routes that the registrations put on the mux. A registration is the generated
// RegisterXServiceHandlerClient with its client. Every answer that is no success is a refusal by exchange.Refuse.
func New(registrations ...func(*runtime.ServeMux) error) (http.Handler, error) {
	routes, err := routesOfContract()
	if err != nil {
		return nil, err
	}
	a := &api{routes: routes}
	a.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, marshaler{}),
		runtime.WithIncomingHeaderMatcher(forward),
		runtime.WithOutgoingHeaderMatcher(answerHeader),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(refuse),
		runtime.WithRoutingErrorHandler(a.unrouted),
		runtime.WithMiddlewares(a.strict),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
	for _, register := range registrations {
		if err := register(a.mux); err != nil {
			return nil, fmt.Errorf("register handlers: %w", err)
		}
	}
	return a, nil
}

// ServeHTTP hands the request to the generated handlers without what they must not see.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header, err := inbound(r)
	if err != nil {
		exchange.Refuse(w, r, err)
		return
	}
	inner := r.WithContext(r.Context())
	inner.Header = header
	inner.Host, inner.RemoteAddr = "", "" // else sent on as x-forwarded-host and -for
	a.mux.ServeHTTP(w, inner)
}

// strict wraps every generated handler with what its route allows.
func (a *api) strict(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		rt, err := a.routeOf(r)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		if slices.ContainsFunc(slices.Collect(maps.Values(path)), notOneName) {
			a.unknown(w, r)
			return
		}
		exchange.Of(r.Context()).Route = rt.template
		deadline := writeDeadline
		if rt.verb == http.MethodGet {
			deadline = readDeadline
		}
		ctx, cancel := context.WithTimeout(r.Context(), deadline)
		defer cancel()
		strict, err := rt.check(w, r.WithContext(ctx), path)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		next(w, strict, path)
	}
}

func (a *api) routeOf(r *http.Request) (*route, error) {
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

// check returns the request with nothing in it that the route does not know, or the refusal.
func (rt *route) check(w http.ResponseWriter, r *http.Request, path map[string]string) (*http.Request, error) {
	query, err := rt.query(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	b, err := rt.readBody(w, r, path)
	if err != nil {
		return nil, err
	}
	u := *r.URL
	u.RawQuery = query
	r.URL, r.Body = &u, b
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
	exchange.Refuse(w, r, fault.FromStatus(status.Convert(err)))
}

// notOneName reports whether the mux took something else for a name: a custom method that does not exist (no id holds
// a colon), or a trailing slash.
func notOneName(value string) bool {
	return strings.Contains(value, ":") || strings.HasSuffix(value, "/")
}

// unrouted answers for the requests that the mux has no handler for.
func (a *api) unrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ int) {
	a.unknown(w, r)
}

// unknown answers 405 where the path has other methods, else 404.
func (a *api) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, rt := range a.routes {
		if rt.path.MatchString(r.URL.Path) && !slices.Contains(allowed, rt.verb) {
			allowed = append(allowed, rt.verb)
		}
	}
	slices.Sort(allowed)
	exchange.RefuseRoute(w, r, allowed...)
}
