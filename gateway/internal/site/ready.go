package site

import (
	"context"
	"net/http"
	"sync"
	"time"

	"coso/gateway/internal/exchange"
	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// readyDeadline is how long Ready may take: less than a supervisor waits.
	readyDeadline = 5 * time.Second
	// readyAge is for how long what it said is answered again.
	readyAge = time.Second
)

// readiness answers whether the process is ready: 503 while it is not. What is missing or stale is in the log, and at the
// operations address.
type readiness struct {
	check func(context.Context) error
	now   func() time.Time

	mu    sync.Mutex
	asked time.Time
	said  error
}

func newReadiness(check func(context.Context) error, now func() time.Time) *readiness {
	return &readiness{check: check, now: now}
}

// ServeHTTP answers the word of the last second.
func (s *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.word(r.Context()); err != nil {
		_, code := exchange.Refused(w, r, fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(err))
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		say(w, "not ready")
		return
	}
	say(w, "ready")
}

// word asks once for all who come meanwhile. Who asks first and goes away takes nothing from the others.
func (s *readiness) word(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since := s.now().Sub(s.asked); !s.asked.IsZero() && since >= 0 && since < readyAge {
		return s.said
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyDeadline)
	defer cancel()
	s.said = s.check(ctx)
	s.asked = s.now()
	return s.said
}
