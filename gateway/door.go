package gateway

import (
	"net/http"

	"google.golang.org/protobuf/reflect/protoreflect"

	"coso/services/platform/limit"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
	"coso/gateway/internal/source"
)

// costOfProof is what it costs an address to show a token that proves nothing: checking a signature, or looking one up.
const costOfProof = 5

// door is where requests come in: who sends them, and whether it is not too much.
type door struct {
	desk   *caller.Desk
	limits *limit.Limiter
}

func newDoor(o Options) *door {
	d := &door{limits: limit.New(o.Limits.whole(), o.Clock)}
	d.desk = caller.New(caller.Options{
		Tokens: o.Tokens, Identity: o.Identity, Now: o.Clock, Proxy: exchange.Proxy(o.TrustForwarded), Doubt: d.doubt,
	})
	return d
}

// from is the address of a request, as it is counted.
func from(r *http.Request) limit.Who {
	return limit.Address(source.Network(exchange.Of(r.Context()).Source))
}

// doubt counts by address what may prove nobody, before it is looked at.
func (d *door) doubt(r *http.Request) (settle func(proved bool), err error) {
	return d.limits.Doubt(from(r), costOfProof)
}

// enter lets a request for a method in.
func (d *door) enter(r *http.Request, m *caller.Method) (leave func(), err error) {
	c := caller.Of(r.Context())
	if err := d.desk.Admit(c, m); err != nil {
		return nil, err
	}
	if c == nil { // for what is public
		return func() {}, d.strange(r, m.Cost)
	}
	return d.let(c, m.Cost)
}

// let counts what a caller asks.
func (d *door) let(c *caller.Caller, cost int) (leave func(), err error) {
	return d.limits.Enter(limit.Principal(c.Claims.Principal), cost)
}

// strange counts by address what nobody answers for by name.
func (d *door) strange(r *http.Request, cost int) error {
	return d.limits.Take(from(r), cost)
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
		leave, err := d.limits.Listen(limit.Principal(caller.Of(r.Context()).Claims.Principal), m.Cost)
		if err != nil {
			exchange.Refuse(w, r, err)
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
	return d.desk.Listening(m, counted, exchange.Refuse), nil
}
