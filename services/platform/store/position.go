package store

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Position is a place in one service's journal.
type Position struct {
	// Service is the service's name.
	Service string
	// Incarnation is the journal's UUID.
	Incarnation uuid.UUID
	// Number is the entry: 1, 2, 3, …; 0 before the first.
	Number uint64
}

// String is the form in the header: `registry=0198f0c2-…:1042`.
func (p Position) String() string { return string(p.append(nil)) }

func (p Position) append(b []byte) []byte {
	b = append(append(b, p.Service...), '=')
	b = append(append(b, p.Incarnation.String()...), ':')
	return strconv.AppendUint(b, p.Number, 10)
}

// maxPositions bounds how many positions a header may hold.
const maxPositions = 16

// ParsePositions reads a `coso-position` header: positions of different services, separated by commas. InvalidArgument
// for anything else.
func ParsePositions(header string) ([]Position, error) {
	var out []Position
	for part := range strings.SplitSeq(header, ",") {
		p, ok := parsePosition(strings.TrimSpace(part))
		known := slices.ContainsFunc(out, func(q Position) bool { return q.Service == p.Service })
		if !ok || known || len(out) == maxPositions {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_POSITION_INVALID, "coso-position", "value", clip(header))
		}
		out = append(out, p)
	}
	return out, nil
}

func parsePosition(s string) (Position, bool) {
	service, rest, ok := strings.Cut(s, "=")
	inc, num, ok2 := strings.Cut(rest, ":")
	id, err := uuid.Parse(inc)
	n, err2 := strconv.ParseUint(num, 10, 64)
	if !ok || !ok2 || err != nil || err2 != nil || id.String() != inc || strconv.FormatUint(n, 10) != num || !serviceName(service) {
		return Position{}, false
	}
	return Position{Service: service, Incarnation: id, Number: n}, true
}

func serviceName(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

// MergePositions keeps the furthest position of every service, ordered by service. Of two incarnations the later
// argument's counts: a client that meets a new one has to follow it.
func MergePositions(have []Position, more ...Position) []Position {
	out := slices.Clone(have)
	for _, p := range more {
		i := slices.IndexFunc(out, func(q Position) bool { return q.Service == p.Service })
		switch {
		case i < 0:
			out = append(out, p)
		case out[i].Incarnation != p.Incarnation || out[i].Number < p.Number:
			out[i] = p
		}
	}
	slices.SortFunc(out, func(a, b Position) int { return strings.Compare(a.Service, b.Service) })
	return out
}

// FormatPositions is the header's form.
func FormatPositions(ps []Position) string {
	const size = 80
	b := make([]byte, 0, size*len(ps))
	for i, p := range ps {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.append(b)
	}
	return string(b)
}

type recorderKey struct{}

// Recorder collects the positions that a call wrote or read, by what right, and how many rows it looked at. It is safe for concurrent use.
type Recorder struct {
	mu        sync.Mutex
	positions []Position
	seen      Position
	stead     string
	units     []string
	rows      int
}

// Record lets the Updates and Views of a context note their positions.
func Record(ctx context.Context) (context.Context, *Recorder) {
	r := &Recorder{}
	return context.WithValue(ctx, recorderKey{}, r), r
}

// Positions answers what was noted so far.
func (r *Recorder) Positions() []Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.positions)
}

// Seen is the last entry of the state that was written or read, whether it holds an event or not: what another replica of the
// service must have reached to answer no older state. Number 0: none was.
func (r *Recorder) Seen() Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// Stead is in whose stead the call acted, as far as it has asked; "": in nobody's.
func (r *Recorder) Stead() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stead
}

// Unit is the one unit in which the call has asked for a permission; "": none, or several.
func (r *Recorder) Unit() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.units) != 1 {
		return ""
	}
	return r.units[0]
}

// Rows is how many rows lists, histories and readings of events have looked at so far, whatever they answered of them.
func (r *Recorder) Rows() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rows
}

// noteRows notes that rows were looked at.
func noteRows(ctx context.Context, n int) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	if !ok || n == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows += n
}

// noteAsked notes by what right a transaction was made.
func noteAsked(ctx context.Context, a *asking) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if stead := a.stead(); stead != "" {
		r.stead = stead
	}
	for _, unit := range a.asked {
		if !slices.Contains(r.units, unit) {
			r.units = append(r.units, unit)
		}
	}
}

// note notes a position that who follows the service can reach, and the last entry of the state; 0: none.
func (s *Store) note(ctx context.Context, position, last uint64) {
	r, ok := ctx.Value(recorderKey{}).(*Recorder)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Position{Service: s.service, Incarnation: s.Incarnation(), Number: position}
	r.seen = Position{Service: p.Service, Incarnation: p.Incarnation, Number: max(r.seen.Number, last)}
	if p.Number == 0 {
		return
	}
	if len(r.positions) == 0 {
		r.positions = []Position{p}
		return
	}
	r.positions = MergePositions(r.positions, p)
}

// waitLimit bounds how long Await waits.
const waitLimit = 5 * time.Second

// Await waits until this store, and its copies of the services it follows, have reached the positions. Positions of
// services it does not follow are ignored. FailedPrecondition for another incarnation; Unavailable after 5 seconds.
func (s *Store) Await(ctx context.Context, ps []Position) error {
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	for _, p := range ps {
		if err := s.await(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) await(ctx context.Context, p Position) error {
	for {
		changed := s.Changed()
		at, known, err := s.reached(ctx, p.Service)
		if err != nil {
			return err
		}
		if !known {
			return nil
		}
		switch {
		case at.Incarnation != uuid.Nil && at.Incarnation != p.Incarnation:
			return fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "coso-position",
				"value", p.Incarnation.String(), "current", at.Incarnation.String())
		case at.Number >= p.Number:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fault.Unavailable(faultpb.Reason_REASON_POSITION_NOT_REACHED, "coso-position",
				"value", p.String(), "current", strconv.FormatUint(at.Number, 10))
		}
	}
}

// reached is how far this store, or its copy of another service, is. known is false for a service it does not follow.
func (s *Store) reached(ctx context.Context, service string) (at Position, known bool, err error) {
	if service == s.service {
		return Position{Service: service, Incarnation: s.Incarnation(), Number: s.Head().GetPosition()}, true, nil
	}
	if !slices.Contains(s.sources, service) {
		return Position{}, false, nil
	}
	c, err := s.Cursor(ctx, service)
	if err != nil {
		return Position{}, true, err
	}
	at = Position{Service: service, Number: c.GetPosition()}
	copy(at.Incarnation[:], c.GetIncarnation())
	return at, true, nil
}
