package caller

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

const (
	// shared is for how long those who come with a used refresh token get what was got for it: requests of other tabs that were
	// under way, and a browser that did not see the answer.
	shared = 30 * time.Second
	// maxTurns is how many refresh tokens are remembered at once.
	maxTurns = 4096
)

// turns let each refresh token be used once.
type turns struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*turn
}

// turn is the use of a refresh token, under way until done is closed.
type turn struct {
	done   chan struct{}
	tokens *identitypb.SessionTokens
	err    error
	until  time.Time
	// session is the session whose refresh token is used; ended: who uses it has signed out meanwhile.
	session string
	ended   bool
}

func newTurns() *turns { return &turns{known: map[[sha256.Size]byte]*turn{}} }

// take uses a refresh token, or waits for who does. A failed use is not remembered.
func (t *turns) take(
	ctx context.Context, refresh string, now func() time.Time, use func() (*identitypb.SessionTokens, error),
) (*identitypb.SessionTokens, error) {
	of := sha256.Sum256([]byte(refresh))
	t.mu.Lock()
	cur, under := t.known[of]
	if under && cur.over(now()) {
		under = false
	}
	if !under {
		t.makeRoom(now())
		cur = &turn{done: make(chan struct{}), session: sessionOf(refresh)}
		t.known[of] = cur
	}
	t.mu.Unlock()
	if under {
		select {
		case <-cur.done:
			return cur.tokens, cur.err
		case <-ctx.Done():
			return nil, fault.From(ctx.Err())
		}
	}
	if t.use(of, cur, use, now); cur.err != nil {
		return nil, cur.err
	}
	return cur.tokens, nil
}

// use makes the use of a refresh token, and ends its turn whatever becomes of it.
func (t *turns) use(of [sha256.Size]byte, cur *turn, use func() (*identitypb.SessionTokens, error), now func() time.Time) {
	var tokens *identitypb.SessionTokens
	var err error = fault.Internal(errUnended)
	defer func() { t.end(of, cur, tokens, err, now().Add(shared)) }()
	tokens, err = use()
}

// errUnended is what others hear who wait for a use that panicked.
var errUnended = errors.New("the use of a refresh token did not end")

func (t *turns) end(of [sha256.Size]byte, cur *turn, tokens *identitypb.SessionTokens, err error, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if cur.ended {
		tokens, err = nil, fault.Unauthenticated(faultpb.Reason_REASON_SESSION_ENDED, "")
	}
	cur.tokens, cur.err, cur.until = tokens, err, until
	close(cur.done)
	if err != nil {
		delete(t.known, of)
	}
}

// forget lets nobody have what was got, or is being got, for any refresh token of the session that this one is of: it has
// ended.
func (t *turns) forget(refresh string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for of, cur := range t.known {
		if cur.session == sessionOf(refresh) {
			cur.ended = true
			delete(t.known, of)
		}
	}
}

// sessionOf is the id with which all refresh tokens of a session begin.
func sessionOf(refresh string) string {
	return refresh[:max(0, strings.LastIndexByte(refresh, '.'))]
}

// find is what was got for a refresh token a moment ago.
func (t *turns) find(refresh string, now time.Time) (*identitypb.SessionTokens, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cur, ok := t.known[sha256.Sum256([]byte(refresh))]
	if !ok || cur.tokens == nil || cur.over(now) {
		return nil, false
	}
	return cur.tokens, true
}

// over reports whether a use has ended so long ago that it counts no more. The lock is held.
func (t *turn) over(now time.Time) bool {
	select {
	case <-t.done:
		return !now.Before(t.until)
	default:
		return false
	}
}

// makeRoom forgets what is over, and if there is no room yet, what has ended. The lock is held.
func (t *turns) makeRoom(now time.Time) {
	if len(t.known) < maxTurns {
		return
	}
	for of, cur := range t.known {
		if cur.over(now) {
			delete(t.known, of)
		}
	}
	for of, cur := range t.known {
		if len(t.known) < maxTurns {
			return
		}
		if !cur.until.IsZero() {
			delete(t.known, of)
		}
	}
}
