package streamlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// open opens a store in a folder, on a log or, with nil, on its own.
func open(dir string, l store.Log) (*replica, error) {
	r := &replica{units: store.NewTable("units", (*registrypb.Unit).GetName)}
	var err error
	r.Store, err = store.Open(store.Options{
		Dir: dir, Service: "registry", Schema: store.NewSchema(r.units), MapSize: 16 << 20, Logger: slog.New(slog.DiscardHandler), Log: l,
	})
	return r, err
}

// opened is open for a store that must open; it is verified and closed when the test ends, if it was not before.
func opened(t *testing.T, dir string, l store.Log) *replica {
	t.Helper()
	r, err := open(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.end(t) })
	return r
}

func (r *replica) end(t *testing.T) {
	t.Helper()
	if r.Store == nil {
		return
	}
	if err := errors.Join(r.Verify(context.Background(), nil), r.Close()); err != nil {
		t.Error(err)
	}
	r.Store = nil
}

func (r *replica) mustCreate(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := r.create(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

// local makes a store with a log of its own that holds some units, and closes it. It answers its incarnation.
func local(t *testing.T, dir string, units int) uuid.UUID {
	t.Helper()
	r := opened(t, dir, nil)
	for i := range units {
		r.mustCreate(t, fmt.Sprintf("local-%d", i))
	}
	id := r.Incarnation()
	r.end(t)
	return id
}

// begin finds or makes the log, as soon as the cluster has found itself.
func (c *cluster) begin(ctx context.Context, shape streamlog.Shape) (l *streamlog.Log, err error) {
	o := c.log()
	err = try(func() error {
		if l, err = streamlog.Begin(ctx, o, shape); err == nil {
			l.Look(ctx)
			err = l.Sound()
		}
		if fault.KindOf(err) == fault.KindDataLoss { // it will not pass
			return nil
		}
		return err
	})
	return l, errors.Join(err)
}

// opens opens the log that is there.
func (c *cluster) opens() *streamlog.Log {
	c.t.Helper()
	var l *streamlog.Log
	o := c.log()
	eventually(c.t, func() (err error) {
		if l, err = streamlog.Open(c.t.Context(), o); err == nil {
			l.Look(c.t.Context())
			err = l.Sound()
		}
		return err
	})
	return l
}

func (c *cluster) replication(dir string, shape streamlog.Shape) store.Replication {
	return store.Replication{
		Dir: dir, Service: "registry", Schema: store.NewSchema(store.NewTable("units", (*registrypb.Unit).GetName)), Now: time.Now(), Logger: slog.New(slog.DiscardHandler),
		Log: func(ctx context.Context) (store.SharedLog, error) { return c.begin(ctx, shape) },
	}
}

func wantReason(t *testing.T, what string, err error, want faultpb.Reason) {
	t.Helper()
	if err == nil || fault.ReasonOf(err) != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// mustOpenOnly says that a file opens with a log of its own, or with the shared one, and not with the other.
func (c *cluster) mustOpenOnly(dir string, l store.Log, want faultpb.Reason) {
	c.t.Helper()
	r, err := open(dir, l)
	if err == nil {
		err = errors.Join(r.Close(), errOpens)
	}
	if fault.ReasonOf(err) != want || fault.KindOf(err) != fault.KindFailedPrecondition {
		c.t.Errorf("it opens with %v, want %v", err, want)
	}
}

var errOpens = errors.New("it opens")

// copied is a copy of a stopped store's file in a folder of its own.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	raw, err := os.ReadFile(filepath.Join(dir, "registry.db"))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "registry.db"), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// A local store's journal goes into a log, several stores write it there, and one of them takes it back: every unit is there,
// the chain is one, and nobody can start the wrong way.
func TestPromoteAndBack(t *testing.T) {
	on(t, func(t *testing.T, c *cluster, shape streamlog.Shape) {
		t.Helper()
		const units = 300
		dir := t.TempDir()
		was := local(t, dir, units)
		out, err := store.Promote(t.Context(), c.replication(dir, shape))
		if err != nil {
			t.Fatal(err)
		}
		l := c.opens()
		if out.From != was || out.To != l.Incarnation() || out.Position != units+1 {
			t.Errorf("promoted: %+v", out)
		}
		c.mustOpenOnly(dir, nil, faultpb.Reason_REASON_JOURNAL_SHARED)
		_, err = store.Promote(t.Context(), c.replication(dir, shape))
		wantReason(t, "promoted twice", err, faultpb.Reason_REASON_JOURNAL_SHARED)

		other := copied(t, dir)
		a, b := opened(t, dir, l), opened(t, other, c.opens())
		if !bytes.Equal(a.Head().GetHash(), out.Hash[:]) {
			t.Errorf("it ends with %x, not %x", a.Head().GetHash(), out.Hash)
		}
		a.mustCreate(t, "a-1", "a-2")
		b.mustCreate(t, "b-1")
		a.mustCreate(t, "a-3")
		if h := a.Head(); h.GetPosition() != units+5 || h.GetEvents() != units+4 {
			t.Errorf("the head is %v", h)
		}
		eventually(t, func() error {
			if a.Head().GetPosition() != b.Head().GetPosition() || !bytes.Equal(a.Head().GetHash(), b.Head().GetHash()) {
				return errors.New("the replicas differ")
			}
			return nil
		})
		a.end(t)
		b.mustCreate(t, "b-2")
		third := copied(t, dir)

		back, err := store.BringBack(t.Context(), c.replication(dir, shape))
		if err != nil {
			t.Fatal(err)
		}
		if back.From != out.To || back.Position != units+7 {
			t.Errorf("brought back: %+v", back)
		}
		eventually(t, func() error { // INV-REPLICATE-END
			if fault.ReasonOf(b.Healthy()) != faultpb.Reason_REASON_INCARNATION_FOREIGN {
				return fmt.Errorf("a store on the log that has ended says %w", b.Healthy())
			}
			return nil
		})
		b.end(t)
		c.mustOpenOnly(dir, c.opens(), faultpb.Reason_REASON_JOURNAL_NOT_SHARED)
		_, err = store.BringBack(t.Context(), c.replication(dir, shape))
		wantReason(t, "brought back twice", err, faultpb.Reason_REASON_JOURNAL_NOT_SHARED)
		_, err = store.BringBack(t.Context(), c.replication(third, shape))
		wantReason(t, "another one brought back", err, faultpb.Reason_REASON_INCARNATION_FOREIGN)
		_, err = store.Promote(t.Context(), c.replication(dir, shape))
		wantReason(t, "promoted into the log that has ended", err, faultpb.Reason_REASON_STREAM_FOREIGN)

		a = opened(t, dir, nil)
		if !bytes.Equal(a.Head().GetHash(), back.Hash[:]) {
			t.Errorf("it ends with %x, not %x", a.Head().GetHash(), back.Hash)
		}
		a.mustCreate(t, "after")
		if h := a.Head(); h.GetPosition() != units+8 || h.GetEvents() != units+6 || a.Incarnation() != back.To {
			t.Errorf("the head is %v of %s", h, a.Incarnation())
		}
		end, err := a.End(t.Context())
		if err != nil || len(end.Ancestors) != 2 || end.Ancestors[0].Incarnation != out.To || end.Ancestors[1] != (store.Ancestor{Incarnation: was, Position: units}) {
			t.Errorf("it comes from %+v, %v", end, err)
		}
	})
}

// What a kill has left in a store's own log is brought into the file first, and an empty journal goes into a log too.
func TestPromoteAfterAKill(t *testing.T) {
	c := newCluster(t, 1, nil)
	at := t.TempDir()
	running := opened(t, at, nil)
	running.mustCreate(t, "in-the-log-only")
	killed := t.TempDir()
	if err := os.CopyFS(killed, os.DirFS(at)); err != nil {
		t.Fatal(err)
	}
	out, err := store.Promote(t.Context(), c.replication(killed, streamlog.Shape{}))
	if err != nil || out.Position != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	r := opened(t, killed, c.opens())
	if r.Head().GetEvents() != 1 {
		t.Errorf("it has %d events", r.Head().GetEvents())
	}
	r.end(t)
	if err := c.js().DeleteStream(t.Context(), streamlog.StreamName("registry")); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	local(t, empty, 0)
	if out, err = store.Promote(t.Context(), c.replication(empty, streamlog.Shape{})); err != nil || out.Position != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	opened(t, empty, c.opens()).mustCreate(t, "first")
}

// INV-REPLICATE-PREFIX: whatever is no beginning of this journal is refused, and nothing is changed: neither the log nor the file.
func TestPromoteRefuses(t *testing.T) {
	foreign, locked := faultpb.Reason_REASON_STREAM_FOREIGN, faultpb.Reason_REASON_DATA_LOCKED
	for name, k := range map[string]struct {
		spoil  func(t *testing.T, c *cluster, dir string)
		reason faultpb.Reason
	}{
		"the log holds another entry": {func(t *testing.T, c *cluster, dir string) {
			t.Helper()
			elsewhere := t.TempDir()
			local(t, elsewhere, 3)
			if _, err := store.Promote(t.Context(), c.replication(elsewhere, streamlog.Shape{})); err != nil {
				t.Fatal(err)
			}
		}, foreign},
		"the log goes on with others' entries": {func(t *testing.T, c *cluster, dir string) {
			t.Helper()
			other := copied(t, dir)
			if _, err := store.Promote(t.Context(), c.replication(other, streamlog.Shape{})); err != nil {
				t.Fatal(err)
			}
			opened(t, other, c.opens()).mustCreate(t, "elsewhere")
		}, foreign},
		"the log is the journal's own, as it never should be": {func(t *testing.T, c *cluster, dir string) {
			t.Helper()
			r := opened(t, dir, nil)
			o, id := c.log(), r.Incarnation()
			eventually(t, func() error { _, err := streamlog.Make(t.Context(), o, id, streamlog.Shape{}); return err })
			r.end(t)
		}, foreign},
		"the service runs": {func(t *testing.T, _ *cluster, dir string) { t.Helper(); opened(t, dir, nil) }, locked},
		"there is no file": {func(t *testing.T, c *cluster, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "registry.db")); err != nil {
				t.Fatal(err)
			}
		}, faultpb.Reason_REASON_RESOURCE_NOT_FOUND},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 1, nil)
			dir := t.TempDir()
			local(t, dir, 5)
			k.spoil(t, c, dir)
			before, _ := c.last()
			_, err := store.Promote(t.Context(), c.replication(dir, streamlog.Shape{}))
			wantReason(t, name, err, k.reason)
			if after, _ := c.last(); after != before {
				t.Errorf("the log ended at %d and ends at %d", before, after)
			}
			if k.reason == foreign {
				opened(t, dir, nil).mustCreate(t, "goes-on")
			}
		})
	}
}

