package transcode

import (
	"net/http"
	"strings"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

// positionHeader carries how far a client has seen the journals, both ways.
const positionHeader = "Coso-Position"

// ageHeader says that an answer may rest on copies of another service's data that are older than they should be.
const ageHeader = "Coso-Copy-Age"

// sourceHeader tells a service from which address a change comes; the gateway says so itself, and no client.
const sourceHeader = "Coso-Source"

// tokenHeader is who calls, as it was proved. The library sends it on by itself, whatever the matcher says.
const tokenHeader = "Authorization"

// answered are the headers of a service that come back.
var answered = []string{positionHeader, ageHeader}

// forwarded are the headers, in canonical form, that reach a service, as metadata of the same name in lower case.
var forwarded = []string{"Accept-Language", positionHeader, "Traceparent", exchange.RequestIDHeader}

// inbound returns the headers the generated handlers may see: the forwarded ones, who calls, and Content-Type. The rest
// is dropped here and not only by the matcher, because the library gives some a meaning of its own (Grpc-Timeout,
// X-Forwarded-For, TE).
func inbound(r *http.Request) (http.Header, error) {
	h := make(http.Header, len(forwarded)+1)
	if kind := r.Header["Content-Type"]; len(kind) > 0 {
		h["Content-Type"] = kind
	}
	for _, name := range forwarded {
		if values := r.Header[name]; len(values) > 0 {
			h[name] = values
		}
	}
	if c := caller.Of(r.Context()); c != nil {
		h[tokenHeader] = []string{c.Bearer()}
	}
	if !isRead(r.Method) {
		h[sourceHeader] = []string{exchange.Of(r.Context()).Source}
	}
	h[exchange.RequestIDHeader] = []string{exchange.Of(r.Context()).ID}
	if positions := h[positionHeader]; len(positions) > 0 {
		joined := strings.Join(positions, ",")
		// The library would leave out what metadata cannot carry, and the read would not wait.
		if strings.ContainsFunc(joined, func(c rune) bool { return c < ' ' || c > '~' }) {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_POSITION_INVALID, "coso-position", "value", joined)
		}
		h[positionHeader] = []string{joined}
		exchange.Of(r.Context()).Positioned = true
	}
	return h, nil
}

// forward is the mux's matcher for incoming headers.
func forward(name string) (string, bool) {
	if strings.EqualFold(name, sourceHeader) {
		return strings.ToLower(sourceHeader), true
	}
	for _, f := range forwarded {
		if strings.EqualFold(f, name) {
			return strings.ToLower(f), true
		}
	}
	return "", false
}

// answerHeader is the mux's matcher for a service's headers.
func answerHeader(name string) (string, bool) {
	for _, a := range answered {
		if strings.EqualFold(a, name) {
			return a, true
		}
	}
	return "", false
}
