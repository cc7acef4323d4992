package run_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"coso/services/platform/run"
)

// A client that does not send what it announced is cut, and the stop is an orderly one; a request that ends in time is
// answered.
func TestWebStops(t *testing.T) {
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = r.Body.Read(make([]byte, 1))
			return
		}
		w.WriteHeader(http.StatusOK)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-release
	})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	up := make(chan struct{})
	go func() {
		ended <- run.All(ctx, slog.New(slog.DiscardHandler), run.Web("web", slog.New(slog.DiscardHandler), server, lis, func() { close(up) }))
	}()
	<-up
	first := func(request string) (*bufio.Reader, string) {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", lis.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return in, line
	}
	if _, line := first("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"); !strings.Contains(line, "100") {
		t.Fatalf("the server says %q", line)
	}
	in, line := first("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.Contains(line, "200") {
		t.Fatalf("the server says %q", line)
	}
	begun := time.Now()
	stop()
	close(release)
	for err = nil; err == nil; {
		_, err = in.ReadString('\n')
	}
	if err.Error() != "EOF" {
		t.Errorf("the answer under way ended with %v", err)
	}
	if err := <-ended; err != nil || time.Since(begun) > run.StopLimit {
		t.Errorf("after %s it stopped with %v", time.Since(begun), err)
	}
}
