package token

import (
	"sync"
	"time"
)

// defaultRemembered is how many verified tokens are kept.
const defaultRemembered = 8192

// memory keeps verified tokens by the SHA-256 of their bytes, so that the same token is verified once and not with every
// request. Only what was proved is kept, so nobody without a key can fill it; what is full forgets what was not asked for
// longest, by halves. A token that has expired, or whose key has left its set, is none that is known.
type memory struct {
	half int

	mu    sync.RWMutex
	young map[[32]byte]*proof
	old   map[[32]byte]*proof
}

// proof is a verified token.
type proof struct {
	claims Claims
	key    *Key
	keys   KeySource
}

func newMemory(bound int) *memory {
	if bound <= 0 {
		bound = defaultRemembered
	}
	return &memory{half: max(1, bound/2), young: map[[32]byte]*proof{}}
}

// find returns what a token says, if it holds as it did when it was verified.
func (m *memory) find(sum [32]byte, now time.Time) (Claims, bool) {
	m.mu.RLock()
	p, young := m.young[sum]
	if !young {
		p = m.old[sum]
	}
	m.mu.RUnlock()
	if p == nil || !now.Before(p.claims.Expires) || !p.published() {
		return Claims{}, false
	}
	if !young {
		m.keep(sum, p)
	}
	return p.claims, true
}

func (p *proof) published() bool {
	key, ok := p.keys.Key(p.key.name.id, p.key.name.algorithm)
	return ok && key.same(p.key)
}

// keep remembers a token.
func (m *memory) keep(sum [32]byte, p *proof) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.half {
		m.young, m.old = make(map[[32]byte]*proof, m.half), m.young
	}
	m.young[sum] = p
}
