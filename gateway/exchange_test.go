package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"

	"coso/gateway"
	"coso/services/platform/fault"
	"coso/services/platform/token/tokentest"
)

// INV-EXCHANGE-LOG-SILENT
func TestLogSaysNothingOfTheRequest(t *testing.T) {
	g := newGate(t)
	g.do(t, ask{method: "POST", target: "/v1/units/bi-mat:close?bi-mat=1", body: `{"bi-mat":1}`, header: http.Header{"Accept-Language": {"bi-mat"}}})
	g.do(t, ask{method: "POST", target: "/v1/units/bi-mat:close", body: `{"bi-mat":1}`})
	g.do(t, ask{method: "GET", target: "/v1/units/bi-mat"})
	g.do(t, ask{method: "GET", target: "/bi-mat"})
	if strings.Contains(g.log.String(), "bi-mat") {
		t.Errorf("log:\n%s", g.log)
	}
	lines := g.logged(t)
	if len(lines) != 4 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, want := range []struct {
		route  string
		status float64
		reason any
	}{
		{"/v1/{name=units/*}:close", 400, "REASON_QUERY_PARAMETER_UNKNOWN"},
		{"/v1/{name=units/*}:close", 400, "REASON_BODY_FIELD_UNKNOWN"},
		{"/v1/{name=units/*}", 200, nil},
		{"", 404, "REASON_METHOD_UNKNOWN"},
	} {
		got := lines[i]
		if got["route"] != want.route || got["status"] != want.status || got["reason"] != want.reason || got["level"] != "INFO" {
			t.Errorf("line %d: %v", i, got)
		}
	}
}

func TestUnauthenticatedAsksForAToken(t *testing.T) {
	g := newGate(t)
	for _, c := range []struct {
		refusal error
		code    int
		asks    string
	}{
		{fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_EXPIRED, "token.claims.exp", "value", "a", "current", "b"), http.StatusUnauthorized, `Bearer error="invalid_token", error_description="TOKEN_EXPIRED"`},
		{fault.Unauthenticated(faultpb.Reason_REASON_TOKEN_MISSING, ""), http.StatusUnauthorized, "Bearer"},
		{fault.PermissionDenied(faultpb.Reason_REASON_TOKEN_SCOPE, "", "value", "read", "name", "x"), http.StatusForbidden, `Bearer error="insufficient_scope", error_description="TOKEN_SCOPE"`},
		{fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/a"), http.StatusNotFound, ""},
	} {
		g.reply = func(context.Context, call) (proto.Message, error) { return nil, fault.ToStatus(c.refusal, "").Err() }
		res := g.do(t, ask{method: "GET", target: "/v1/units/a"})
		if got := res.header.Get("WWW-Authenticate"); res.code != c.code || got != c.asks {
			t.Errorf("%v: %d, WWW-Authenticate %q", c.refusal, res.code, got)
		}
	}
}

func TestPanicIsAnInternalRefusal(t *testing.T) {
	g := newShell(t, func(http.ResponseWriter, *http.Request) { panic("bi-mat") })
	res := g.do(t, ask{method: "GET", target: "/", header: http.Header{"X-Request-Id": {"van-phong-1"}}})
	got := refused(t, res)
	if got.http != http.StatusInternalServerError || got.reason != "INTERNAL" || got.metadata["requestId"] != "van-phong-1" || strings.Contains(got.String(), "bi-mat") {
		t.Errorf("%d %v", got.http, got)
	}
	if line := g.logged(t); len(line) != 1 || line[0]["level"] != "ERROR" || !strings.Contains(fmt.Sprint(line[0]["error"]), "bi-mat") || !strings.Contains(fmt.Sprint(line[0]["error"]), "exchange_test.go") {
		t.Errorf("logged %v", line)
	}
}

func TestPanicAfterTheAnswerBeganCutsIt(t *testing.T) {
	g := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write([]byte("half")); err != nil {
			t.Error(err)
		}
		panic("bi-mat")
	})
	server := httptest.NewServer(g.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		if closing := res.Body.Close(); closing != nil {
			t.Error(closing)
		}
	}
	if err == nil {
		t.Error("the torn answer looks whole")
	}
}

