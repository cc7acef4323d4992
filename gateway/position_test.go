package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway"
)

const (
	incA = "0198f0c2-0000-7000-8000-00000000000a"
	incB = "0198f0c2-0000-7000-8000-00000000000b"
)

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

// told sends a request and answers what positions the services were told with each call.
func (g *gate) told(t *testing.T, a ask) []string {
	t.Helper()
	if res := g.do(t, a); res.code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", a.method, a.target, res.code, res.body)
	} else if set := res.header["Set-Cookie"]; len(set) > 0 {
		t.Errorf("a cookie: %q", set)
	}
	var all []string
	for _, c := range g.taken() {
		all = append(all, strings.Join(c.metadata.Get("coso-position"), ","))
	}
	return all
}

func (g *gate) tells(t *testing.T, a ask, want ...string) {
	t.Helper()
	if got := g.told(t, a); strings.Join(got, ";") != strings.Join(want, ";") {
		t.Errorf("%s %s as %.8s…: told %q, want %q", a.method, a.target, g.as[len(g.as)-8:], got, want)
	}
}

// INV-POSITION-FORWARD: a service is told how far its caller has seen its own journal, and the others since they wrote.
func TestPositionsOfACaller(t *testing.T) {
	g := newGate(t)
	lan, minh := g.as, g.own.Token("minh")
	unit, progress := ask{method: "GET", target: "/v1/units/x"}, ask{method: "GET", target: "/v1/units/x/progress"}

	g.at(t, "registry="+incA+":7")
	g.tells(t, unit, "")
	g.tells(t, unit, "registry="+incA+":7")
	g.tells(t, progress, "") // what was only read does not hold up another service, which follows
	g.at(t, "registry="+incA+":6")
	g.tells(t, unit, "registry="+incA+":7")
	g.tells(t, unit, "registry="+incA+":7")
	g.at(t, "registry="+incA+":9")
	g.tells(t, ask{method: "POST", target: "/v1/units", body: "{}"}, "registry="+incA+":7")
	g.at(t, "planning="+incB+":3")
	g.tells(t, progress, "registry="+incA+":9")
	g.tells(t, progress, "planning="+incB+":3,registry="+incA+":9")
	both := "registry=" + incA + ":9,planning=" + incB + ":3"
	g.tells(t, unit, both) // what they have seen come of it

	g.as = minh
	g.at(t, "registry="+incA+":4")
	g.tells(t, unit, "")
	g.tells(t, unit, "registry="+incA+":4")
	g.as = lan
	g.tells(t, unit, both)

	// A client that sends its own is not helped, nor held up.
	g.tells(t, ask{method: "GET", target: "/v1/units/x", header: http.Header{"Coso-Position": {"registry=" + incA + ":2"}}}, "registry="+incA+":2")

	// Who signs in anew is the same caller.
	g.as = g.own.Token("lan")
	g.tells(t, unit, both)
}

// INV-POSITION-FORWARD: pages and the API are one caller's.
func TestPositionsOfAPage(t *testing.T) {
	g := newGate(t)
	g.at(t, "registry="+incA+":7")
	g.tells(t, ask{method: "POST", target: "/v1/units", body: "{}"}, "")
	g.tells(t, ask{method: "GET", target: "/units", header: asBrowser()}, "registry="+incA+":7", "registry="+incA+":7", "registry="+incA+":7")
}

// INV-POSITION-FORWARD: who was refused for what is there sees it then.
func TestPositionsOfARefusal(t *testing.T) {
	g := newGate(t)
	g.at(t, "registry="+incA+":7")
	answer := g.reply
	g.reply = func(ctx context.Context, c call) (proto.Message, error) {
		if _, err := answer(ctx, c); err != nil {
			return nil, err
		}
		return nil, fault.ToStatus(fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "unit_id", "name", "units/x"), "").Err()
	}
	if res := g.do(t, ask{method: "POST", target: "/v1/units", body: "{}"}); res.code != http.StatusConflict {
		t.Fatalf("%d %s", res.code, res.body)
	}
	g.taken()
	g.reply = answer
	g.tells(t, ask{method: "GET", target: "/v1/units/x"}, "registry="+incA+":7")
}

// INV-POSITION-OWN: what was remembered is no reason to refuse anybody; what a client sent is.
func TestPositionsInTheWay(t *testing.T) {
	g := closedGate(t)
	var at atomic.Int64
	g.open(t, g.inProcess(t), func(o *gateway.Options) {
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(at.Load())) }
	})
	unit, made := ask{method: "GET", target: "/v1/units/x"}, ask{method: "POST", target: "/v1/units", body: "{}"}
	const place = "registry=" + incA + ":7"

	g.at(t, place)
	g.tells(t, unit, "")
	// refusing refuses whoever tells a position, and says another one to the others.
	refusing := func(refusal error, says string) {
		g.at(t, says)
		answer := g.reply
		g.reply = func(ctx context.Context, c call) (proto.Message, error) {
			if len(c.metadata.Get("coso-position")) > 0 {
				return nil, fault.ToStatus(refusal, "").Err()
			}
			return answer(ctx, c)
		}
	}
	late := fault.Unavailable(faultpb.Reason_REASON_POSITION_NOT_REACHED, "coso-position", "value", place, "current", "1")
	refusing(late, "registry="+incA+":5")
	g.tells(t, made, place, "")
	g.tells(t, unit, "") // for a while nobody waits again
	at.Add(int64(11 * time.Second))
	g.tells(t, unit, place, "")

	gone := fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "coso-position", "value", incA, "current", incB)
	at.Add(int64(11 * time.Second))
	refusing(gone, "registry="+incB+":2")
	g.tells(t, unit, place, "")
	g.at(t, "registry="+incB+":2")
	g.tells(t, unit, "registry="+incB+":2")

	refusing(gone, "")
	res := g.do(t, ask{method: "GET", target: "/v1/units/x", header: http.Header{"Coso-Position": {place}}})
	if got := refused(t, res); got.reason != "INCARNATION_FOREIGN" || len(g.taken()) != 1 {
		t.Errorf("refused with %s", got.reason)
	}
	g.reply = func(context.Context, call) (proto.Message, error) {
		return nil, fault.ToStatus(fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name", "name", "units/x"), "").Err()
	}
	if res := g.do(t, unit); res.code != http.StatusNotFound || len(g.taken()) != 1 {
		t.Errorf("another refusal: %d %s", res.code, res.body)
	}
}
