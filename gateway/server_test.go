package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coso/gateway"
)

func TestListenTakesLoopbackOnly(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "10.0.0.1:0", "192.168.1.1:8080", "[fe80::1]:0", "1.2.3.4", "", "localhost"} {
		listener, err := gateway.Listen(t.Context(), addr)
		if err == nil {
			t.Errorf("%q: listens on %v", addr, listener.Addr())
			continue
		}
		if !strings.Contains(err.Error(), fmt.Sprintf("%q", addr)) {
			t.Errorf("%q: %v", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "127.0.0.9:0"} {
		listener, err := gateway.Listen(t.Context(), addr)
		if err != nil {
			t.Errorf("%q: %v", addr, err)
			continue
		}
		if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
			t.Errorf("%q: listens on %v", addr, listener.Addr())
		}
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestServerOnTheWire asks a real server with bytes that no client library would send.
func TestServerOnTheWire(t *testing.T) {
	g := newGate(t)
	listener, err := gateway.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := gateway.NewServer(slog.New(slog.DiscardHandler), g.handler)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	host := listener.Addr().String()
	as := "\r\nAuthorization: Bearer " + g.as + "\r\n"
	for name, c := range map[string]struct {
		request string
		code    int
	}{
		"plain":                {"GET /v1/units HTTP/1.1\r\nHost: " + host + as + "\r\n", http.StatusOK},
		"absolute":             {"GET http://" + host + "/v1/units HTTP/1.1\r\nHost: " + host + as + "\r\n", http.StatusOK},
		"absolute and foreign": {"GET http://attacker.example/v1/units HTTP/1.1\r\nHost: " + host + "\r\n\r\n", http.StatusMisdirectedRequest},
		"dots":                 {"GET /v1/units/../intakes HTTP/1.1\r\nHost: " + host + "\r\n\r\n", http.StatusBadRequest},
		"double slash":         {"GET //" + host + "/v1/units HTTP/1.1\r\nHost: " + host + "\r\n\r\n", http.StatusBadRequest},
		"no host":              {"GET /v1/units HTTP/1.1\r\n\r\n", http.StatusBadRequest},
		"old without host":     {"GET /v1/units HTTP/1.0\r\n\r\n", http.StatusMisdirectedRequest},
		"large header":         {"GET /v1/units HTTP/1.1\r\nHost: " + host + "\r\nX-Large: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
		"large body, chunked":  {"POST /v1/units HTTP/1.1\r\nHost: " + host + as + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", 0x200000) + "\r\n0\r\n\r\n", http.StatusRequestEntityTooLarge},
		"two lengths":          {"POST /v1/units HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			if got := raw(t, host, c.request); got != c.code {
				t.Errorf("%d, want %d", got, c.code)
			}
		})
	}
}

// raw sends bytes and returns the answer's status.
func raw(t *testing.T, addr, request string) int {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		// The server may answer and close before it has read all.
		if _, err := io.WriteString(conn, request); err != nil {
			t.Logf("write: %v", err)
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Logf("close: %v", err)
	}
	return res.StatusCode
}
