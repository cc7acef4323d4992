package feed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/feed/feedtest"
)

// chaos is a registry, a stream and a planning to which things happen.
type chaos struct {
	t       *testing.T
	r       *rand.Rand
	srv     *feedtest.Server
	away    bool
	so      *source
	si      *sink
	ops     jetstream.JetStream
	js      []jetstream.JetStream
	relays  []*task
	follows jetstream.JetStream
	follow  *task
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	srv := feedtest.NATS(t)
	c := &chaos{
		t: t, r: rand.New(rand.NewPCG(seed, seed)), srv: srv, so: newSource(t), si: newSink(t),
		ops: srv.JetStream(), js: []jetstream.JetStream{srv.JetStream(), srv.JetStream()}, follows: srv.JetStream(),
		relays: make([]*task, 2),
	}
	c.so.createEach(1)
	return c
}

// step lets one thing happen.
func (c *chaos) step() {
	c.t.Helper()
	switch n := c.r.IntN(100); {
	case n < 30:
		c.so.create(1 + c.r.IntN(40))
	case n < 45:
		c.so.createEach(1 + c.r.IntN(5))
	case n < 55:
		c.so.rename(c.r.IntN(c.so.made), fmt.Sprintf("Đơn vị %d", n))
	case n < 65:
		c.toggleRelay(c.r.IntN(len(c.relays)))
	case n < 80:
		c.toggleFollower()
	case n < 85:
		c.stopRelays()
		c.so.close()
		c.so.open()
	case n < 90:
		c.toggleNATS()
	case n < 95 && !c.away:
		c.srv.Restart()
	case n < 96 && !c.away:
		c.deleteStream()
	case n < 98 && !c.away:
		c.damageStream()
	case !c.away:
		cutTail(c.t, c.srv, func() { c.so.create(1 + c.r.IntN(20)) })
	}
}

func (c *chaos) toggleRelay(i int) {
	if c.relays[i] != nil {
		c.relays[i].stop()
		c.relays[i] = nil
		return
	}
	c.relays[i] = c.so.relay(c.js[i])
}

func (c *chaos) stopRelays() {
	for i := range c.relays {
		if c.relays[i] != nil {
			c.toggleRelay(i)
		}
	}
}

// toggleFollower ends the follower together with its store, or begins anew. It is kept going as a service keeps it: one that
// meets a gap before the relay has filled the damaged stream anew stops there, and looks again.
func (c *chaos) toggleFollower() {
	if c.follow != nil {
		c.follow.stop()
		c.follow = nil
		c.si.close()
		c.si.open()
		return
	}
	f := New(Options{Store: c.si.Store, Logger: logTo(c.t), LookAgain: 20 * time.Millisecond, Followers: []Follower{c.si.follower()}})
	c.follow = start(c.t, func(ctx context.Context) error {
		defer f.Close()
		f.follow(ctx, c.follows, f.watches[0])
		return nil
	})
}

func (c *chaos) toggleNATS() {
	if c.away {
		c.srv.Start()
	} else {
		c.srv.Stop()
	}
	c.away = !c.away
}

func (c *chaos) deleteStream() {
	err := c.ops.DeleteStream(c.t.Context(), StreamName("registry"))
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		c.t.Fatal(err)
	}
}

// damageStream spoils the end of the stream's file, as a power cut or a full disk does.
func (c *chaos) damageStream() {
	c.t.Helper()
	if lastSequence(c.t, c.ops) == 0 {
		return
	}
	c.srv.Stop()
	block(c.t, c.srv, func(raw []byte) []byte { return raw[:len(raw)-len(raw)/5] })
	c.srv.Start()
}

// settle lets everything run and demands that stream and planning hold what the registry does.
func (c *chaos) settle() {
	c.t.Helper()
	if c.away {
		c.toggleNATS()
	}
	if c.relays[0] == nil {
		c.toggleRelay(0)
	}
	if c.follow == nil {
		c.toggleFollower()
	}
	c.so.createEach(1)
	c.so.mustBeJournal(c.ops)
	c.si.mustEqual(c.so)
}

// stoppedAtGap lets the follower meet a gap in the damaged stream, most often.
const stoppedAtGap = 1795340708114278676

// INV-FEED-ONCE, INV-FEED-IN-PLACE: whatever happens, each event takes effect once and in order.
func TestEachEventOnceWhateverHappens(t *testing.T) {
	for _, seed := range []uint64{1, 2, stoppedAtGap, uint64(time.Now().UnixNano())} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := newChaos(t, seed)
			for range 2 {
				for range 25 {
					c.step()
				}
				c.settle()
			}
		})
	}
}
