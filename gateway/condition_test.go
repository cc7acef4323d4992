package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// unitAt lets every method that answers a unit answer one of a version.
func (g *gate) unitAt(etag string) {
	g.reply = func(_ context.Context, c call) (proto.Message, error) {
		if strings.HasSuffix(c.method, "ListUnits") {
			return nil, nil //nolint:nilnil // the echo answers an empty message then
		}
		return &registrypb.Unit{Name: "units/x", Etag: etag}, nil
	}
}

func TestETagOfASingleResource(t *testing.T) {
	g := newGate(t)
	g.unitAt("0a1b2c3d-7")
	const tag = `"0a1b2c3d-7"`
	for _, a := range []ask{
		{method: "GET", target: "/v1/units/x"},
		{method: "PATCH", target: "/v1/units/x", body: "{}"},
		{method: "POST", target: "/v1/units/x:close", body: "{}"},
	} {
		if res := g.do(t, a); res.code != http.StatusOK || res.header.Get("ETag") != tag {
			t.Errorf("%s %s: %d, ETag %s", a.method, a.target, res.code, res.header.Get("ETag"))
		}
	}
	if res := g.do(t, ask{method: "GET", target: "/v1/units"}); res.header.Get("ETag") != "" {
		t.Errorf("a list has the ETag %s", res.header.Get("ETag"))
	}
	for given, code := range map[string]int{
		tag: http.StatusNotModified, "W/" + tag: http.StatusNotModified, "*": http.StatusNotModified,
		`"a", ` + tag: http.StatusNotModified, `"0a1b2c3d-8"`: http.StatusOK, "0a1b2c3d-7": http.StatusOK, `""`: http.StatusOK,
	} {
		res := g.do(t, ask{method: "GET", target: "/v1/units/x", header: http.Header{"If-None-Match": {given}}})
		if res.code != code || (code == http.StatusNotModified) != (len(res.body) == 0) || res.header.Get("ETag") != tag || res.header.Get("X-Request-Id") == "" {
			t.Errorf("If-None-Match %s: %d %q, %v", given, res.code, res.body, res.header)
		}
	}
}

// INV-TRANSCODE-CONDITION: If-Match is the etag of the change, for every method that has one, and refused by every other.
func TestIfMatch(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		a := r.ask()
		a.header = http.Header{"If-Match": {`"0a1b2c3d-7"`}}
		etag := etagOf(r)
		if etag == nil {
			if got := refused(t, g.do(t, a)); got.http != http.StatusBadRequest || got.reason != "HEADER_INVALID" || got.field != "If-Match" {
				t.Errorf("%d %s %s", got.http, got.reason, got.field)
			}
			return
		}
		if res := g.do(t, a); res.code != http.StatusOK {
			t.Fatalf("%d: %s", res.code, res.body)
		}
		if calls := g.taken(); len(calls) != 1 || etag(calls[0].request) != "0a1b2c3d-7" {
			t.Errorf("the service saw %v", calls)
		}
	})
}

// etagOf reads the etag of a method's request, as the gateway is to set it; nil if the method has none.
func etagOf(r rpc) func(proto.Message) string {
	if fd := r.method.Input().Fields().ByName("etag"); fd != nil && r.body == "*" {
		return func(m proto.Message) string { return m.ProtoReflect().Get(fd).String() }
	}
	if r.verb != http.MethodPatch {
		return nil
	}
	resource := r.method.Input().Fields().ByName(protoreflect.Name(r.body))
	return func(m proto.Message) string {
		in := m.ProtoReflect().Get(resource).Message()
		return in.Get(in.Descriptor().Fields().ByName("etag")).String()
	}
}

func TestIfMatchSays(t *testing.T) {
	g := newGate(t)
	for name, c := range map[string]struct {
		given  []string
		body   string
		code   int
		passed string
	}{
		"the same twice":      {[]string{`"a"`}, `{"etag":"a"}`, http.StatusOK, "a"},
		"another in the body": {[]string{`"a"`}, `{"etag":"b"}`, http.StatusBadRequest, ""},
		"whatever is there":   {[]string{"*"}, `{}`, http.StatusOK, ""},
		"not strong":          {[]string{`W/"a"`}, `{}`, http.StatusOK, `W/"a"`},
		"several":             {[]string{`"a", "b"`}, `{}`, http.StatusBadRequest, ""},
		"twice":               {[]string{`"a"`, `"b"`}, `{}`, http.StatusBadRequest, ""},
		"nothing":             {[]string{""}, `{}`, http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := g.do(t, ask{method: "PATCH", target: "/v1/units/x", body: c.body, header: http.Header{"If-Match": c.given}})
			calls := g.taken()
			if res.code != c.code || len(calls) > 1 || (len(calls) == 1) != (c.code == http.StatusOK) {
				t.Fatalf("%d, %d calls: %s", res.code, len(calls), res.body)
			}
			if len(calls) == 1 {
				update, ok := calls[0].request.(*registrypb.UpdateUnitRequest)
				if !ok || update.GetUnit().GetEtag() != c.passed {
					t.Errorf("the service saw %v", calls[0].request)
				}
			}
		})
	}
	res := g.do(t, ask{method: "PATCH", target: "/v1/units/x", body: "{}", header: http.Header{"If-None-Match": {"*"}}})
	if got := refused(t, res); got.reason != "HEADER_INVALID" || got.field != "If-None-Match" {
		t.Errorf("a condition that no change has: %s %s", got.reason, got.field)
	}
}

