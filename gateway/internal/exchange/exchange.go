// Package exchange is the outermost layer of the gateway: what every HTTP request and its answer have in common. It
// gives each request an id, sets the security headers, answers a panic, and logs once. Refuse is the way in which
// the gateway says no; pages for people do so by Refused.
//
// INV-EXCHANGE-REQUEST-ID: every answer carries X-Request-Id, and it is the id that the services saw.
// INV-EXCHANGE-STATUS-BODY: the body of every refusal, pages' aside, is a google.rpc.Status as JSON, in both languages.
// INV-EXCHANGE-LOG-SILENT: the log holds no path, query, header or body of a request, only the route's pattern.
package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"coso/services/platform/fault"
)

// RequestIDHeader carries the request's id both ways.
const RequestIDHeader = "X-Request-Id"

// maxID bounds an id given by the client.
const maxID = 64

// Exchange is one request on its way. It belongs to the goroutine that serves the request.
type Exchange struct {
	// ID is the client's X-Request-Id if it gave one well-formed id, else a new one.
	ID string
	// Route is the pattern that the request was matched to; empty until then, and for unknown routes.
	Route string
	// Source is the address that the request comes from, without its port: a proxy's where there is one that is not believed.
	Source string
	// Reads: the request changes nothing.
	Reads bool
	// Positioned: the services get the positions that the client sent.
	Positioned bool
	// Plain forbids compressing the answer.
	Plain bool

	refused *fault.Error
}

type key struct{}

// Of returns the exchange of a request that came through Handler, and an empty one for any other.
func Of(ctx context.Context) *Exchange {
	if x, ok := ctx.Value(key{}).(*Exchange); ok {
		return x
	}
	return &Exchange{}
}

// Handler wraps next as the package says; proxy says what is believed of a request's way here. A panic of next becomes an Internal refusal; where the answer has begun, the
// connection is cut instead, so that a torn answer is not taken for a whole one.
func Handler(log *slog.Logger, proxy Proxy, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		source, unknown := proxy.source(r)
		x := &Exchange{ID: idOf(r), Source: source, Reads: r.Method == http.MethodGet || r.Method == http.MethodHead}
		r = r.WithContext(context.WithValue(r.Context(), key{}, x))
		a := &answer{ResponseWriter: w}
		dress(w.Header(), proxy.Secure(r))
		w.Header()[RequestIDHeader] = []string{x.ID}

		torn := false
		if unknown != nil {
			Refuse(a, r, unknown)
		} else {
			torn = serve(a, r, next)
		}
		x.log(r, log, a.code(), time.Since(begun))
		if torn {
			panic(http.ErrAbortHandler)
		}
	})
}

// serve calls next and reports whether its answer was torn.
func serve(a *answer, r *http.Request, next http.Handler) (torn bool) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		err := panicked(cause)
		if torn = a.begun(); torn {
			Of(r.Context()).refused = err
			return
		}
		Refuse(a, r, err)
	}()
	next.ServeHTTP(a, r)
	return false
}

func panicked(cause any) *fault.Error {
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return fault.Internal(err)
	}
	return fault.Internal(fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
}

// idOf takes over a well-formed id and replaces any other: an id is for finding a request in the log, so a bad one is no
// reason to refuse.
func idOf(r *http.Request) string {
	given := r.Header[RequestIDHeader]
	if len(given) == 1 && given[0] != "" && len(given[0]) <= maxID && !strings.ContainsFunc(given[0], foreign) {
		return given[0]
	}
	return rand.Text()
}

// foreign reports whether an id cannot have a character.
func foreign(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("._-", c)
}

// The values of the headers that hold for JSON answers: made once, never changed.
//
//nolint:gochecknoglobals // constants, if Go had slices of them
var (
	noStore    = []string{"no-store"}
	nothing    = []string{"default-src 'none'; frame-ancestors 'none'"}
	sameOrigin = []string{"same-origin"}
	noSniff    = []string{"nosniff"}
	byTLS      = []string{"max-age=31536000"}
)

// dress sets what holds for JSON answers; pages for people replace the policies they need to. A browser that came by TLS is
// told to come by nothing else.
func dress(h http.Header, tls bool) {
	if tls {
		h["Strict-Transport-Security"] = byTLS
	}
	h["Cache-Control"] = noStore
	h["Content-Security-Policy"] = nothing
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	h["Referrer-Policy"] = sameOrigin // with less, a browser sends our own forms with the Origin null
	h["X-Content-Type-Options"] = noSniff
}

// log writes the request's one line. Only the gateway's and the services' own failures bring their cause: the cause of a
// refusal may repeat what the client sent.
func (x *Exchange) log(r *http.Request, log *slog.Logger, code int, took time.Duration) {
	level := slog.LevelInfo
	if x.refused != nil && code >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method),
		slog.String("route", x.Route),
		slog.Int("status", code),
		slog.Duration("duration", took),
		slog.String("request_id", x.ID),
	}
	if x.refused != nil {
		attrs = append(attrs, slog.String("reason", x.refused.Reason.String()))
	}
	if level == slog.LevelError {
		attrs = append(attrs, slog.String("error", x.refused.Error()))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}
