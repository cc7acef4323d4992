package rpc_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"coso/services/platform/mtls"
)

// knocks opens a connection and says nothing.
func knocks(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// hungUp reports whether the other side has hung up within a time.
func hungUp(t *testing.T, conn net.Conn, within time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Read(make([]byte, 1))
	if err == nil {
		t.Fatal("it speaks first")
	}
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// INV-RPC-CONNECTIONS: who opens connections and proves nothing takes so many places, and nobody else's: those who have proved who
// they are go on, and others come from elsewhere.
func TestConnectionsThatProveNothing(t *testing.T) {
	dir := issued(t, 0)
	h := answering(t, "registry", "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, "registry", 0, l) }, nil)
	gateway := as(t, dir, "gateway", 0, nil)
	early := dial(t, h.addr, "registry", as(t, dir, "planning", 0, nil))
	asked := func(conn grpc.ClientConnInterface) bool {
		h.caller.Store(nil)
		_ = asks(t.Context(), t, conn) // whatever it answers
		return h.caller.Load() != nil
	}
	if !asked(early) {
		t.Fatal("nobody is heard")
	}
	var idle []net.Conn
	for range 64 {
		idle = append(idle, knocks(t, h.addr))
	}
	eventually(t, "there is no place left", func() bool { return hungUp(t, knocks(t, h.addr), 50*time.Millisecond) })
	if hungUp(t, idle[0], 50*time.Millisecond) {
		t.Error("those who came first were hung up on")
	}
	if !asked(early) {
		t.Error("who has proved to be planning is not heard")
	}
	elsewhere, err := grpc.NewClient("passthrough:///"+h.addr, grpc.WithTransportCredentials(as(t, dir, "membership", 0, nil).Dialling("registry")),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, "tcp", addr)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = elsewhere.Close() }()
	if !asked(elsewhere) {
		t.Error("who comes from elsewhere is not heard")
	}
	for _, conn := range idle {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	again := dial(t, h.addr, "registry", gateway)
	heard := func(conn *grpc.ClientConn) bool {
		return status.Code(asks(t.Context(), t, conn)) == codes.Unauthenticated
	}
	eventually(t, "there is a place again", func() bool { return heard(again) })
	for i := range 100 { // those who have proved who they are leave their places
		if !heard(dial(t, h.addr, "registry", gateway)) {
			t.Fatalf("connection %d is not heard", i)
		}
	}
}

// INV-RPC-CONNECTIONS: a caller has ten seconds to prove who it is.
func TestConnectionsThatSayNothing(t *testing.T) {
	t.Parallel()
	dir := issued(t, 0)
	h := answering(t, "registry", "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, "registry", 0, l) }, nil)
	conn := knocks(t, h.addr)
	begun := time.Now()
	if !hungUp(t, conn, 20*time.Second) || time.Since(begun) < 9*time.Second {
		t.Errorf("after %s", time.Since(begun))
	}
}

// frame is one of HTTP/2.
type frame struct {
	kind, flags byte
	payload     []byte
}

// wire is a connection of the gateway, frame by frame.
type wire struct {
	*testing.T
	*tls.Conn
}

func speak(t *testing.T, addr string, id *mtls.Identity) *wire {
	t.Helper()
	config := id.Calling("registry").Clone()
	config.NextProtos, config.ServerName = []string{"h2"}, "127.0.0.1"
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{T: t, Conn: conn.(*tls.Conn)} //nolint:forcetypeassert // what the dialer answers
	t.Cleanup(func() { _ = w.Close() })
	if err := w.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w.sends(frame{kind: 4})
	return w
}

func (w *wire) sends(f frame) {
	w.Helper()
	head := []byte{0, 0, byte(len(f.payload)), f.kind, f.flags, 0, 0, 0, 0}
	if _, err := w.Write(append(head, f.payload...)); err != nil {
		w.Fatal(err)
	}
}

func (w *wire) hears() frame {
	w.Helper()
	head := make([]byte, 9)
	if _, err := io.ReadFull(w, head); err != nil {
		w.Fatal(err)
	}
	f := frame{kind: head[3], flags: head[4], payload: make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))}
	if _, err := io.ReadFull(w, f.payload); err != nil {
		w.Fatal(err)
	}
	return f
}

// INV-RPC-CONNECTIONS: a connection says how many calls and how large headers it takes, and one that is pinged without end is closed.
func TestWhatAConnectionMay(t *testing.T) {
	dir := issued(t, 0)
	h := answering(t, "registry", "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, "registry", 0, l) }, nil)
	w := speak(t, h.addr, as(t, dir, "gateway", 0, nil))
	settings := map[uint16]uint32{}
	for f := w.hears(); len(settings) == 0; f = w.hears() {
		for p := f.payload; f.kind == 4 && len(p) >= 6; p = p[6:] {
			settings[binary.BigEndian.Uint16(p)] = binary.BigEndian.Uint32(p[2:])
		}
	}
	if settings[3] != 4096 || settings[6] != 64<<10 {
		t.Errorf("%d calls at once, %d bytes of headers: %v", settings[3], settings[6], settings)
	}
	for range 4 {
		w.sends(frame{kind: 6, payload: make([]byte, 8)})
	}
	for f := w.hears(); f.kind != 7; f = w.hears() { // else the connection's deadline ends the test
	}
}
