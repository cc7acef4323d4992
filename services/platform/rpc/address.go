package rpc

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// Loopback answers nil for an address, `host:port`, that only this machine has. Otherwise it says what is wrong:
// ErrNotLoopback for another machine's, something else for what is no address. ctx bounds looking up the host.
func Loopback(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address, host:port: %w", addr, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q is no address, host:port: the port is no number up to 65535", addr)
	}
	if host == "" {
		return fmt.Errorf("%q: %w", addr, ErrNotLoopback)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("%q: %w", addr, err)
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return fmt.Errorf("%q: %w", addr, ErrNotLoopback)
		}
	}
	return nil
}

// Listen opens addr for this machine alone; port 0 is any free one. Its errors are those of Loopback, and the system's.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	if err := Loopback(ctx, addr); err != nil {
		return nil, fmt.Errorf("listen on %w", err)
	}
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	return lis, nil
}
