package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"coso/gateway"
)

// serve runs the gateway on a real listener; change may shorten the server's limits. It answers host and port.
func (g *gate) serve(t *testing.T, change func(*http.Server)) (string, *http.Server) {
	t.Helper()
	listener, err := gateway.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := gateway.NewServer(slog.New(slog.DiscardHandler), g.handler)
	if change != nil {
		change(server)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return listener.Addr().String(), server
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// 2,000 connections that say nothing keep nobody out, and are closed when their time is over.
func TestIdleConnections(t *testing.T) {
	g := newGate(t)
	const many = 2000
	addr, _ := g.serve(t, func(s *http.Server) { s.IdleTimeout, s.ReadHeaderTimeout = 2*time.Second, 2*time.Second })
	request := "GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"
	idle := make([]net.Conn, many)
	for i := range idle {
		idle[i] = connect(t, addr)
		if i%2 == 0 { // half of them have asked once
			if _, err := io.WriteString(idle[i], request); err != nil {
				t.Fatal(err)
			}
		}
	}
	start := time.Now()
	if code := raw(t, addr, request); code != http.StatusOK {
		t.Errorf("beside them: %d", code)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a request beside them took %v", took)
	}
	for _, c := range idle {
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatalf("an idle connection was not closed: %v", err)
		}
	}
}

// Clients that send, or read, a byte now and then hold a connection no longer than the server allows, and nobody else up.
func TestSlowClients(t *testing.T) {
	g := newGate(t)
	addr, _ := g.serve(t, func(s *http.Server) {
		s.ReadHeaderTimeout, s.ReadTimeout = 300*time.Millisecond, 600*time.Millisecond
	})
	var slow sync.WaitGroup
	for _, begun := range []string{
		"GET /v1/units HTTP/1.1\r\nHost: " + addr + "\r\nX-Slow: ",
		"POST /v1/units HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + g.as + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{",
	} {
		for range 20 {
			conn := connect(t, addr)
			slow.Go(func() { drip(t, conn, begun) })
		}
	}
	request := "GET /v1/units HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + g.as + "\r\nConnection: close\r\n\r\n"
	for range 20 {
		if code := raw(t, addr, request); code != http.StatusOK {
			t.Errorf("beside them: %d", code)
		}
	}
	slow.Wait()
}

// drip sends a byte every 20 ms until the server has had enough.
func drip(t *testing.T, conn net.Conn, begun string) {
	t.Helper()
	if _, err := io.WriteString(conn, begun); err != nil {
		t.Errorf("begin: %v", err)
		return
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, conn) // a refusal, perhaps, then the end
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
			_, _ = io.WriteString(conn, " ")
		case <-deadline.C:
			t.Error("the server still listens")
			return
		}
	}
}

// A client that does not read its answer is cut off.
func TestClientThatDoesNotReadItsAnswer(t *testing.T) {
	cut := make(chan error, 1)
	g := newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		part := make([]byte, 1<<20)
		for range 256 {
			if _, err := w.Write(part); err != nil {
				cut <- err
				return
			}
		}
		cut <- nil
	})
	addr, _ := g.serve(t, func(s *http.Server) { s.WriteTimeout = 300 * time.Millisecond })
	conn := connect(t, addr)
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-cut:
		if err == nil {
			t.Error("all of it was taken")
		}
	case <-time.After(15 * time.Second):
		t.Error("the server still waits")
	}
}

// A stop lets the request under way finish and takes no other.
func TestShutdownDrains(t *testing.T) {
	g := newGate(t)
	entered, release := make(chan struct{}), make(chan struct{})
	g.reply = func(context.Context, call) (proto.Message, error) {
		close(entered)
		<-release
		return nil, nil //nolint:nilnil // the echo answers an empty message then
	}
	addr, server := g.serve(t, nil)
	conn := connect(t, addr)
	if _, err := io.WriteString(conn, "GET /v1/units/x HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer "+g.as+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(t.Context()) }()
	deadline := time.Now().Add(10 * time.Second)
	for refusing := false; !refusing; {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if refusing = err != nil; !refusing {
			_ = c.Close()
		}
		if time.Now().After(deadline) {
			t.Fatal("still takes connections")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("the stop did not wait: %v", err)
	default:
	}
	close(release)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the request under way: %v, %v", res, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
