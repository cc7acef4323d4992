package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// ErrNotLoopback says that an address can be reached from, or is on, another machine, where only this one's are used: nobody
// proves there who he is, or he does so in clear text.
var ErrNotLoopback = errors.New("only addresses of this machine are used: 127.0.0.1, [::1] or localhost")

// localhost is the one host that has a name; it is 127.0.0.1, whatever a resolver would say.
const localhost = "localhost"

// Loopback answers nil for an address, `host:port`, that only this machine has. Otherwise it says what is wrong:
// ErrNotLoopback for another machine's and for a host's name, which is never looked up; something else for what is no
// address.
func Loopback(addr string) error {
	_, err := literal(addr)
	return err
}

// Address answers nil for an address at which a process answers others, or calls them: any `host:port`, also with the name of
// a machine, which is looked up. Otherwise it says what is wrong.
func Address(addr string) error {
	_, _, err := split(addr)
	return err
}

// split is an address in its parts.
func split(addr string) (host string, port uint16, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address; write host:port, e.g. 127.0.0.1:8080", addr)
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is no address, host:port: the port is no number up to 65535", addr)
	}
	return host, uint16(number), nil
}

// literal is an address as the system takes it, without a name.
func literal(addr string) (netip.AddrPort, error) {
	none := netip.AddrPort{}
	host, port, err := split(addr)
	if err != nil {
		return none, err
	}
	if strings.EqualFold(host, localhost) {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && host != "" {
		return none, fmt.Errorf("%q has the name of a machine, and names are not looked up: %w", addr, ErrNotLoopback)
	}
	if !ip.IsValid() || ip.Zone() != "" || !ip.Unmap().IsLoopback() {
		return none, fmt.Errorf("%q: %w", addr, ErrNotLoopback)
	}
	return netip.AddrPortFrom(ip.Unmap(), port), nil
}

// Place is an address that a setting names: one at which the process listens, or one that it calls.
type Place struct{ Setting, Addr string }

// Apart names every pair of settings with the same address: of two that listen the second would find its port taken, and
// a process that called itself, or one neighbour for another, would be answered by the wrong one. Port 0, any free one, is
// nobody else's; what is no address is left to Loopback.
func Apart(places ...Place) error {
	var wrong []error
	for i, a := range places {
		at := same(a.Addr)
		if at == "" {
			continue
		}
		for _, b := range places[:i] {
			if same(b.Addr) == at && b.Setting != a.Setting {
				wrong = append(wrong, fmt.Errorf("--%s and --%s are both %s; give each an address of its own", b.Setting, a.Setting, at))
			}
		}
	}
	return errors.Join(wrong...)
}

// same is an address in the one way in which it is compared; empty for what is no address, or any free one.
func same(addr string) string {
	if at, err := literal(addr); err == nil {
		if at.Port() == 0 {
			return ""
		}
		return at.String()
	}
	host, port, err := split(addr)
	if err != nil || port == 0 {
		return ""
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.Itoa(int(port)))
}

// Listen opens addr for this machine alone; port 0 is any free one. Its errors are those of Loopback, and the system's, with
// what to do about a port that another program has.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	at, err := literal(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %w", err)
	}
	return listen(ctx, addr, at.String(), at.Port())
}

// ListenNetwork opens any addr for a server that asks everybody who connects for a certificate (Options.TLS). Its errors are those
// of Address, and the system's as Listen has them.
func ListenNetwork(ctx context.Context, addr string) (net.Listener, error) {
	_, port, err := split(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %w", err)
	}
	return listen(ctx, addr, addr, port)
}

// listen opens an address that was written as addr.
func listen(ctx context.Context, addr, at string, port uint16) (net.Listener, error) {
	lis, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, taken{port: port, addr: addr}
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this user may not listen on port %d of %q; choose one from 1024 up", port, addr)
	case err != nil:
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	return lis, nil
}

// taken is the error of a port that another program has; it is syscall.EADDRINUSE.
type taken struct {
	port uint16
	addr string
}

func (t taken) Error() string {
	return fmt.Sprintf("another program listens on port %d of %q, perhaps another coso; stop it, or choose another port", t.port, t.addr)
}

func (t taken) Unwrap() error { return syscall.EADDRINUSE }
