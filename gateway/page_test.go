package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// asBrowser is what a browser says of itself.
func asBrowser(more ...string) http.Header {
	h := http.Header{"Accept": {"text/html"}, "Accept-Language": {"en"}}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// A page asks the services under the reader's request id and positions, and nothing else that the reader sent; what they say
// of old copies it passes on.
func TestPagesAskAsTheReader(t *testing.T) {
	g := newGate(t)
	g.reply = func(ctx context.Context, _ call) (proto.Message, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs("coso-copy-age", "registry=400s")); err != nil {
			return nil, err
		}
		return &registrypb.ListUnitsResponse{Units: []*registrypb.Unit{{Name: "units/a", DisplayName: "Quận ủy A", ValidFrom: "2008-08-01"}}}, nil
	}
	const at = "registry=0198f0c2-0000-7000-8000-000000000000:7"
	res := g.do(t, ask{method: "GET", target: "/units?query=quan", header: asBrowser("X-Request-Id", "r-1", "Cookie", "coso-position="+at, "Authorization", "secret")})
	if res.code != http.StatusOK || !strings.Contains(string(res.body), "Quận ủy A") || !strings.Contains(string(res.body), "are behind (registry=400s)") {
		t.Fatalf("%d %s", res.code, res.body)
	}
	calls := g.taken()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	md := calls[0].metadata
	if req, ok := calls[0].request.(*registrypb.ListUnitsRequest); !ok || req.GetQuery() != "quan" {
		t.Errorf("asked %v", calls[0].request)
	}
	if got := md.Get("x-request-id"); len(got) != 1 || got[0] != "r-1" {
		t.Errorf("request id %v", got)
	}
	if got := md.Get("coso-position"); len(got) != 1 || got[0] != at {
		t.Errorf("positions %v", got)
	}
	if len(md.Get("authorization")) != 0 || len(md.Get("cookie")) != 0 {
		t.Errorf("passed on: %v", md)
	}
	if lines := g.logged(t); len(lines) != 1 || lines[0]["route"] != "/units" {
		t.Errorf("logged %v", lines)
	}
}

// A service that fails or refuses, and a path that nobody serves, give a page to a browser and JSON to a program.
func TestPagesRefuse(t *testing.T) {
	g := newGate(t)
	g.reply = func(context.Context, call) (proto.Message, error) { return nil, errors.New("10.0.0.7 is on fire") }
	for target, code := range map[string]int{"/units": http.StatusInternalServerError, "/nothing": http.StatusNotFound, "/units?x=1": http.StatusBadRequest} {
		res := g.do(t, ask{method: "GET", target: target, header: asBrowser()})
		if strings.Contains(string(res.body), "10.0.0.7") {
			t.Errorf("%s tells too much", target)
		}
		if res.code != code || !strings.HasPrefix(res.header.Get("Content-Type"), "text/html") || !strings.Contains(string(res.body), res.header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %s", target, res.code, res.body)
		}
	}
	if got := refused(t, g.do(t, ask{method: "GET", target: "/nothing"})); got.http != http.StatusNotFound {
		t.Errorf("a program is told %d", got.http)
	}
	if line := g.logged(t); len(line) != 4 {
		t.Errorf("%d lines", len(line))
	}
}
