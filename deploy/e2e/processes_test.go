package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	feedpb "coso/proto/gen/coso/feed/v1"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
)

const city = `{"displayName":"Thành ủy Hà Nội","level":"CENTRAL_CITY_COMMITTEE","validFrom":"2008-08-01","placements":[{"tree":"party","fromDate":"2008-08-01"}]}`

// INV-DAEMON-START-ORDER, INV-OPS-READY-IS-TRUE: a process serves and commits what is its own while NATS and the services it follows are away, says what is missing, and
// goes on by itself when they come.
func TestEachProcessStandsAlone(t *testing.T) {
	dir := t.TempDir()
	f := newFleet(t, dir)
	s := f.server
	f.up(names()...) // who may do what has to be heard once
	f.ready(names()...)
	s.Admin(t)
	f.stop(names()...)
	f.up("planningd", "membershipd", "gatewayd")
	f.says("planningd", "NATS does not answer at nats://127.0.0.1:", "registry does not answer")
	f.says("gatewayd", "registry does not answer", "award does not answer")
	f.until("planning alone commits, once it has the keys of tokens", func() error {
		a := s.call(t, "POST", "/v1/periods?periodId=2020&requestId=p-1", `{"displayName":"năm 2020","kind":"PERIOD_KIND_CALENDAR_YEAR","startDate":"2020-01-01","endDate":"2020-12-31","cutOffDate":"2020-11-30"}`)
		if a.code != 200 {
			return fmt.Errorf("it answers %d %s", a.code, a.raw)
		}
		return nil
	})
	if a := s.call(t, "GET", "/v1/periods/2020", ""); a.code != 200 {
		t.Errorf("planning alone does not read: %s", a.raw)
	}
	if a := s.call(t, "GET", "/v1/units", ""); a.code != 503 {
		t.Errorf("registry is away: %d %s", a.code, a.raw)
	}

	f.up("registryd", "awardd")
	f.until("the gateway finds registry", func() error {
		if a := s.call(t, "POST", "/v1/units?unitId=ha-noi", city); a.code != 200 && a.code != 409 {
			return fmt.Errorf("it answers %d %s", a.code, a.raw)
		}
		return nil
	})
	f.says("registryd", "NATS does not answer")
	f.up("nats-server")
	f.ready(names()...)
	intake := `{"unit":"units/ha-noi","kind":"INTAKE_KIND_PARTY_MEMBER","admittedOn":"2020-05-05","memberCount":1}`
	f.until("membership hears of the unit", func() error {
		if a := s.call(t, "POST", "/v1/intakes?requestId=r-1", intake); a.code != 200 {
			return fmt.Errorf("it answers %d %s", a.code, a.raw)
		}
		return nil
	})

	operator, err := rpc.DialSocket(run.Socket(dir, "membership"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = operator.Close() }()
	f.until("the operator is told that events travel", func() error {
		status, err := feedpb.NewFeedServiceClient(operator).GetFeedStatus(t.Context(), &feedpb.GetFeedStatusRequest{})
		if err == nil && (status.GetRelay().GetPublishedSequence() != 1 || status.GetFollowers()[0].GetSequence() != 2) {
			err = fmt.Errorf("he is told %v", status)
		}
		return err
	})

	f.kill("nats-server")
	f.says("membershipd", "NATS does not answer")
	f.kill("registryd")
	f.says("membershipd", "registry does not answer")
	f.says("gatewayd", "registry does not answer")
	if a := s.call(t, "GET", "/v1/intakes?unit=units/ha-noi", ""); a.code != 200 {
		t.Errorf("membership alone does not read: %s", a.raw)
	}
	f.up("nats-server", "registryd")
	f.ready(names()...)
	f.stop(names()...)
}

// INV-DAEMON-STOP-ENDS: a client that sends half a request and then nothing holds no stop up; a second signal ends a process at once.
func TestAStopIsBounded(t *testing.T) {
	f := newFleet(t, t.TempDir())
	f.up("registryd", "gatewayd")
	stalled := func() {
		base, err := url.Parse(f.base)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", base.Host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := fmt.Fprintf(conn, "POST /v1/sessions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", base.Host); err != nil {
			t.Fatal(err)
		}
		// The gateway asks for the body: the request is under way.
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("the gateway says %q, %v", line, err)
		}
	}
	stalled()
	started := time.Now()
	f.stop("gatewayd")
	t.Logf("stopped after %s", time.Since(started))

	f.up("gatewayd")
	stalled()
	started = time.Now()
	gateway := f.members["gatewayd"]
	f.until("the second signal ends it", func() error {
		if !gateway.runs() {
			return nil
		}
		if err := gateway.cmd.Process.Signal(syscall.SIGTERM); err != nil && gateway.runs() {
			return err
		}
		return fmt.Errorf("it runs on")
	})
	if took := time.Since(started); took > 3*time.Second || gateway.err == nil || !strings.Contains(gateway.err.Error(), "signal") {
		t.Errorf("two signals: ended after %s with %v", took, gateway.err)
	}
	f.stop("registryd")
}
