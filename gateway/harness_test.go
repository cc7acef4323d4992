package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"coso/services/platform/token/tokentest"

	"coso/gateway"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/press"
)

const here = "localhost:8080"

// gate is a gateway in front of an echo.
type gate struct {
	*echo
	handler http.Handler
	log     *bytes.Buffer
	// own signs the tokens that are believed; as is the one that a request without bears.
	own   *tokentest.Own
	as    string
	ready error
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := closedGate(t)
	g.open(t, g.echo.inProcess(t))
	return g
}

// closedGate is a gate that is not open yet, before which requests without a token bear lan's.
func closedGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{echo: &echo{}, own: tokentest.Issuer(t)}
	g.as = g.own.Token("lan")
	return g
}

// open builds the gateway on conn; more changes the options.
func (g *gate) open(t *testing.T, conn grpc.ClientConnInterface, more ...func(*gateway.Options)) {
	t.Helper()
	g.log = &bytes.Buffer{}
	o := gateway.Options{
		Registry: conn, Membership: conn, Planning: conn, Award: conn, Identity: conn,
		Tokens: g.own.Verifier(),
		Keys:   func(context.Context) ([]byte, error) { return []byte(`{"keys":[]}`), nil },
		Hosts:  []string{"coso.example.vn"},
		Logger: slog.New(slog.NewJSONHandler(g.log, nil)),
		Ready:  func(context.Context) error { return g.ready },
	}
	for _, set := range more {
		set(&o)
	}
	handler, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.handler = handler
}

// newShell is what every request passes, with a handler inside that none of the gateway's own does what it does.
func newShell(t *testing.T, inside http.HandlerFunc) *gate {
	t.Helper()
	g := closedGate(t)
	g.log = &bytes.Buffer{}
	g.handler = exchange.Handler(slog.New(slog.NewJSONHandler(g.log, nil)), false, press.Handler(inside))
	return g
}

// ask is one HTTP request, written as on the wire: target is the request line's.
type ask struct {
	method, target string
	body           string
	header         http.Header
	host           string
	tls            bool
}

// answer is what came back.
type answer struct {
	code    int
	header  http.Header
	body    []byte
	trailer http.Header
}

func (g *gate) do(t *testing.T, a ask) answer {
	t.Helper()
	return g.doIn(t.Context(), t, a)
}

func (g *gate) doIn(ctx context.Context, t *testing.T, a ask) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(ctx, a.method, a.target, strings.NewReader(a.body))
	if a.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if g.as != "" {
		r.Header.Set("Authorization", "Bearer "+g.as)
	}
	maps.Copy(r.Header, a.header)
	r.Host = here
	if a.tls {
		r.TLS = &tls.ConnectionState{}
	}
	if a.host != "" {
		r.Host = a.host
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	res := w.Result()
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{code: res.StatusCode, header: res.Header, body: body, trailer: res.Trailer}
}

// refusal is a google.rpc.Status as an answer's body.
type refusal struct {
	*status.Status
	http     int
	reason   string
	field    string
	vi, en   string
	metadata map[string]string
}

// refused reads an answer that must be a refusal in full form.
func refused(t *testing.T, res answer) refusal {
	t.Helper()
	got := refusal{Status: &status.Status{}, http: res.code}
	if res.code < http.StatusBadRequest {
		t.Fatalf("answered %d: %s", res.code, res.body)
	}
	if kind := res.header.Get("Content-Type"); kind != "application/json" {
		t.Fatalf("content type %q: %s", kind, res.body)
	}
	if err := protojson.Unmarshal(res.body, got.Status); err != nil {
		t.Fatalf("no google.rpc.Status: %v: %s", err, res.body)
	}
	for _, detail := range got.GetDetails() {
		m, err := detail.UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		switch d := m.(type) {
		case *errdetails.ErrorInfo:
			got.reason, got.metadata = d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			got.field = d.GetFieldViolations()[0].GetField()
		case *errdetails.LocalizedMessage:
			if d.GetLocale() == "en" {
				got.en = d.GetMessage()
			} else {
				got.vi = d.GetMessage()
			}
		}
	}
	if got.reason == "" || got.vi == "" || got.en == "" || got.vi == got.en || got.GetMessage() != got.en {
		t.Errorf("incomplete refusal: %s", res.body)
	}
	if res.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
	return got
}

// logged returns the log's lines since it was last asked.
func (g *gate) logged(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	dec := json.NewDecoder(g.log)
	for dec.More() {
		line := map[string]any{}
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}