// last is where the log ends; an error if there is none.
func (c *cluster) last() (uint64, error) {
	s, err := c.js().Stream(c.t.Context(), streamlog.StreamName("registry"))
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.LastSeq, nil
}

// A journal whose log was lost goes on in a new one, from one replica's file; the others stop until they begin anew.
func TestRebuild(t *testing.T) {
	c := newCluster(t, 1, nil)
	dir := t.TempDir()
	local(t, dir, 3)
	if _, err := store.Promote(t.Context(), c.replication(dir, streamlog.Shape{})); err != nil {
		t.Fatal(err)
	}
	again := c.replication(dir, streamlog.Shape{})
	again.Rebuild = true
	_, err := store.Promote(t.Context(), again)
	wantReason(t, "the log is there", err, faultpb.Reason_REASON_STREAM_FOREIGN)
	other := copied(t, dir)
	r := opened(t, dir, c.opens())
	r.mustCreate(t, "shared-1", "shared-2")
	r.end(t)
	if err := c.js().DeleteStream(t.Context(), streamlog.StreamName("registry")); err != nil {
		t.Fatal(err)
	}
	out, err := store.Promote(t.Context(), again)
	if err != nil || out.Position != 7 {
		t.Fatalf("%+v, %v", out, err)
	}
	r = opened(t, dir, c.opens())
	r.mustCreate(t, "rebuilt")
	if r.Head().GetEvents() != 6 {
		t.Errorf("it has %d events", r.Head().GetEvents())
	}
	behind := opened(t, other, c.opens())
	wantReason(t, "another replica", behind.Healthy(), faultpb.Reason_REASON_INCARNATION_FOREIGN)
	fetched := copied(t, dir)
	eventually(t, func() error { return errors.Join(opened(t, fetched, c.opens()).Healthy()) })
}

// A backup of a store on a shared log is restored to one with a log of its own.
func TestRestoreLeavesTheLog(t *testing.T) {
	c := newCluster(t, 1, nil)
	dir, from, to := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "new")
	local(t, dir, 3)
	if _, err := store.Promote(t.Context(), c.replication(dir, streamlog.Shape{})); err != nil {
		t.Fatal(err)
	}
	r := opened(t, dir, c.opens())
	f, err := os.Create(filepath.Join(from, "registry.db"))
	if err == nil {
		_, err = r.Backup(t.Context(), f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(t.Context(), from, to, []string{"registry"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	opened(t, to, nil).mustCreate(t, "restored")
}
