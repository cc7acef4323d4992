package rpc

import (
	"context"
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/limit"
)

// Limits are how much one principal may ask of a service; zero ones have their defaults. A process that asks on its own account
// may ask ten times as much, and so may all together who are nobody. The defaults are far above what the gateway lets one
// caller ask, whose pages make many calls for each request.
type Limits struct {
	Rate    int `name:"rate" help:"What one caller may ask in a second: a look-up costs 1, a list or a change 5, a password 20, and 20 rows read 1; a process has ten times as much." default:"10000"`
	Burst   int `name:"rate-burst" help:"What one caller may ask at once before the rate counts." default:"100000"`
	AtOnce  int `name:"at-once" help:"How many calls of one caller may be under way, beside streams." default:"1024"`
	Streams int `name:"streams" help:"How many streams one caller may hear." default:"64"`
}

// usual are the defaults, as the settings have them.
var usual = limit.Limits{Rate: 10_000, Burst: 100_000, AtOnce: 1024, Streams: 64} //nolint:gochecknoglobals // a constant

var errLimits = errors.New("--rate, --rate-burst, --at-once and --streams are at least 1, 100, 1 and 1")

// Check answers what is wrong with the limits.
func (l Limits) Check() error {
	if !l.whole().Good() {
		return errLimits
	}
	return nil
}

// whole are the limits with the defaults.
func (l Limits) whole() limit.Limits { return limit.Limits(l).Or(usual) }

// limitCaller counts what a caller asks, refuses what is too much, and charges what the call has read (INV-RPC-LIMITED). The
// health service is not counted: whoever watches over the process must hear from it.
func (s *Server) limitCaller(ctx context.Context, c *call, next func(context.Context) error) error {
	if c.service == healthService {
		return next(ctx)
	}
	c.who = counted(c.principal)
	enter := s.limiter.Enter
	if c.stream {
		enter = s.limiter.Listen
	}
	leave, err := enter(c.who, c.cost)
	if err != nil {
		return err
	}
	defer leave()
	err = next(ctx)
	if c.recorder != nil && !c.stream {
		read, _ := limit.CostOfRows(c.recorder.Rows())
		s.limiter.Charge(c.who, read-c.cost)
	}
	return err
}

// counted is as whom a caller is counted: services, the operator, and those who are nobody, for whom the gateway counts
// addresses, as processes.
func counted(p access.Principal) limit.Who {
	if p.IsZero() || p.IsService() || p.Name == access.Operator {
		return limit.Process(p.Name)
	}
	return limit.Principal(p.Name)
}

// pace lets a stream go on when what it has read is paid. It belongs to the goroutine that sends.
func (s *Server) pace(ctx context.Context, c *call) error {
	if c.recorder == nil {
		return nil
	}
	rows := c.recorder.Rows()
	cost, rest := limit.CostOfRows(rows - c.paid)
	c.paid = rows - rest
	return s.limiter.Pace(ctx, c.who, cost)
}

// costOf is what a call of a method costs; 1 for methods of which the contract does not tell.
func costOf(service, name string) int {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + name))
	if m, ok := found.(protoreflect.MethodDescriptor); ok && err == nil {
		return limit.Cost(m)
	}
	return limit.CostOfRead
}
