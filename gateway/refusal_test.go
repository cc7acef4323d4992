package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

var update = flag.Bool("update", false, "write testdata/*.json from what the gateway answers now")

// refusals are requests that must be refused, and how a service answers those that reach it.
var refusals = []struct {
	name  string
	ask   ask
	reply error
}{
	{name: "unknown-route", ask: ask{method: "GET", target: "/v1/khong-co"}},
	{name: "unknown-verb", ask: ask{method: "POST", target: "/v1/units/tay-ho:khongCo", body: `{}`}},
	{name: "method-not-allowed", ask: ask{method: "DELETE", target: "/v1/units/tay-ho"}},
	{name: "foreign-host", ask: ask{method: "GET", target: "/v1/units", host: "attacker.example"}},
	{name: "foreign-origin", ask: ask{method: "GET", target: "/v1/units", header: http.Header{"Origin": {"https://attacker.example"}}}},
	{name: "path-escaped-slash", ask: ask{method: "GET", target: "/v1/units/tay-ho%2Fprogress"}},
	{name: "query-unknown", ask: ask{method: "GET", target: "/v1/units/tay-ho/progress?period=periods/2020&as-of=2020-11-30"}},
	{name: "query-twice", ask: ask{method: "GET", target: "/v1/units/tay-ho/progress?asOf=2020-11-30&asOf=2020-12-31"}},
	{name: "query-no-number", ask: ask{method: "GET", target: "/v1/units?pageSize=m%C6%B0%E1%BB%9Di"}},
	{name: "query-enum", ask: ask{method: "GET", target: "/v1/organisations?kinds=KHONG_CO"}},
	{name: "body-enum", ask: ask{method: "POST", target: "/v1/intakes", body: `{"kind":"INTAKE_KIND_DANG_VIEN"}`}},
	{name: "mask-snake-case", ask: ask{method: "PATCH", target: "/v1/units/tay-ho?updateMask=display_name", body: `{"displayName":"Quận uỷ Tây Hồ"}`}},
	{name: "body-unknown-field", ask: ask{method: "POST", target: "/v1/organisations", body: `{"displayName":"Chi bộ", "khongCo": 1}`}},
	{name: "body-unknown-field-in-batch", ask: ask{method: "POST", target: "/v1/organisations:batchCreate", body: `{"requests":[{"organisation":{"unit":"units/tay-ho"}},{"organisation":{"unitt":"units/tay-ho"}}]}`}},
	{name: "body-wrong-type", ask: ask{method: "POST", target: "/v1/intakes", body: `{"unit":"units/tay-ho","memberCount":"mười"}`}},
	{name: "body-duplicate-field", ask: ask{method: "POST", target: "/v1/units", body: `{"displayName":"a","displayName":"b"}`}},
	{name: "body-syntax", ask: ask{method: "POST", target: "/v1/units", body: "{\n  \"displayName\": ,\n}"}},
	{name: "body-trailing", ask: ask{method: "POST", target: "/v1/units", body: `{} x`}},
	{name: "body-missing", ask: ask{method: "POST", target: "/v1/units"}},
	{name: "body-unexpected", ask: ask{method: "GET", target: "/v1/units", body: `{}`}},
	{name: "body-other-name", ask: ask{method: "POST", target: "/v1/units/tay-ho:close", body: `{"name":"units/ba-dinh"}`}},
	{name: "body-too-large", ask: ask{method: "POST", target: "/v1/units", body: `{"displayName":"` + strings.Repeat("a", 1<<20) + `"}`}},
	{name: "content-type", ask: ask{method: "POST", target: "/v1/units", body: `displayName=a`, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}},
	{name: "position-not-ascii", ask: ask{method: "GET", target: "/v1/units", header: http.Header{"Coso-Position": {"registry=đầu"}}}},
	{
		name: "service-not-found", ask: ask{method: "GET", target: "/v1/units/khong-co"},
		reply: fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/khong-co"),
	},
	{
		name: "service-precondition", ask: ask{method: "POST", target: "/v1/organisations", body: `{}`},
		reply: fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "organisation.unit", "name", "units/khong-co"),
	},
	{
		name: "service-internal", ask: ask{method: "GET", target: "/v1/units"},
		reply: fault.Internal(os.ErrPermission),
	},
}

// INV-EXCHANGE-STATUS-BODY: the golden files show each refusal as a client reads it, the same in one process and over
// the wire.
func TestRefusals(t *testing.T) {
	transports := map[string]func(*echo, *testing.T) grpc.ClientConnInterface{
		"in process": (*echo).inProcess,
		"over wire":  (*echo).overWire,
	}
	for transport, connect := range transports {
		t.Run(transport, func(t *testing.T) {
			g := closedGate(t)
			g.open(t, connect(g.echo, t))
			for _, c := range refusals {
				t.Run(c.name, func(t *testing.T) {
					g.reply = func(context.Context, call) (proto.Message, error) {
						return nil, fault.ToStatus(c.reply, "of-the-service").Err()
					}
					a := c.ask
					a.header = a.header.Clone()
					if a.header == nil {
						a.header = http.Header{}
					}
					a.header.Set("X-Request-Id", "golden")
					res := g.do(t, a)
					golden(t, c.name, res)
					refused(t, res)
					if reached := len(g.taken()) > 0; reached != (c.reply != nil) {
						t.Errorf("reached a service: %v", reached)
					}
				})
			}
		})
	}
}

// golden compares an answer's status and body with testdata, whatever the spaces, which protojson puts by
// chance.
func golden(t *testing.T, name string, res answer) {
	t.Helper()
	got, err := json.MarshalIndent(struct {
		HTTP int             `json:"http"`
		Body json.RawMessage `json:"body"`
	}{res.code, res.body}, "", "  ")
	if err != nil {
		t.Fatalf("%v: %s", err, res.body)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
