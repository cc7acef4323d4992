package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/civil"
	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	accesspb "coso/proto/gen/coso/access/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// maxGroup bounds how many commands become one entry.
const maxGroup = 512

// maxAhead is how far the journal's last moment may lie ahead of the clock before writing stops.
const maxAhead = 5 * time.Minute

// call is one waiting Update.
type call struct {
	ctx         context.Context //nolint:containedctx // carried from the caller to the committer
	principal   access.Principal
	method      string
	declared    accesspb.Permission
	requestID   string
	fingerprint []byte
	traceparent string
	// rehearsal: the command is judged and has no effect.
	rehearsal bool
	// answer makes an empty answer, for replays.
	answer func() proto.Message
	run    func(*Tx) (proto.Message, error)
	done   chan outcome

	// mu is held while the closure runs.
	mu sync.Mutex
	// gone: the caller has left, the closure will not run any more.
	gone bool
	// entered: the command is part of an entry that is, or will be, offered to the log.
	entered bool
}

// outcome is what an Update answers.
type outcome struct {
	answer proto.Message
	err    error
	// position is what the caller can wait for elsewhere to see no older state than the command met, refused or not; last is the
	// end of the journal then. Both are 0 for a command that nobody has judged.
	position, last uint64
}

// group is the commands that become one entry.
type group struct {
	head *journalpb.Head
	at   time.Time
	over *overlay
	gaps gaps
	// entry is what the commands became, next the state after it, not yet published.
	entry    []byte
	next     *version
	commands []*journalpb.Command
	once     map[string]*journalpb.Once
	size     int
	// waiting: somebody waits for the outcome.
	waiting  bool
	calls    []*call
	outcomes []outcome
}

// commitLoop is the committer: the only goroutine that runs closures and applies entries.
func (s *Store) commitLoop() {
	defer close(s.stopped)
	var left []*call
	for {
		if len(left) == 0 {
			select {
			case c := <-s.queue:
				left = append(left, c)
			case t := <-s.tailed:
				t.taken <- s.takeTailed(t.Placed)
				continue
			case <-s.stop:
				s.refuseQueued()
				return
			}
		}
		left = s.gather(left)
		left = s.commit(left)
	}
}

// gather takes what waits, up to a group.
func (s *Store) gather(calls []*call) []*call {
	for len(calls) < maxGroup {
		select {
		case c := <-s.queue:
			calls = append(calls, c)
		default:
			return calls
		}
	}
	return calls
}

func (s *Store) refuseQueued() {
	for {
		select {
		case c := <-s.queue:
			c.done <- outcome{err: fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "")}
		default:
			return
		}
	}
}

// commit runs the calls, writes one entry and answers. It gives back the calls that did not fit. Where another store was
// faster, the calls run again on what it wrote, those whose deadline has not passed.
func (s *Store) commit(calls []*call) []*call {
	began := time.Now()
	g, left, err := s.attempt(calls)
	for errors.Is(err, errOvertaken) {
		g, left, err = s.attempt(calls)
	}
	s.meters.note(g, err, time.Since(began))
	for i, c := range g.calls {
		if err != nil {
			c.done <- outcome{err: err}
			continue
		}
		out := g.outcomes[i]
		out.last = s.Head().GetPosition()
		c.done <- out
	}
	return left
}

// attempt runs the calls once and writes what they did. Refusals and replays rest on what this store has applied; with a
// shared log that may be old, so a group of nothing else writes an empty entry: the read barrier.
func (s *Store) attempt(calls []*call) (*group, []*call, error) {
	if err := s.ready(); err != nil {
		return &group{calls: calls}, nil, err
	}
	s.db.changing.Lock()
	defer s.db.changing.Unlock()
	g, left, err := s.runGroup(calls)
	// A clock that went back is seen by whoever looks at it, and is right again without a command.
	if fault.KindOf(err) == fault.KindUnavailable && fault.ReasonOf(err) != faultpb.Reason_REASON_CLOCK_AHEAD {
		s.worry("commands cannot be run", err)
	}
	if err == nil && g.next != nil {
		err = s.place(g.head.GetPosition()+1, g.entry)
	}
	if err == nil && g.next != nil {
		s.publish(g.next)
		s.calm()
	}
	return g, left, err
}

// ready says whether there is any use in running a group now.
func (s *Store) ready() error {
	if err := s.haltedBy(); err != nil {
		return err
	}
	if err := errors.Join(s.mend(), s.db.room(s.stop)); err != nil {
		return s.unwritten(err)
	}
	return nil
}

// runGroup runs closures on one snapshot until the entry is full, and prepares the state after them.
func (s *Store) runGroup(calls []*call) (*group, []*call, error) {
	g := &group{calls: calls, once: map[string]*journalpb.Once{}}
	building := s.building.Load()
	err := s.db.read(func(v *version, base reading) error {
		g.head, g.over = v.head, v.writable(base)
		var err error
		if g.gaps, err = s.gapsIn(g.over, building); err != nil {
			return err
		}
		if g.at, err = s.moment(g.head); err != nil {
			return err
		}
		s.runCalls(g)
		if len(g.commands) == 0 && !(g.waiting && s.log.Shared()) {
			return nil
		}
		return s.seal(g, v)
	})
	if err != nil {
		g.calls = calls
		return g, nil, err
	}
	return g, calls[len(g.calls):], nil
}

func (s *Store) runCalls(g *group) {
	for i, c := range g.calls {
		out, fits := s.runCall(g, c)
		if !fits {
			g.calls = g.calls[:i]
			return
		}
		out.position = g.position()
		g.outcomes = append(g.outcomes, out)
	}
}

