package token

import (
	"sync"
	"time"
)

// defaultRemembered is how many verified tokens are kept.
const defaultRemembered = 8192

// memory keeps verified tokens, so that the same token is verified once and not with every request: by their bytes, since a hash
// of them that nobody can forge takes longer than everything else about a token that is known. Only what was proved is kept, so nobody without a key can fill it; what is full forgets what was not asked for
// longest, by halves. A token that has expired, or whose key has left its set, is none that is known.
type memory struct {
	half int

	mu    sync.RWMutex
	young map[string]*proof
	old   map[string]*proof
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
	return &memory{half: max(1, bound/2), young: map[string]*proof{}}
}

// find returns what a token says, if it holds as it did when it was verified.
func (m *memory) find(compact string, now time.Time) (Claims, bool) {
	m.mu.RLock()
	p, young := m.young[compact]
	if !young {
		p = m.old[compact]
	}
	m.mu.RUnlock()
	if p == nil || !now.Before(p.claims.Expires) || !p.published() {
		return Claims{}, false
	}
	if !young {
		m.keep(compact, p)
	}
	return p.claims, true
}

func (p *proof) published() bool {
	key, ok := p.keys.Key(p.key.name.id, p.key.name.algorithm)
	return ok && key.same(p.key)
}

// keep remembers a token.
func (m *memory) keep(compact string, p *proof) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.young) >= m.half {
		m.young, m.old = make(map[string]*proof, m.half), m.young
	}
	m.young[compact] = p
}
