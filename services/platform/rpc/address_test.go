package rpc_test

import (
	"errors"
	"strings"
	"testing"

	"coso/services/platform/rpc"
)

func TestLoopback(t *testing.T) { // INV-RPC-LOOPBACK
	for addr, want := range map[string]string{
		"127.0.0.1:8101":   "",
		"[::1]:0":          "",
		"127.8.9.10:65535": "",
		"0.0.0.0:8101":     "only loopback",
		":8101":            "only loopback",
		"192.0.2.1:8101":   "only loopback",
		"127.0.0.1":        "no address, host:port",
		"127.0.0.1:70000":  "no number up to 65535",
		"127.0.0.1:http":   "no number up to 65535",
		"":                 "no address, host:port",
	} {
		err := rpc.Loopback(t.Context(), addr)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", addr, err, want)
		}
		if strings.Contains(want, "loopback") {
			if _, err := rpc.Listen(t.Context(), addr); !errors.Is(err, rpc.ErrNotLoopback) {
				t.Errorf("listen on %q: %v", addr, err)
			}
			if _, err := rpc.Dial(t.Context(), addr); !errors.Is(err, rpc.ErrNotLoopback) {
				t.Errorf("dial %q: %v", addr, err)
			}
		}
	}
}
