// Package position remembers how far each caller has seen the services' journals. A service in several replicas is asked at one and
// then at another, which may be behind; so every call says what its caller has seen, and the replica answers when it has come as far.
//
// What is remembered is the gateway's own, in memory: another gateway, or this one after a start, knows nothing of it. A client
// that sends `coso-position` keeps its positions itself, and they count alone.
//
// INV-POSITION-FORWARD: who is known reads what they wrote, and what they have seen come of it, whichever service answers, and of a
// service never an older state than before.
// INV-POSITION-OWN: nobody is refused for a position that they did not send.
// INV-POSITION-BOUNDED: a bounded number of callers is remembered, those who asked last.
package position

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

const (
	// most is how many callers are remembered for certain; of those before them as many again.
	most = 8192
	// rest is how long nothing is said for a caller after a service could not reach what it had seen: nobody waits at every call for
	// what does not come.
	rest = 10 * time.Second
	// patience is how long a read may take that waits for what its caller wrote elsewhere: as long as a service waits, and then reads.
	patience = 10 * time.Second
)

// Memory is what is remembered. It is safe for concurrent use.
type Memory struct {
	now      func() time.Time
	patience time.Duration

	mu sync.Mutex
	// lately are those who have asked since as many others did, before those of the time before that.
	lately, before map[string]*sight
}

// sight is how far one caller has seen: in the journal of each service, and in each since they first wrote anywhere. Who only reads
// has nothing of their own to see, and need not wait in one service for what others write in another.
type sight struct {
	seen, since []store.Position
	// services are those who were asked, by name.
	services map[string]*service
	// rests is until when none of them is told anything.
	rests time.Time
}

// service is what is known of a service beside its place: most calls change nothing, and cost nothing then.
type service struct {
	// told is what it is told; empty: nothing, or it must be put together anew.
	told told
	// read and wrote are what it said last where nothing was changed, and where something was.
	read, wrote word
}

// word is what a service says of its journal with an answer: the last event, which others hear of too, and the last entry.
type word struct{ event, entry string }

// told is what a service must have reached, as the header has it; elsewhere: that is a place in another one's journal, too.
type told struct {
	positions string
	elsewhere bool
}

func (s *sight) service(name string) *service {
	out := s.services[name]
	if out == nil {
		out = &service{}
		s.services[name] = out
	}
	return out
}

// New returns a memory without anybody. Now is its clock.
func New(now func() time.Time) *Memory {
	return &Memory{now: now, patience: patience, lately: map[string]*sight{}}
}

// Over is the way to a service, by name, on which calls on behalf of somebody say what they have seen, and what is answered is
// remembered. Other calls, and streams, go as they are.
func (m *Memory) Over(service string, conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	return way{conn, m, service}
}

type way struct {
	grpc.ClientConnInterface

	memory  *Memory
	service string
}

// Invoke makes a call. Where what is remembered stands in its way, it is made again without.
func (w way) Invoke(ctx context.Context, method string, req, answer any, options ...grpc.CallOption) error {
	c := caller.Of(ctx)
	if c == nil {
		return w.ClientConnInterface.Invoke(ctx, method, req, answer, options...)
	}
	who := c.Claims.Principal
	var said metadata.MD
	options = append(slices.Clip(options), grpc.Header(&said))
	x := exchange.Of(ctx)
	var known told
	if !x.Positioned {
		known = w.memory.known(who, w.service)
	}
	bounded := x.Reads && known.elsewhere
	err := w.invoke(ctx, known.positions, bounded, method, req, answer, options)
	if err != nil && ctx.Err() == nil && known.positions != "" && w.memory.inTheWay(who, bounded, err) {
		err = w.ClientConnInterface.Invoke(ctx, method, req, answer, options...)
	}
	// A refusal that rests on what is there says where that is, too; others say nothing.
	at := word{strings.Join(said.Get(rpc.PositionHeader), ","), strings.Join(said.Get(rpc.SeenHeader), ",")}
	w.memory.note(who, w.service, at, x.Reads)
	return err
}

// invoke makes a call with positions, if there are any; bounded: it is given up in time to be made again without.
func (w way) invoke(ctx context.Context, positions string, bounded bool, method string, req, answer any, options []grpc.CallOption) error {
	if positions != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.PositionHeader, positions)
	}
	if bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.memory.patience)
		defer cancel()
	}
	return w.ClientConnInterface.Invoke(ctx, method, req, answer, options...)
}

// known is what a service must have reached before it answers a caller, as the header has it: of its own journal all that they
// have seen, of the others, which it follows with a delay, what they have seen since they wrote.
func (m *Memory) known(who, name string) told {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.of(who)
	if s == nil || !s.rests.IsZero() && m.now().Before(s.rests) {
		return told{}
	}
	of := s.service(name)
	if of.told.positions == "" {
		var out []store.Position
		for _, p := range s.seen {
			if p.Service == name {
				out = append(out, p)
			}
		}
		for _, p := range s.since {
			if p.Service != name {
				out = append(out, p)
				of.told.elsewhere = true
			}
		}
		of.told.positions = store.FormatPositions(out)
	}
	return of.told
}

// of is what is remembered of a caller, who counts as one who has asked lately from now on; nil: nothing.
func (m *Memory) of(who string) *sight {
	s := m.lately[who]
	if s == nil {
		if s = m.before[who]; s != nil {
			m.keep(who, s)
		}
	}
	return s
}

func (m *Memory) keep(who string, s *sight) {
	if len(m.lately) == most {
		m.before, m.lately = m.lately, map[string]*sight{}
	}
	m.lately[who] = s
}

// note remembers what a service said to a caller; reads: they changed nothing. What is no position is passed over: the service has
// said something else than this gateway understands.
func (m *Memory) note(who, name string, said word, reads bool) {
	if said == (word{}) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.of(who)
	if s == nil {
		s = &sight{services: map[string]*service{}}
		m.keep(who, s)
	}
	of := s.service(name)
	last := &of.read
	if !reads {
		last = &of.wrote
	}
	if *last == said {
		return
	}
	*last = said
	events, err := store.ParsePositions(said.event)
	if err == nil && (!reads || len(s.since) > 0) {
		s.since = store.MergePositions(s.since, events...)
	}
	if err == nil {
		s.seen = store.MergePositions(s.seen, events...)
	}
	if entry, err := store.ParsePositions(said.entry); err == nil {
		s.seen = store.MergePositions(s.seen, entry...)
	}
	for _, other := range s.services {
		other.told = told{}
	}
}

// inTheWay reports whether a call was refused for what was remembered of its caller, before anything came of it; bounded: or was given
// up. A journal that is gone, after a restore, is forgotten; one that does not come is not waited for during a rest.
func (m *Memory) inTheWay(who string, bounded bool, err error) bool {
	f := fault.From(fault.FromStatus(status.Convert(err)))
	late := f.Reason == faultpb.Reason_REASON_POSITION_NOT_REACHED || bounded && f.Kind == fault.KindDeadlineExceeded
	gone := f.Reason == faultpb.Reason_REASON_INCARNATION_FOREIGN || f.Reason == faultpb.Reason_REASON_POSITION_INVALID
	if !late && !gone {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.of(who); late && s != nil {
		s.rests = m.now().Add(rest)
	}
	if gone {
		delete(m.lately, who)
		delete(m.before, who)
	}
	return true
}
