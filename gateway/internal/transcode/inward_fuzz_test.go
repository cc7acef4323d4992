package transcode

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	registrypb "coso/proto/gen/coso/registry/v1"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// heard is a service that keeps what it hears, and answers with headers of its own.
type heard struct {
	method, name string
	header, says metadata.MD
}

func (h *heard) Invoke(ctx context.Context, method string, req, _ any, options ...grpc.CallOption) error {
	h.method = method
	if named, ok := req.(interface{ GetName() string }); ok {
		h.name = named.GetName()
	}
	h.header, _ = metadata.FromOutgoingContext(ctx)
	for _, o := range options {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = h.says
		case grpc.TrailerCallOption:
			*o.TrailerAddr = h.says
		}
	}
	return nil
}

func (h *heard) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errors.New("reading a unit is no stream")
}

// front is the API of the units before what is heard.
func front(f *testing.F) (*heard, http.Handler) {
	f.Helper()
	behind := &heard{}
	open := func(*http.Request, *caller.Method) (func(), error) { return func() {}, nil }
	api, err := New(open, Service{Name: registrypb.UnitService_ServiceDesc.ServiceName, Register: func(mux *runtime.ServeMux) error {
		return registrypb.RegisterUnitServiceHandlerClient(f.Context(), mux, registrypb.NewUnitServiceClient(behind))
	}})
	if err != nil {
		f.Fatal(err)
	}
	return behind, exchange.Handler(slog.New(slog.DiscardHandler), false, api)
}

// dressed are the headers of an answer and of a refusal when neither client nor service says anything by headers.
func dressed(f *testing.F, api http.Handler) (out []string) {
	f.Helper()
	for _, target := range []string{"/v1/units/u", "/v1/units/u?x=1"} {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequestWithContext(f.Context(), http.MethodGet, target, http.NoBody))
		out = slices.AppendSeq(out, maps.Keys(w.Header()))
	}
	return out
}

// FuzzHeader: INV-TRANSCODE-ALLOW-LIST, for a header of any name and value, either way.
func FuzzHeader(f *testing.F) {
	for _, name := range []string{
		"Accept-Language", "accept-language", "Authorization", "Coso-Source", "coso-position", "Coso-Copy-Age", "Grpc-Timeout", "Grpc-Metadata-Authorization",
		"Grpc-Metadata-Coso-Source", "X-Forwarded-For", "X-Request-Id", "X-Http-Method-Override", "Traceparent", "Te", "Set-Cookie", "Connection", "Trailer", ":path", "",
	} {
		f.Add(name, "1")
	}
	f.Add("Coso-Position", "registry=a:1\r\n")
	behind, api := front(f)
	in := []string{"accept-language", "coso-position", "traceparent", "x-request-id"}
	out := append(dressed(f, api), answered...)
	f.Fuzz(func(t *testing.T, name, value string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/units/u", http.NoBody)
		r.Header[http.CanonicalHeaderKey(name)] = []string{value} // as a server reads it
		*behind = heard{says: metadata.MD{strings.ToLower(name): {value}}}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		for key, values := range behind.header {
			if !slices.Contains(in, key) {
				t.Errorf("%q: %q goes in as %s: %q", name, value, key, values)
			}
		}
		for key := range w.Header() {
			if !slices.Contains(out, key) {
				t.Errorf("%q: %q comes back as %s: %q", name, value, key, w.Header()[key])
			}
		}
	})
}

// id is what a resource is called in its collection, by the contract.
var id = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// FuzzName: of any path a service hears one name, which the path spells, or nothing; every name that the contract allows is
// heard. INV-TRANSCODE-BOUND.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"u", "tay-ho", "", "u/", "u:history", "u:close", "u%2Fv", "%2e%2e", "../enterprises/e", "u%3Ahistory", "u%00", "U", "u?name=units/v", "%ff", "u:history:history"} {
		f.Add(seed)
	}
	behind, api := front(f)
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := url.ParseRequestURI("/v1/units/" + raw)
		if err != nil {
			return
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.URL = target
		*behind = heard{}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if behind.name == "" {
			if id.MatchString(raw) {
				t.Errorf("%q is not heard: %d %s", raw, w.Code, w.Body)
			}
			return
		}
		own, inside := strings.CutPrefix(behind.name, "units/")
		spelt := "/v1/" + behind.name
		if strings.HasSuffix(behind.method, "History") {
			spelt += ":history"
		}
		if !inside || own == "" || strings.ContainsAny(own, "/:") || target.Path != spelt {
			t.Errorf("%q is heard as %q by %s", raw, behind.name, behind.method)
		}
	})
}
