package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"coso/services/platform/rpc"
)

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8101":        "",
		"[::1]:0":               "",
		"127.8.9.10:65535":      "",
		"localhost:8101":        "",
		"[::ffff:127.0.0.1]:1":  "",
		"0.0.0.0:8101":          "only addresses of this machine",
		":8101":                 "only addresses of this machine",
		"192.0.2.1:8101":        "only addresses of this machine",
		"[::1%lo]:8101":         "only addresses of this machine",
		"coso.example:8101":     "names are not looked up: only addresses of this machine",
		"localhost.example:1":   "names are not looked up: only addresses of this machine",
		"127.0.0.1.example:1":   "names are not looked up: only addresses of this machine",
		"127.0.0.1":             "no address; write host:port, e.g. 127.0.0.1:8080",
		"127.0.0.1:70000":       "no number up to 65535",
		"127.0.0.1:http":        "no number up to 65535",
		"127.0.0.1:":            "no number up to 65535",
		"http://127.0.0.1:8080": "no address; write host:port",
		"":                      "no address; write host:port",
	} {
		err := rpc.Loopback(addr)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", addr, err, want)
		}
		if strings.Contains(want, "this machine") {
			if _, err := rpc.Listen(t.Context(), addr); !errors.Is(err, rpc.ErrNotLoopback) {
				t.Errorf("listen on %q: %v", addr, err)
			}
		}
	}
}

// No resolver is asked, whatever is written: it would be told of the office's machines, and could answer anything.
func TestNamesAreNotLookedUp(t *testing.T) { //nolint:paralleltest // the resolver is the process's
	kept := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = kept })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("a resolver was asked")
		return nil, errors.New("nobody is to ask")
	}}
	for _, addr := range []string{"coso.example:0", "localhost.example:0", "localhost:0"} {
		lis, err := rpc.Listen(t.Context(), addr)
		if (err == nil) != (addr == "localhost:0") {
			t.Errorf("listen on %q: %v", addr, err)
		}
		if lis != nil {
			if err := lis.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestApart(t *testing.T) {
	for _, c := range []struct{ grpc, ops, registry, want string }{
		{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", ""},
		{"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", ""},
		{"127.0.0.1:1", "[::1]:1", "127.0.0.2:1", ""},
		{"nothing", "nothing", "nothing", ""},
		{"127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:3", "--grpc and --ops are both 127.0.0.1:1; give each"},
		{"127.0.0.1:1", "127.0.0.1:2", "localhost:0001", "--grpc and --registry are both 127.0.0.1:1; give each"},
		{"10.0.0.5:1", "10.0.0.5:2", "node-1.internal:1", ""},
		{"127.0.0.1:1", "Node-1.internal:2", "node-1.internal:02", "--ops and --registry are both node-1.internal:2; give each"},
		{"[::ffff:127.0.0.1]:7", "LocalHost:7", "127.0.0.1:3", "--grpc and --ops are both 127.0.0.1:7; give each"},
	} {
		err := rpc.Apart(rpc.Place{Setting: "grpc", Addr: c.grpc}, rpc.Place{Setting: "ops", Addr: c.ops}, rpc.Place{Setting: "registry", Addr: c.registry})
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A port that another program has is named, with what to do.
func TestAPortThatIsTaken(t *testing.T) {
	lis, err := rpc.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lis.Close() }()
	_, port, err := net.SplitHostPort(lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = rpc.Listen(t.Context(), "localhost:"+port)
	want := fmt.Sprintf("another program listens on port %s of %q, perhaps another coso; stop it, or choose another port", port, "localhost:"+port)
	if !errors.Is(err, syscall.EADDRINUSE) || err.Error() != want {
		t.Errorf("says %v, want %s", err, want)
	}
}