func TestServiceThatIsAwayOrSlow(t *testing.T) {
	t.Run("away", func(t *testing.T) {
		g := closedGate(t)
		listener := bufconn.Listen(1)
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		g.open(t, dial(t, listener))
		got := refused(t, g.do(t, ask{method: "GET", target: "/v1/units"}))
		if got.http != http.StatusServiceUnavailable || got.reason != "SERVICE_UNAVAILABLE" || strings.Contains(got.String(), "closed") {
			t.Errorf("%d %v", got.http, got)
		}
	})
	t.Run("without the method", func(t *testing.T) {
		listener := bufconn.Listen(1 << 16)
		server := grpc.NewServer()
		go func() {
			if err := server.Serve(listener); err != nil {
				t.Errorf("serve: %v", err)
			}
		}()
		defer server.Stop()
		g := closedGate(t)
		g.open(t, dial(t, listener))
		if got := refused(t, g.do(t, ask{method: "GET", target: "/v1/units"})); got.http != http.StatusNotImplemented || got.reason != "METHOD_UNKNOWN" {
			t.Errorf("%d %v", got.http, got)
		}
	})
	t.Run("slow", func(t *testing.T) {
		g := newGate(t)
		g.reply = func(inner context.Context, _ call) (proto.Message, error) {
			<-inner.Done()
			return nil, inner.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		got := refused(t, g.doIn(ctx, t, ask{method: "GET", target: "/v1/units"}))
		if got.http != http.StatusGatewayTimeout || got.reason != "DEADLINE_EXCEEDED" {
			t.Errorf("%d %s", got.http, got.reason)
		}
	})
	t.Run("left by the client", func(t *testing.T) {
		g := newGate(t)
		ctx, leave := context.WithCancel(t.Context())
		g.reply = func(inner context.Context, _ call) (proto.Message, error) {
			leave()
			<-inner.Done()
			return nil, inner.Err()
		}
		if got := refused(t, g.doIn(ctx, t, ask{method: "GET", target: "/v1/units"})); got.http != 499 || got.reason != "CANCELLED" {
			t.Errorf("%d %s", got.http, got.reason)
		}
	})
}

func TestAnswersShowTheWholeShape(t *testing.T) {
	g := newGate(t)
	g.reply = func(context.Context, call) (proto.Message, error) {
		return &planningpb.Progress{Unit: "units/tay-ho", Indicators: []*planningpb.IndicatorProgress{{Figure: &planningpb.Figure{ActualValue: 0, AssignedValue: proto.Int64(6)}}}}, nil
	}
	body := g.do(t, ask{method: "GET", target: "/v1/units/tay-ho/progress?period=periods/2020"}).body
	for _, want := range []string{`"asOf":""`, `"actualValue":"0"`, `"assignedValue":"6"`, `"standing":"STANDING_UNSPECIFIED"`, `"belowPlan":[]`} {
		if !strings.Contains(strings.ReplaceAll(string(body), " ", ""), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Contains(string(body), "registered") {
		t.Errorf("an absent number is written: %s", body)
	}
	if err := protojson.Unmarshal(body, &planningpb.Progress{}); err != nil {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	conn, own := (&echo{}).inProcess(t), tokentest.Issuer(t)
	whole := func() gateway.Options {
		return gateway.Options{
			Registry: conn, Membership: conn, Planning: conn, Award: conn, Identity: conn, Logger: slog.New(slog.DiscardHandler),
			Keys: func(context.Context) ([]byte, error) { return nil, nil }, Tokens: own.Verifier(),
			Ready: func(context.Context) error { return nil },
		}
	}
	if _, err := gateway.New(whole()); err != nil {
		t.Errorf("whole: %v", err)
	}
	for name, spoil := range map[string]func(*gateway.Options){
		"Registry":   func(o *gateway.Options) { o.Registry = nil },
		"Membership": func(o *gateway.Options) { o.Membership = nil },
		"Planning":   func(o *gateway.Options) { o.Planning = nil },
		"Award":      func(o *gateway.Options) { o.Award = nil },
		"Identity":   func(o *gateway.Options) { o.Identity = nil },
		"Keys":       func(o *gateway.Options) { o.Keys = nil },
		"Tokens":     func(o *gateway.Options) { o.Tokens = nil },
		"Logger":     func(o *gateway.Options) { o.Logger = nil },
		"Ready":      func(o *gateway.Options) { o.Ready = nil },
		"Hosts":      func(o *gateway.Options) { o.Hosts = []string{"coso.example.vn", "coso.example.vn:443"} },
	} {
		o := whole()
		spoil(&o)
		if _, err := gateway.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
