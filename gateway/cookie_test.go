package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

const (
	incA = "0198f0c2-0000-7000-8000-00000000000a"
	incB = "0198f0c2-0000-7000-8000-00000000000b"
)

// cookieIn is the position cookie that an answer sets; nil if it sets none.
func cookieIn(t *testing.T, res answer) *http.Cookie {
	t.Helper()
	var found *http.Cookie
	for _, line := range res.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name == "coso-position" {
			found = c
		}
	}
	return found
}

// at lets every answer name a position.
func (g *gate) at(t *testing.T, position string) {
	t.Helper()
	g.reply = func(ctx context.Context, _ call) (proto.Message, error) {
		if err := grpc.SetHeader(ctx, metadata.Pairs("coso-position", position)); err != nil {
			t.Error(err)
		}
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
}

// INV-TRANSCODE-OWN-WRITES: what a client without positions of its own has seen comes back with its cookie, merged over all
// services.
func TestPositionsInACookie(t *testing.T) {
	g := newGate(t)
	g.at(t, "registry="+incA+":7")
	if c := cookieIn(t, g.do(t, ask{method: "GET", target: "/v1/units/x"})); c != nil {
		t.Errorf("who has written nothing got the cookie %v", c)
	}
	written := cookieIn(t, g.do(t, ask{method: "POST", target: "/v1/units", body: "{}"}))
	if written == nil || !written.HttpOnly || written.SameSite != http.SameSiteStrictMode || written.Path != "/" || written.MaxAge <= 0 {
		t.Fatalf("the cookie is %v", written)
	}
	g.taken()
	g.at(t, "planning="+incB+":3")
	read := g.do(t, ask{method: "GET", target: "/v1/units/x/progress", header: http.Header{"Cookie": {"a=b; coso-position=" + written.Value}}})
	if calls := g.taken(); len(calls) != 1 || strings.Join(calls[0].metadata.Get("coso-position"), ",") != "registry="+incA+":7" || len(calls[0].metadata.Get("cookie")) != 0 {
		t.Errorf("the service saw %v", calls)
	}
	both := cookieIn(t, read)
	if both == nil || both.Value != "registry="+incA+":7|planning="+incB+":3" {
		t.Fatalf("the cookie is now %v", both)
	}
	again := g.do(t, ask{method: "GET", target: "/v1/units/x/progress", header: http.Header{"Cookie": {"coso-position=" + both.Value}}})
	if c := cookieIn(t, again); c != nil {
		t.Errorf("nothing new, and the cookie %v", c)
	}
	g.at(t, "planning="+incA+":1")
	restored := g.do(t, ask{method: "GET", target: "/v1/units/x/progress", header: http.Header{"Cookie": {"coso-position=" + both.Value}}})
	if c := cookieIn(t, restored); c == nil || c.Value != "registry="+incA+":7|planning="+incA+":1" {
		t.Errorf("another journal answered: %v", c)
	}
}

func TestHeaderWinsOverCookie(t *testing.T) {
	g := newGate(t)
	g.at(t, "registry="+incA+":9")
	res := g.do(t, ask{method: "GET", target: "/v1/units", header: http.Header{
		"Coso-Position": {"registry=" + incA + ":4"}, "Cookie": {"coso-position=registry=" + incA + ":8"},
	}})
	if calls := g.taken(); len(calls) != 1 || strings.Join(calls[0].metadata.Get("coso-position"), ",") != "registry="+incA+":4" {
		t.Errorf("the service saw %v", calls)
	}
	if c := cookieIn(t, res); c != nil {
		t.Errorf("a client that keeps its positions got the cookie %v", c)
	}
}

// A cookie never stands in the way: one that is not understood counts for nothing, one of a journal that is gone is dropped.
func TestCookieOfNoUse(t *testing.T) {
	g := newGate(t)
	for _, value := range []string{
		"", "x", "registry", "registry=", "registry=a:", "registry=a:-1", "registry=A:1", "registry=a:1|", "r=a:1,r=b:2",
		strings.Repeat("registry=a:1|", 200), "registry=a:99999999999999999999", strings.TrimSuffix(strings.Repeat("a=a:1|", 9), "|"),
	} {
		res := g.do(t, ask{method: "GET", target: "/v1/units", header: http.Header{"Cookie": {"coso-position=" + value}}})
		if calls := g.taken(); res.code != http.StatusOK || len(calls) != 1 || len(calls[0].metadata.Get("coso-position")) != 0 {
			t.Errorf("%.40q: %d, the service saw %v", value, res.code, calls)
		}
	}
	g.reply = func(context.Context, call) (proto.Message, error) {
		return nil, fault.ToStatus(fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "coso-position", "value", incA, "current", incB), "").Err()
	}
	res := g.do(t, ask{method: "GET", target: "/v1/units", header: http.Header{"Cookie": {"coso-position=registry=" + incA + ":8"}}})
	if got := refused(t, res); got.reason != "INCARNATION_FOREIGN" {
		t.Errorf("refused with %s", got.reason)
	}
	if c := cookieIn(t, res); c == nil || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("the cookie stays: %v", c)
	}
}
