package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/rpc/rpctest"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

func TestReplicas(t *testing.T) {
	for setting, want := range map[string]string{
		"127.0.0.1:8101":               "[127.0.0.1:8101]",
		"10.0.0.1:8101, 10.0.0.2:8101": "[10.0.0.1:8101 10.0.0.2:8101]",
		"dns:registry.example:8101":    "[registry.example:8101]",
		"":                             `"" is no address`,
		"10.0.0.1:8101,":               `"" is no address`,
		"10.0.0.1:8101,10.0.0.2":       `"10.0.0.2" is no address`,
		"dns:registry.example":         `"registry.example" is no address`,
	} {
		got, err := rpc.Replicas(setting)
		if said := fmt.Sprint(got); err == nil && said != want {
			t.Errorf("%q: %s, want %s", setting, said, want)
		}
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: says %v, want %s", setting, err, want)
		}
	}
}

// pair are two servers that answer as replicas of one service do, each with a store of its own, so that it shows who was asked.
type pair struct {
	all   [2]*bench
	asked [2]atomic.Int64
	units registrypb.UnitServiceClient
	sound [2]atomic.Pointer[error]
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{}
	network, own := rpctest.NewNetwork(t), tokentest.Issuer(t)
	var addrs []string
	for i := range p.all {
		p.all[i] = newBench(t, false, func(o *rpc.Options) {
			o.TLS, o.Tokens = network.As("registry"), own.Verifier()
			o.Sound = func() error {
				if err := p.sound[i].Load(); err != nil {
					return *err
				}
				return nil
			}
		})
		p.all[i].conn = own.As("lan", p.all[i].bare)
		p.all[i].create(t)
		p.all[i].units.during(func(context.Context, proto.Message) error { p.asked[i].Add(1); return nil })
		addrs = append(addrs, network.Serve(p.all[i].Server))
	}
	p.units = registrypb.NewUnitServiceClient(own.As("lan", network.Dial(strings.Join(addrs, ","), "registry", mtls.Gateway)))
	return p
}

func (p *pair) read(t *testing.T) error {
	t.Helper()
	_, err := p.units.GetUnit(t.Context(), &registrypb.GetUnitRequest{Name: "units/tay-ho"})
	return err
}

// Calls go to all replicas in turn, and to none that says it does not serve.
func TestCallsGoToEveryReplicaThatServes(t *testing.T) { // INV-RPC-AMONG
	p := newPair(t)
	eventually(t, "both are asked", func() bool {
		if err := p.read(t); err != nil {
			t.Fatal(err)
		}
		return p.asked[0].Load() > 0 && p.asked[1].Load() > 0
	})
	why := errors.New("set aside")
	p.sound[0].Store(&why)
	eventually(t, "the first is left out", func() bool {
		before := p.asked[0].Load()
		for range 10 {
			if err := p.read(t); err != nil {
				t.Fatal(err)
			}
		}
		return p.asked[0].Load() == before
	})
}

// A replica that stops in the middle of everything costs no error to whoever only reads or names the request; who does neither is
// told that nobody knows what became of it.
func TestAReplicaThatStopsCostsNoError(t *testing.T) { // INV-RPC-AMONG
	p := newPair(t)
	eventually(t, "both are asked", func() bool { return p.read(t) == nil && p.asked[0].Load() > 0 && p.asked[1].Load() > 0 })
	cut := func(context.Context, proto.Message) error {
		p.asked[0].Add(1)
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
	}
	p.all[0].units.during(cut)
	for i := range 20 {
		if err := p.read(t); err != nil {
			t.Fatal(err)
		}
		_, err := p.units.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: fmt.Sprintf("u%d", i), RequestId: fmt.Sprintf("r%d", i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	before, failed := p.asked[0].Load(), 0
	for i := range 10 {
		if _, err := p.units.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{Unit: unit(), UnitId: fmt.Sprintf("v%d", i)}); err != nil {
			refused(t, err, fault.KindUnavailable, faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")
			failed++
		}
	}
	if failed == 0 || int64(failed) != p.asked[0].Load()-before {
		t.Errorf("%d calls without a request id failed, %d came to the replica that answers nothing", failed, p.asked[0].Load()-before)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	p.all[0].Stop(ctx)
	for range 20 {
		if err := p.read(t); err != nil {
			t.Fatal(err)
		}
	}
}

// A call whose position two replicas have not reached, after a wait each, is made no third time: its caller needs the time to ask for
// less.
func TestAPositionThatNobodyReaches(t *testing.T) {
	p := newPair(t)
	for i := range p.all {
		p.all[i].units.during(func(context.Context, proto.Message) error {
			p.asked[i].Add(1)
			return fault.Unavailable(faultpb.Reason_REASON_POSITION_NOT_REACHED, "coso-position", "value", "7", "current", "1")
		})
	}
	refused(t, p.read(t), fault.KindUnavailable, faultpb.Reason_REASON_POSITION_NOT_REACHED, "coso-position")
	if n := p.asked[0].Load() + p.asked[1].Load(); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}
