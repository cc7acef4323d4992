// Package password keeps passwords: it hashes them by argon2id (RFC 9106), says which ones are too easy to guess, and makes
// one-time ones. It stores nothing and knows no accounts.
//
// INV-PASSWORD-SAME-WORK: a password is compared by one computation with the parameters of the day, whether or not there is a
// hash to compare it with, and in constant time; so neither time nor load tells which accounts there are.
// INV-PASSWORD-BOUNDED: at most so many computations run at once as were allowed, each of which takes tens of MiB, and a few
// callers wait for them; others are refused at once.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"coso/services/platform/fault"
	"coso/services/platform/text"

	faultpb "coso/proto/gen/coso/fault/v1"
	identitypb "coso/proto/gen/coso/identity/v1"
)

// Parameters are what argon2id is computed with, from a day on.
type Parameters struct {
	// From is the day from which they are used.
	From string
	// Memory in KiB, Passes over it, Lanes in parallel.
	Memory, Passes uint32
	Lanes          uint8
}

// parameters, by day. Each hash says what it was computed with; a line is added here when machines have become faster, and
// at the next sign-in each password is hashed anew. The first line is the second recommendation of RFC 9106, section 4.
var parameters = []Parameters{
	{From: "2026-11-22", Memory: 64 << 10, Passes: 3, Lanes: 4},
}

// Latest are the parameters of the day.
func Latest() Parameters { return parameters[len(parameters)-1] }

const (
	saltSize = 16
	tagSize  = 32
	// maxMemory, in KiB, maxPasses and maxLanes bound what a hash that is read may ask for.
	maxMemory = 1 << 20
	maxPasses = 64
	maxLanes  = 64
	// waiting is how many callers may wait for each computation that runs.
	waiting = 16
)

// Hasher computes hashes. Safe for concurrent use.
type Hasher struct {
	today Parameters
	slots chan struct{}
	queue atomic.Int64
	runs  atomic.Int64
}

// NewHasher returns a hasher that computes with these parameters, so many hashes at once.
func NewHasher(today Parameters, atOnce int) *Hasher {
	return &Hasher{today: today, slots: make(chan struct{}, atOnce)}
}

// Hash hashes a password with a new salt. ResourceExhausted (SIGN_IN_BUSY) if too many wait already; the context's error
// if it ends while waiting.
func (h *Hasher) Hash(ctx context.Context, password string) (*identitypb.PasswordHash, error) {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	out := &identitypb.PasswordHash{Salt: salt, Memory: h.today.Memory, Passes: h.today.Passes, Lanes: uint32(h.today.Lanes)}
	var err error
	out.Hash, err = h.compute(ctx, password, out)
	return out, err
}

// Matches reports whether a password is the one of a hash; nil is the hash of no password, which costs the same. Errors as
// Hash; DataLoss for a hash that cannot be.
func (h *Hasher) Matches(ctx context.Context, kept *identitypb.PasswordHash, password string) (bool, error) {
	there := kept != nil
	if !there {
		kept = &identitypb.PasswordHash{
			Salt: make([]byte, saltSize), Hash: make([]byte, tagSize), Memory: h.today.Memory, Passes: h.today.Passes, Lanes: uint32(h.today.Lanes),
		}
	}
	tag, err := h.compute(ctx, password, kept)
	return err == nil && subtle.ConstantTimeCompare(tag, kept.GetHash()) == 1 && there, err
}

// Outgrown reports whether a hash was computed with less than today's parameters.
func (h *Hasher) Outgrown(kept *identitypb.PasswordHash) bool {
	return kept.GetMemory() < h.today.Memory || kept.GetPasses() < h.today.Passes
}

// Runs is how many computations there have been.
func (h *Hasher) Runs() int64 { return h.runs.Load() }

var errParameters = errors.New("a password hash with impossible parameters")

func (h *Hasher) compute(ctx context.Context, password string, with *identitypb.PasswordHash) ([]byte, error) {
	if with.GetMemory() == 0 || with.GetMemory() > maxMemory || with.GetPasses() == 0 || with.GetPasses() > maxPasses ||
		with.GetLanes() == 0 || with.GetLanes() > maxLanes || len(with.GetSalt()) != saltSize {
		return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(errParameters)
	}
	if err := h.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.slots }()
	h.runs.Add(1)
	return argon2.IDKey([]byte(text.NFC(password)), with.GetSalt(), with.GetPasses(), with.GetMemory(), uint8(with.GetLanes()), tagSize), nil //nolint:gosec // bounded above
}

// enter waits until one more may be computed.
func (h *Hasher) enter(ctx context.Context) error {
	defer h.queue.Add(-1)
	if h.queue.Add(1) > int64(waiting*cap(h.slots)) {
		return fault.ResourceExhausted(faultpb.Reason_REASON_SIGN_IN_BUSY, "")
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// oneTimeParts are how many groups of how many characters a one-time password has: 80 bits, which no lock-out and no hash
// has to protect.
const (
	oneTimeParts = 4
	oneTimePart  = 4
)

// OneTime makes a one-time password, of letters and digits that are not taken for one another: `k7ma-2xqz-…`.
func OneTime() string {
	letters := strings.ToLower(rand.Text()) // of 32 letters, so each is 5 bits
	parts := make([]string, oneTimeParts)
	for i := range parts {
		parts[i] = letters[i*oneTimePart : (i+1)*oneTimePart]
	}
	return strings.Join(parts, "-")
}