// seal makes an entry of a group's commands and prepares the state after it.
func (s *Store) seal(g *group, v *version) error {
	e, raw, err := seal(g.head, s.incarnation, s.replica, timestamppb.New(g.at), g.commands)
	if err != nil {
		return err
	}
	head, err := s.journal(g.over, g.gaps, e, raw, g.head)
	if err != nil {
		return err
	}
	g.entry, g.next = raw, v.next(g.over, head)
	return nil
}

// moment is max(the moment before + 1 µs, the clock), in whole microseconds.
func (s *Store) moment(head *journalpb.Head) (time.Time, error) {
	now := s.clock().UTC().Truncate(time.Microsecond)
	if head.GetPosition() == 0 {
		return now, nil
	}
	last := head.GetMoment().AsTime()
	if last.Sub(now) > maxAhead {
		return now, fault.Unavailable(faultpb.Reason_REASON_CLOCK_AHEAD, "",
			"value", civil.Moment(last), "current", civil.Moment(now))
	}
	if !now.After(last) {
		now = last.Add(time.Microsecond)
	}
	return now, nil
}

// runCall runs one closure on the group's overlay. A refusal, a panic or a passed deadline takes back what it did.
// fits is false when the group is full and the call must wait for the next one.
func (s *Store) runCall(g *group, c *call) (out outcome, fits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entered = false
	if err := c.ctx.Err(); err != nil || c.gone {
		return outcome{err: err}, true
	}
	g.waiting = true
	g.over.mark()
	tx := s.newTx(g, c)
	if err := tx.begin(tx); err != nil {
		return outcome{err: err}, true
	}
	if c.requestID != "" {
		kept, err := s.kept(g, c)
		if err != nil {
			return outcome{err: err}, true
		}
		if kept != nil {
			answer := c.answer()
			err := s.replay(tx, kept, c.fingerprint, answer)
			return outcome{answer: answer, err: err}, true
		}
	}
	began := time.Now()
	answer, err := protect(tx, c.run)
	tx.over = newOverlay(nowhere{}) // whoever keeps the transaction for later reaches nobody with it
	s.noteSlow(c.method, time.Since(began))
	if err == nil {
		err = errors.Join(tx.end(), c.ctx.Err())
	}
	switch {
	case errors.Is(err, errNotFirst):
		fits = false
	case err != nil:
		out, fits = outcome{err: err}, true
	case c.rehearsal:
		out, fits = rehearsed(tx, answer), true
	default:
		out, fits = s.accept(g, c, tx, answer)
	}
	if !fits || out.err != nil || c.rehearsal {
		g.over.takeBack(0)
	}
	return out, fits
}

// kept looks a request id up, in the group first.
func (s *Store) kept(g *group, c *call) (*journalpb.Once, error) {
	if o, ok := g.once[onceID(c)]; ok {
		return o, nil
	}
	if err := g.gaps.whole(bucketOnce); err != nil {
		return nil, err
	}
	return findOnce(g.over, c.principal.Name, c.requestID, g.at)
}

func onceID(c *call) string { return string(Text(c.principal.Name).Text(c.requestID)) }

func (s *Store) newTx(g *group, c *call) *Tx {
	return &Tx{
		reach: reach{schema: s.schema, gaps: g.gaps}, position: g.head.GetPosition() + 1, number: len(g.commands),
		asking: asking{authority: s.authority, principal: c.principal, declared: c.declared, at: g.at},
		s:      s, ctx: c.ctx, over: g.over,
		changes: map[string]int{}, rehearsal: c.rehearsal,
		command: &journalpb.Command{
			Principal: c.principal.Name, OnBehalfOf: c.principal.OnBehalfOf, Method: c.method,
			RequestId: c.requestID, Fingerprint: c.fingerprint, Traceparent: c.traceparent,
		},
	}
}

// accept takes a command into the group. A command that changed nothing and told nothing leaves no trace, unless its
// request id must be kept.
func (s *Store) accept(g *group, c *call, tx *Tx, answer proto.Message) (outcome, bool) {
	if len(tx.command.GetChanges()) == 0 && len(tx.command.GetEvents()) == 0 && c.requestID == "" {
		return outcome{answer: answer}, true
	}
	if c.requestID != "" {
		tx.command.Results = s.results(answer)
	}
	tx.command.Asked = tx.noted()
	if whose := tx.stead(); whose != "" {
		tx.command.OnBehalfOf = whose
	}
	size := proto.Size(tx.command)
	if size > maxCommand+maxCommand/4 {
		return outcome{err: tooLarge("command", maxCommand)}, true
	}
	if g.size+size > maxEntry-1024 && len(g.commands) > 0 {
		return outcome{}, false
	}
	c.entered = true
	g.size += size
	g.commands = append(g.commands, tx.command)
	if c.requestID != "" {
		g.once[onceID(c)] = &journalpb.Once{
			Fingerprint: c.fingerprint, Position: g.position(),
			Moment: timestamppb.New(g.at), Results: tx.command.GetResults(), Asked: tx.command.GetAsked(),
		}
	}
	return outcome{answer: answer}, true
}

// position is what a command of the group answers: the entry if an event is in it, else the last entry with one. A
// follower elsewhere sees events only, so nobody could ever wait for an entry without.
func (g *group) position() uint64 {
	for _, c := range g.commands {
		if eventsOf(c) > 0 {
			return g.head.GetPosition() + 1
		}
	}
	return g.head.GetEventPosition()
}

// protect turns a panic of a closure into an error; nothing of it stays.
func protect(tx *Tx, run func(*Tx) (proto.Message, error)) (answer proto.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, fault.Internal(fmt.Errorf("panic in %s: %v\n%s", tx.command.GetMethod(), p, debug.Stack()))
		}
	}()
	return runClosure(tx, run)
}
