package exchange

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	forwardedProto = "X-Forwarded-Proto"
	forwardedFor   = "X-Forwarded-For"
)

// Proxy says whether a proxy before the gateway is believed: that its client came by TLS, and from which address.
type Proxy bool

// Secure reports whether a request came by TLS, to this server or to a proxy that is believed.
func (p Proxy) Secure(r *http.Request) bool {
	return r.TLS != nil || bool(p) && strings.EqualFold(r.Header.Get(forwardedProto), "https")
}

// source is the address that a request comes from. Of a proxy's X-Forwarded-For only the last address counts, which the proxy
// itself has put there: those before it are what its client has said, and may be any. A proxy that says none is the source
// itself. InvalidArgument (HEADER_INVALID) for one that is no address: who comes is then not known, and must not be counted as
// somebody else.
func (p Proxy) source(r *http.Request) (string, error) {
	lines := r.Header[forwardedFor]
	if !p || len(lines) == 0 {
		return hostOf(r.RemoteAddr), nil
	}
	line := lines[len(lines)-1]
	last := strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:])
	at, err := netip.ParseAddr(last)
	if err != nil { // some proxies say the port too
		var with netip.AddrPort
		if with, err = netip.ParseAddrPort(last); err == nil {
			at = with.Addr()
		}
	}
	if err != nil {
		return hostOf(r.RemoteAddr), fault.InvalidArgument(faultpb.Reason_REASON_HEADER_INVALID, forwardedFor, "value", strings.ToValidUTF8(last, "?"))
	}
	return at.Unmap().WithZone("").String(), nil
}

func hostOf(remote string) string {
	address, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return address
}
