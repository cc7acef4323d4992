package gateway

import (
	"net/http"

	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/fault"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/limit"
)

// Limits are how much one caller may ask of the gateway.
type Limits = limit.Limits

// costOfRefusal is what it costs an address to show a token that proves nothing: checking a signature.
const costOfRefusal = 5

// door is where requests come in: who sends them, and whether it is not too much.
type door struct {
	desk   *caller.Desk
	limits *limit.Limiter
}

func newDoor(o Options) *door {
	return &door{
		desk: caller.New(caller.Options{
			Tokens: o.Tokens, Identity: o.Identity, Now: o.Clock, Proxy: exchange.Proxy(o.TrustForwarded),
		}),
		limits: limit.New(o.Limits, o.Clock),
	}
}

// enter lets a request for a method in.
func (d *door) enter(w http.ResponseWriter, r *http.Request, m *caller.Method) (leave func(), err error) {
	c := caller.Of(r.Context())
	if err := d.desk.Admit(c, m); err != nil {
		return nil, err
	}
	if c == nil { // for what is public
		return func() {}, d.limits.Stranger(w, exchange.Of(r.Context()).Source, m.Cost)
	}
	return d.let(w, c, m.Cost)
}

// let counts what a caller asks.
func (d *door) let(w http.ResponseWriter, c *caller.Caller, cost int) (leave func(), err error) {
	return d.limits.Enter(w, c.Claims.Principal, cost)
}

// refuse refuses whoever proves nothing, and counts it against the address: checking costs something.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if fault.KindOf(err) == fault.KindUnauthenticated {
		if much := d.limits.Stranger(w, exchange.Of(r.Context()).Source, costOfRefusal); much != nil {
			err = much
		}
	}
	exchange.Refuse(w, r, err)
}

// watchEvents is the method behind streams of events.
const watchEvents = protoreflect.FullName("coso.feed.v1.EventService.WatchEvents")

// listening lets those in who may listen to events: by a token, or by the session of a browser, whose streams bear no headers.
func (d *door) listening(next http.Handler) (http.Handler, error) {
	m, err := caller.Named(watchEvents)
	if err != nil {
		return nil, err
	}
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, err := d.limits.Listen(w, caller.Of(r.Context()).Claims.Principal, m.Cost)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
	return d.desk.Listening(m, counted, d.refuse), nil
}
