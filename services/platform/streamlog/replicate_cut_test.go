package streamlog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
)

// cutLog is a log whose user is cut off at a step, before or after it was taken.
type cutLog struct {
	store.SharedLog
	cut  context.CancelFunc
	left atomic.Int64
}

var errCut = errors.New("cut off")

// step is taken before and after each question to the log.
func (l *cutLog) step() error {
	if l.left.Add(-1) <= 0 {
		l.cut()
		return errCut
	}
	return nil
}

func (l *cutLog) Last(ctx context.Context) (uint64, error) {
	if err := l.step(); err != nil {
		return 0, err
	}
	return l.SharedLog.Last(ctx)
}

func (l *cutLog) Append(ctx context.Context, position uint64, entry []byte) error {
	if err := l.step(); err != nil {
		return err
	}
	return errors.Join(l.SharedLog.Append(ctx, position, entry), l.step())
}

func (l *cutLog) Fill(ctx context.Context, from uint64, entries iter.Seq2[[]byte, error]) error {
	return l.SharedLog.Fill(ctx, from, func(yield func([]byte, error) bool) {
		for raw, err := range entries {
			if err == nil {
				err = l.step()
			}
			if !yield(raw, err) {
				return
			}
		}
	})
}

func (l *cutLog) Tail(ctx context.Context, from uint64) iter.Seq2[store.Placed, error] {
	return func(yield func(store.Placed, error) bool) {
		for p, err := range l.SharedLog.Tail(ctx, from) {
			if err == nil {
				err = l.step()
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// cutAfter lets a replication come a number of steps far with its log.
func cutAfter(ctx context.Context, r store.Replication, steps int, do func(context.Context, store.Replication) (store.Replicated, error)) (store.Replicated, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	find := r.Log
	r.Log = func(ctx context.Context) (store.SharedLog, error) {
		l, err := find(ctx)
		cut := &cutLog{SharedLog: l, cut: cancel}
		cut.left.Store(int64(steps))
		return cut, err
	}
	return do(ctx, r)
}

// INV-REPLICATE-RESUMES, INV-REPLICATE-LOG-FIRST: cut off at any step, a promotion goes on when it is called again, and so does
// the way back; until the last step the file is what it was.
func TestReplicateCutOffAnywhere(t *testing.T) {
	c := newCluster(t, 1, nil)
	dir := t.TempDir()
	const units = 12
	was := local(t, dir, units)
	var out store.Replicated
	steps := 1
	for ; ; steps++ {
		var err error
		if out, err = cutAfter(t.Context(), c.replication(dir, streamlog.Shape{}), steps, store.Promote); err == nil {
			break
		}
		if r := opened(t, dir, nil); r.Incarnation() != was || r.Head().GetPosition() != units {
			t.Fatalf("cut off at step %d: %v", steps, r.Head())
		} else {
			r.end(t)
		}
		if last, err := c.last(); err != nil || last > units+1 {
			t.Fatalf("cut off at step %d: the log ends at %d, %v", steps, last, err)
		}
	}
	if steps < units || out.Position != units+1 {
		t.Fatalf("%d steps, %+v", steps, out)
	}
	shared := opened(t, dir, c.opens())
	shared.mustCreate(t, "shared")
	shared.end(t)
	late := copied(t, dir)
	shared = opened(t, dir, c.opens())
	shared.mustCreate(t, "more", "and-more")
	shared.end(t)
	for steps = 1; ; steps++ {
		var err error
		if out, err = cutAfter(t.Context(), c.replication(late, streamlog.Shape{}), steps, store.BringBack); err == nil {
			break
		}
		r, err := open(late, nil)
		if err == nil {
			t.Fatalf("cut off at step %d, it starts with a log of its own: %v", steps, errors.Join(errOpens, r.Close()))
		}
	}
	if steps < 4 || out.Position != units+5 {
		t.Fatalf("%d steps, %+v", steps, out)
	}
	r := opened(t, late, nil)
	r.mustCreate(t, "after")
	if r.Head().GetEvents() != units+4 {
		t.Errorf("%d events", r.Head().GetEvents())
	}
}

const (
	// promoteDir, when set, turns the test binary into a process that promotes a folder, or brings it back.
	promoteDir = "COSO_TEST_PROMOTE_DIR"
	promoteTo  = "COSO_TEST_PROMOTE_NATS"
	promoteWay = "COSO_TEST_PROMOTE_WAY"
)

// promoteUntilKilled does what the environment asks for, if it does.
func promoteUntilKilled() bool {
	dir := os.Getenv(promoteDir)
	if dir == "" {
		return false
	}
	var log streamlog.Options
	conn, err := nats.Connect(os.Getenv(promoteTo), nats.UserInfo(streamlogtest.User, streamlogtest.User))
	if err == nil {
		log = streamlog.Options{Service: "registry", AcceptLazySync: true, Logger: slog.New(slog.DiscardHandler)}
		log.JetStream, err = jetstream.New(conn)
	}
	if err == nil {
		way := map[string]func(context.Context, store.Replication) (store.Replicated, error){"promote": store.Promote, "back": store.BringBack}
		r := (&cluster{}).replication(dir, streamlog.Shape{})
		r.Log = func(ctx context.Context) (store.SharedLog, error) {
			return streamlog.Begin(ctx, log, streamlog.Shape{})
		}
		var out store.Replicated
		if out, err = way[os.Getenv(promoteWay)](context.Background(), r); err == nil {
			_, err = fmt.Fprintln(os.Stdout, "done", out.Position)
		}
		if reason := fault.ReasonOf(err); reason == faultpb.Reason_REASON_JOURNAL_SHARED || reason == faultpb.Reason_REASON_JOURNAL_NOT_SHARED {
			err = nil // killed when all was done
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// kills is how often a process is killed at most.
const kills = 30

// untilDone runs a way in processes that are killed -9, until one ends; it answers what that said and how many were killed.
func (c *cluster) untilDone(dir, way string, within time.Duration) (said string, killed int) {
	c.t.Helper()
	for ; ; killed++ {
		cmd := exec.CommandContext(c.t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), promoteDir+"="+dir, promoteTo+"="+c.servers.Addresses(), promoteWay+"="+way)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			c.t.Fatal(err)
		}
		after := time.AfterFunc(time.Duration(rand.Int64N(int64(within)))*time.Duration(killed+1)/10, func() {
			if killed < kills {
				_ = cmd.Process.Kill() // it may have ended by itself
			}
		})
		err := cmd.Wait()
		after.Stop()
		if errs.Len() > 0 {
			c.t.Fatalf("%s says %s", way, errs.String())
		}
		if err == nil {
			return strings.TrimSpace(out.String()), killed
		}
	}
}

// INV-REPLICATE-RESUMES under kill -9, at any moment.
func TestReplicateKilled(t *testing.T) {
	c := newCluster(t, 1, nil)
	dir := t.TempDir()
	const units = 2000
	r := opened(t, dir, nil)
	done := make(chan error, 8)
	for w := range 8 {
		go func() {
			var err error
			for i := w; i < units && err == nil; i += 8 {
				err = r.create(t.Context(), fmt.Sprintf("local-%d", i))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	entries := r.Head().GetPosition()
	r.end(t)
	said, killed := c.untilDone(dir, "promote", 300*time.Millisecond)
	if said != fmt.Sprint("done ", entries+1) && said != "" {
		t.Errorf("it says %q", said)
	}
	shared := opened(t, dir, c.opens())
	shared.mustCreate(t, "shared")
	if h := shared.Head(); h.GetPosition() != entries+2 || h.GetEvents() != units+1 {
		t.Errorf("the head is %v", h)
	}
	shared.end(t)
	_, again := c.untilDone(dir, "back", 200*time.Millisecond)
	r = opened(t, dir, nil)
	r.mustCreate(t, "after")
	if h := r.Head(); h.GetPosition() != entries+4 || h.GetEvents() != units+2 {
		t.Errorf("the head is %v", h)
	}
	t.Logf("%d entries; %d and %d processes were killed", entries, killed, again)
}
