// Package copying lets a new replica of a service begin with the data of another one: a consistent copy of the data file, sent
// in parts by gRPC, which goes on where it was cut off.
//
// INV-COPY-WHOLE: a data folder has the service's file whole and verified, as it was sent, or not at all: the file gets its name
// last, in one step.
// INV-COPY-OWN: a copy is given to replicas of the same service and to the operator's socket, and to nobody else.
// INV-COPY-ROOM: no copy takes the last room of the disk of the one who gives it: it is refused before, or given up.
// INV-COPY-PACED: copying and sending take a bounded rate of the disk, together, however many fetch.
//
// It leaves to others what the file lacks: who begins with it tails the log from there (store).
package copying

import (
	"context"
	"hash/crc32"
	"sync"
	"time"

	"coso/services/platform/wait"
)

const (
	// partSize is how many bytes a part holds at most.
	partSize = 256 << 10
	// rate is how many bytes a second are copied and sent, unless told otherwise.
	rate = 32 << 20
	// maxFetches is how many may fetch at once.
	maxFetches = 3
	// keepCopy is how long a copy is kept that nobody fetches; freshCopy how old it may be for one who begins.
	keepCopy  = 10 * time.Minute
	freshCopy = 2 * time.Minute
	// syncEvery is how many bytes of a copy wait for the disk at most: what waits there would be written in one go, and hold up
	// the log's syncs.
	syncEvery = 4 << 20
	// spare is how many bytes a copy leaves free on the disk of the one who gives it.
	spare = 64 << 20
)

// table is that of CRC-32C.
var table = crc32.MakeTable(crc32.Castagnoli)

// pace spreads bytes over time.
type pace struct {
	rate int64

	mu   sync.Mutex
	next time.Time
}

// wait returns when it is time for n more bytes.
func (p *pace) wait(ctx context.Context, n int) error {
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	until := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(int64(n) * int64(time.Second) / p.rate))
	p.mu.Unlock()
	if until < time.Millisecond { // too short for a timer; it counts the next time
		return ctx.Err()
	}
	return wait.For(ctx, until)
}