// A version named by If-Match that is gone is 412; one named in the body stays what every service says, 409.
func TestStaleVersion(t *testing.T) {
	g := newGate(t)
	g.reply = func(context.Context, call) (proto.Message, error) {
		return nil, fault.ToStatus(fault.Aborted(faultpb.Reason_REASON_ETAG_STALE, "etag", "name", "units/x", "value", "a", "current", "b"), "").Err()
	}
	byHeader := g.do(t, ask{method: "PATCH", target: "/v1/units/x", body: "{}", header: http.Header{"If-Match": {`"a"`}}})
	if got := refused(t, byHeader); got.http != http.StatusPreconditionFailed || got.reason != "ETAG_STALE" {
		t.Errorf("by header: %d %s", got.http, got.reason)
	}
	byBody := g.do(t, ask{method: "PATCH", target: "/v1/units/x", body: `{"etag":"a"}`})
	if got := refused(t, byBody); got.http != http.StatusConflict || got.reason != "ETAG_STALE" {
		t.Errorf("in the body: %d %s", got.http, got.reason)
	}
}

// Idempotency-Key is the request id, wherever the method has it; a read may be repeated anyway.
// neverReplayed are the changes without a request id: those that answer a secret, which is never answered twice, those that
// take a password, of which not even a fingerprint is kept, and signing out, which may be repeated anyway.
var neverReplayed = []string{
	"CreateAccount", "ResetPassword", "CreateSession", "RefreshSession", "EndSession", "EndSessions", "ChangePassword", "ExchangeApiToken", "CreateApiToken",
}

func TestIdempotencyKey(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		a := r.ask()
		a.header = http.Header{"Idempotency-Key": {`"khoa-1"`}}
		res := g.do(t, a)
		if slices.Contains(neverReplayed, string(r.method.Name())) {
			if got := refused(t, res); got.reason != "HEADER_INVALID" || len(g.taken()) != 0 {
				t.Errorf("a method that is never replayed: %s", got.reason)
			}
			return
		}
		if res.code != http.StatusOK {
			t.Fatalf("%d: %s", res.code, res.body)
		}
		calls := g.taken()
		request, ok := calls[0].request.(interface{ GetRequestId() string })
		switch {
		case r.verb == http.MethodGet:
		case !ok:
			t.Error("a change without a request id")
		case request.GetRequestId() != "khoa-1":
			t.Errorf("the service saw %v", calls[0].request)
		}
	})
	g := newGate(t)
	for name, c := range map[string]struct {
		keys         []string
		target, body string
		code         int
		passed       string
	}{
		"bare":                 {[]string{"a-1"}, "/v1/units", "{}", http.StatusOK, "a-1"},
		"the same in query":    {[]string{"a"}, "/v1/units?requestId=a", "{}", http.StatusOK, "a"},
		"another in the query": {[]string{"a"}, "/v1/units?requestId=b", "{}", http.StatusBadRequest, ""},
		"another in the body":  {[]string{"a"}, "/v1/units/x:close", `{"requestId":"b"}`, http.StatusBadRequest, ""},
		"two":                  {[]string{"a", "b"}, "/v1/units", "{}", http.StatusBadRequest, ""},
		"empty":                {[]string{`""`}, "/v1/units", "{}", http.StatusBadRequest, ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := g.do(t, ask{method: "POST", target: c.target, body: c.body, header: http.Header{"Idempotency-Key": c.keys}})
			calls := g.taken()
			if res.code != c.code || (len(calls) == 1) != (c.code == http.StatusOK) {
				t.Fatalf("%d, %d calls: %s", res.code, len(calls), res.body)
			}
			if len(calls) == 0 {
				if got := refused(t, res); got.reason != "HEADER_INVALID" || got.field != "Idempotency-Key" {
					t.Errorf("%s %s", got.reason, got.field)
				}
				return
			}
			if create, ok := calls[0].request.(*registrypb.CreateUnitRequest); !ok || create.GetRequestId() != c.passed {
				t.Errorf("the service saw %v", calls[0].request)
			}
		})
	}
}

// HEAD is GET without a body, on every route.
func TestHead(t *testing.T) {
	eachRoute(t, func(t *testing.T, g *gate, r rpc) {
		t.Helper()
		if r.verb != http.MethodGet {
			return
		}
		a := r.ask()
		get := g.do(t, a)
		a.method = http.MethodHead
		head := g.do(t, a)
		if head.code != http.StatusOK || len(head.body) != 0 || len(g.taken()) != 2 {
			t.Errorf("%d %q", head.code, head.body)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
			if !slices.Equal(head.header.Values(name), get.header.Values(name)) {
				t.Errorf("%s: %q, GET has %q", name, head.header.Values(name), get.header.Values(name))
			}
		}
	})
}
