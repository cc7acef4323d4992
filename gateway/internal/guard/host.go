// Package guard turns away, before anything else looks at a request, what no honest client of this gateway sends: a
// foreign Host (DNS rebinding), a foreign Origin (a web page driving an office's browser), and paths that other layers
// might read differently.
//
// INV-GUARD-HOST: only loopback names and the configured hosts are answered for.
// INV-GUARD-ORIGIN: no other origin's page reaches a handler, of the same host in clear text neither, but for the browser that comes back from signing in elsewhere.
// INV-GUARD-PATH: a path reaches a handler only if it has one reading.
// INV-GUARD-CHUNKS: a request whose body comes in chunks is the last of its connection. It may have told a length as well,
// by which a proxy before us has cut it; what that proxy took for its body must not be read as the next request (RFC 9112,
// 6.1). The server leaves no trace of the length, so all such requests are treated alike.
package guard

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/exchange"
)

// Options are what the guard goes by.
type Options struct {
	// Hosts are the names, without port, that count beside the loopback ones (localhost, 127.0.0.0/8, ::1); any port is
	// accepted.
	Hosts []string
	// Returns is the path to which another site may send a browser: where one comes back from signing in there.
	Returns string
	// Secure reports whether a request came by TLS.
	Secure func(r *http.Request) bool
}

// Handler passes on only requests that may be answered. A foreign Host is refused with 421, a foreign Origin
// with 403, a path of more than one reading with 400; the last, which a reader may have typed, by refuse.
func Handler(o Options, refuse func(http.ResponseWriter, *http.Request, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		switch {
		case !answersFor(o.Hosts, r.Host):
			err := fault.PermissionDenied(faultpb.Reason_REASON_FOREIGN_HOST, "", "value", r.Host)
			exchange.Refuse(w, r, exchange.WithCode(http.StatusMisdirectedRequest, err))
		case !o.sameOrigin(r) && !o.returns(r):
			exchange.Refuse(w, r, fault.PermissionDenied(faultpb.Reason_REASON_FOREIGN_ORIGIN, "", "value", originOf(r)))
		case !plainPath(r.URL):
			refuse(w, r, fault.InvalidArgument(faultpb.Reason_REASON_PATH_INVALID, "", "value", r.URL.EscapedPath()))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answersFor(hosts []string, host string) bool {
	u := url.URL{Host: host}
	name := strings.ToLower(u.Hostname())
	if name == "localhost" || slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return name != ""
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.IsLoopback()
}

// returns accepts a browser that another site sends back: the whole window, by GET, and to that path alone.
func (o Options) returns(r *http.Request) bool {
	return o.Returns != "" && r.URL.Path == o.Returns && r.Method == http.MethodGet && len(r.Header["Origin"]) == 0 &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// sameOrigin accepts requests that no web page sent and those of this server's own pages. A request that came by TLS was not sent by
// a page that came in clear text, which anybody on the way could have changed; of one in clear text it is not known whether a
// proxy before this server took TLS.
func (o Options) sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return false
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	if err != nil || len(origins) > 1 || u.Host == "" || u.Scheme+"://"+u.Host != origins[0] {
		return false
	}
	var port string
	switch u.Scheme {
	case "http":
		if o.Secure(r) {
			return false
		}
		port = ":80"
	case "https":
		port = ":443"
	default:
		return false
	}
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(r.Host, port))
}

func originOf(r *http.Request) string {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		return strings.Join(origins, ", ")
	}
	return r.Header.Get("Sec-Fetch-Site")
}
