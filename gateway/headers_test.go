package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// INV-TRANSCODE-ALLOW-LIST, in: what a service sees of a request that carries everything a client could try.
func TestHeadersIn(t *testing.T) {
	for name, connect := range map[string]func(*echo, *testing.T) grpc.ClientConnInterface{"in process": (*echo).inProcess, "over wire": (*echo).overWire} {
		t.Run(name, func(t *testing.T) {
			g := closedGate(t)
			g.open(t, connect(g.echo, t))
			res := g.do(t, ask{method: "POST", target: "/v1/units", body: "{}", header: http.Header{
				"Accept-Language":             {"vi", "en"},
				"Coso-Position":               {"registry=a:1", "planning=b:2"},
				"Traceparent":                 {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
				"X-Request-Id":                {"van-phong-1"},
				"Authorization":               {"Bearer " + g.as},
				"Cookie":                      {"a=b"},
				"Grpc-Metadata-Principal":     {"principals/admin"},
				"Grpc-Metadata-Coso-Position": {"registry=c:9"},
				"Grpc-Metadata-X-Request-Id":  {"other"},
				"Grpc-Metadata-Data-Bin":      {"AAAA"},
				"Grpc-Timeout":                {"1n"},
				"Grpcgateway-Authorization":   {"Bearer x"},
				"X-Forwarded-For":             {"127.0.0.1"},
				"X-Forwarded-Host":            {"inside"},
				"X-Http-Method-Override":      {"DELETE"},
				"Principal":                   {"principals/admin"},
				"Coso-Source":                 {"127.0.0.1"},
				"Te":                          {"trailers"},
				"Tracestate":                  {"a=b"},
				"User-Agent":                  {"van-phong"},
				"Data-Bin":                    {"!"},
				"Accept":                      {"application/grpc"},
				"Content-Type":                {"application/json"},
			}})
			calls := g.taken()
			if res.code != http.StatusOK || len(calls) != 1 {
				t.Fatalf("%d, calls %v: %s", res.code, calls, res.body)
			}
			got := calls[0].metadata
			for _, v := range got.Get("user-agent") { // the transport's own
				if strings.Contains(v, "van-phong") {
					t.Errorf("the client's User-Agent came through: %q", v)
				}
			}
			for _, v := range got.Get("content-type") {
				if v != "application/grpc" {
					t.Errorf("the client's Content-Type came through: %q", v)
				}
			}
			for _, ofTheTransport := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding"} {
				delete(got, ofTheTransport)
			}
			want := metadata.MD{
				"accept-language": {"vi", "en"},
				"coso-position":   {"registry=a:1,planning=b:2"},
				"traceparent":     {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
				"x-request-id":    {"van-phong-1"},
				"authorization":   {"Bearer " + g.as},
				"coso-source":     {"192.0.2.1"}, // the connection's, whatever the client says
			}
			for key, values := range got {
				if !slices.Equal(values, want[key]) {
					t.Errorf("%s: %q", key, values)
				}
			}
			if len(got) != len(want) {
				t.Errorf("metadata %v", got)
			}
		})
	}
}

// INV-TRANSCODE-ALLOW-LIST, out: of a service's headers and trailers only the position and the age of copies come back, on
// refusals too.
func TestHeadersOut(t *testing.T) {
	g := newGate(t)
	var answer error
	g.reply = func(ctx context.Context, _ call) (proto.Message, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs("coso-position", "registry=a:7", "coso-copy-age", "registry=400s", "x-request-id", "other", "secret", "s", "set-cookie", "a=b")); err != nil {
			t.Error(err)
		}
		if err := grpc.SetTrailer(ctx, metadata.Pairs("coso-position", "registry=a:8", "secret", "s")); err != nil {
			t.Error(err)
		}
		return nil, fault.ToStatus(answer, "id").Err()
	}
	for _, answer = range []error{nil, fault.Aborted(faultpb.Reason_REASON_ETAG_STALE, "etag", "name", "units/x", "value", "1")} {
		res := g.do(t, ask{method: "GET", target: "/v1/units/x", header: http.Header{"Te": {"trailers"}, "Coso-Position": {"registry=a:1"}, "X-Request-Id": {"van-phong-1"}}})
		allowed := []string{
			"Cache-Control", "Content-Security-Policy", "Content-Type", "Coso-Copy-Age", "Coso-Position", "Cross-Origin-Resource-Policy",
			"Content-Length", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id",
		}
		for name := range res.header {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s: %q", name, res.header.Values(name))
			}
		}
		if got := res.header.Values("Coso-Position"); !slices.Equal(got, []string{"registry=a:7"}) {
			t.Errorf("positions %q", got)
		}
		if got := res.header.Values("Coso-Copy-Age"); !slices.Equal(got, []string{"registry=400s"}) {
			t.Errorf("ages %q", got)
		}
		if got := res.header.Values("X-Request-Id"); !slices.Equal(got, []string{"van-phong-1"}) {
			t.Errorf("ids %q", got)
		}
		if len(res.trailer) != 0 {
			t.Errorf("trailers %v", res.trailer)
		}
	}
}

// INV-EXCHANGE-REQUEST-ID
func TestRequestID(t *testing.T) {
	g := newGate(t)
	seen := map[string]bool{}
	for _, given := range [][]string{nil, {""}, {"a", "b"}, {strings.Repeat("a", 65)}, {"có dấu"}, {"a b"}, {"a\"b"}} {
		a := ask{method: "GET", target: "/v1/units", header: http.Header{}}
		if given != nil {
			a.header["X-Request-Id"] = given
		}
		id := g.do(t, a).header.Get("X-Request-Id")
		calls := g.taken()
		if len(id) < 16 || seen[id] || len(calls) != 1 || !slices.Equal(calls[0].metadata.Get("x-request-id"), []string{id}) {
			t.Errorf("given %q: answered %q, service saw %v", given, id, calls)
		}
		seen[id] = true
		if line := g.logged(t); len(line) != 1 || line[0]["request_id"] != id {
			t.Errorf("logged %v", line)
		}
	}
	for _, given := range []string{"a", "van-phong_1.2", strings.Repeat("Z", 64)} {
		res := g.do(t, ask{method: "GET", target: "/healthz", header: http.Header{"X-Request-Id": {given}}})
		if got := res.header.Get("X-Request-Id"); got != given {
			t.Errorf("%q became %q", given, got)
		}
	}
}
