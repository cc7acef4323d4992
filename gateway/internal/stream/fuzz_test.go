package stream_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"google.golang.org/grpc"

	"coso/services/platform/rpc"

	"coso/gateway/internal/stream"
)

// FuzzQuestion: whatever a client asks and wherever it says it was, it is answered, with a refusal it can read or a stream.
func FuzzQuestion(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""},
		{"service=registry&type=coso.registry.v1.UnitCreated", "registry:1@0198f0c2-0000-7000-8000-00000000000a"},
		{"unit=units/a&after=start", ",:@"},
		{"after=registry:18446744073709551616@x", "registry:0@"},
		{"type=coso..", "\xff"},
		{"a=%zz", "x"},
	} {
		f.Add(seed[0], seed[1])
	}
	var conn grpc.ClientConnInterface = rpc.New(rpc.Options{Service: "registry"}).Conn() // knows no events: ends every stream
	hub := stream.New(stream.Options{Sources: []stream.Source{{Name: "registry", Conn: conn}}})
	f.Fuzz(func(t *testing.T, query, lastID string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, stream.Path, http.NoBody)
		r.URL = &url.URL{Path: stream.Path, RawQuery: query}
		r.Header["Last-Event-Id"] = []string{lastID}
		w := httptest.NewRecorder()
		hub.ServeHTTP(w, r)
		if w.Code < http.StatusBadRequest {
			t.Fatalf("%q %q: %d", query, lastID, w.Code)
		}
		reasonOf(t, w.Body.Bytes())
	})
}
