package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// dial opens a connection to a server, for as long as the test runs.
func dial(t testing.TB, base string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// drip begins a request, sends a byte of the rest every 50 ms and answers when the server has had enough; an error if it has
// not by the limit.
func drip(conn net.Conn, begun string, limit time.Duration) (took time.Duration, err error) {
	began := time.Now()
	if err := errors.Join(conn.SetDeadline(began.Add(limit)), ends(io.WriteString(conn, begun))); err != nil {
		return 0, err
	}
	ctx, closed := context.WithCancel(context.Background())
	go func() {
		defer closed()
		_, _ = io.Copy(io.Discard, conn) // a refusal, perhaps, then the end
	}()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if took = time.Since(began); took >= limit {
				err = fmt.Errorf("the server still listens after %s", took)
			}
			return took, err
		case <-tick.C:
			_, _ = io.WriteString(conn, "a")
		}
	}
}

// ends is the error of a write.
func ends(_ int, err error) error { return err }

// beside sends an office's requests while others hold connections: each is answered within the limit.
func beside(t *testing.T, s *server, n int, limit time.Duration) {
	t.Helper()
	for i := range n {
		began := time.Now()
		path := fmt.Sprintf("/v1/organisations?organisationId=ben-canh-%d&requestId=ben-canh-%d", i, i)
		if a := s.call(t, "POST", path, goodOrganisation); a.code != 200 {
			t.Errorf("founding %d: %s", i, a.raw)
		}
		if a := s.call(t, "GET", fmt.Sprintf("/v1/organisations/ben-canh-%d", i), ""); a.code != 200 || !strings.Contains(a.raw, "Chi bộ Thử Nghiệm") {
			t.Errorf("reading %d: %s", i, a.raw)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("founding and reading %d took %s", i, took)
		}
	}
}

// 2,000 connections that say nothing, and 200 that send their headers a byte at a time, keep nobody out: what is asked
// beside them is answered at once, they are closed when their 5 seconds are over, and a stop does not wait for those that
// have asked once and idle since.
func TestIdleAndSlowConnections(t *testing.T) {
	f := newFleet(t, t.TempDir())
	f.up(names()...)
	f.ready(names()...)
	s := town(t, func(testing.TB, string) *server { return f.server })
	host := strings.TrimPrefix(f.base, "http://")
	const idle, slow, limit = 2000, 200, 15 * time.Second
	var silent []net.Conn
	for i := range idle {
		conn := dial(t, f.base)
		if i%2 == 0 {
			silent = append(silent, conn)
			continue
		}
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	var dripping sync.WaitGroup
	for i := range slow {
		begun := []string{"GET /v1/units HTTP/1.1\r\nHost: " + host + "\r\nX-Slow: ", "POST /v1/organisations/thu-nghiem:withdraw HTTP/1.1\r\nX-Slow: ", "G"}[i%3]
		conn := dial(t, f.base)
		dripping.Go(func() {
			if took, err := drip(conn, begun, limit); err != nil || took < 3*time.Second {
				t.Errorf("dripping %.20q: closed after %s, %v", begun, took, err)
			}
		})
	}
	beside(t, s, 20, 2*time.Second)
	dripping.Wait()
	for _, conn := range silent {
		if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("a silent connection was not closed: %v", err)
		}
	}
	if a := s.call(t, "GET", "/v1/organisations/thu-nghiem", ""); a.code != 200 || a.body["revision"] != "1" {
		t.Errorf("a request that never ended took effect: %s", a.raw)
	}
	began := time.Now()
	f.stop(names()...)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
}
