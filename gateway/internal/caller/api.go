package caller

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	identitypb "coso/proto/gen/coso/identity/v1"
)

const (
	// maxKept is how many are known at once.
	maxKept = 4096
	// early is how long before its end a token is not given to services any more: a call may take as long.
	early = 30 * time.Second
)

// kept is what has proved somebody, by the hash of what was shown, and the signed token that it stands for. It is safe for
// concurrent use.
type kept struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]signed
}

// signed is a signed token until it is of no use any more.
type signed struct {
	token string
	until time.Time
}

func newKept() *kept { return &kept{known: map[[sha256.Size]byte]signed{}} }

func (e *kept) drop(of [sha256.Size]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.known, of)
}

func (e *kept) find(of [sha256.Size]byte, now time.Time) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.known[of]
	return s.token, ok && now.Before(s.until)
}

// keep makes room by forgetting what is over, and if nothing is, any.
func (e *kept) keep(of [sha256.Size]byte, s signed, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.known) >= maxKept {
		for other, was := range e.known {
			if !now.Before(was.until) {
				delete(e.known, other)
			}
		}
		for other := range e.known {
			if len(e.known) < maxKept {
				break
			}
			delete(e.known, other)
		}
	}
	e.known[of] = s
}

// exchange returns the signed token for the API token that a request bears. Unauthenticated for one that is none, has expired
// or was revoked: what was got for it before holds on, at most five minutes.
func (d *Desk) exchange(r *http.Request, secret string) (string, error) {
	of, now := sha256.Sum256([]byte(secret)), d.Now()
	if known, ok := d.api.find(of, now); ok {
		return known, nil
	}
	got, err := d.sessions.ExchangeApiToken(asking(r), &identitypb.ExchangeApiTokenRequest{Secret: secret})
	if err != nil {
		return "", answered(err)
	}
	d.api.keep(of, signed{got.GetToken(), got.GetExpireTime().AsTime().Add(-early)}, now)
	return got.GetToken(), nil
}
