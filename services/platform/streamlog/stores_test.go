package streamlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
)

// replica is a store on the log.
type replica struct {
	*store.Store
	units *store.Table[*registrypb.Unit]
}

func (c *cluster) replica(dir string) *replica {
	c.t.Helper()
	l, err := streamlog.Open(c.t.Context(), c.log())
	if err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, func() error { l.Look(c.t.Context()); return l.Sound() })
	r := &replica{units: store.NewTable("units", (*registrypb.Unit).GetName)}
	r.Store, err = store.Open(store.Options{
		Dir: dir, Service: "registry", Schema: store.NewSchema(r.units), MapSize: 16 << 20, Logger: slog.New(slog.DiscardHandler),
		Log: l, Key: bytes.Repeat([]byte{7}, 32),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := r.Verify(context.Background(), nil); err != nil {
			c.t.Errorf("the journal is not sound: %v", err)
		}
		if err := r.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return r
}

// insist sends a command with a request id until it has a definite answer.
func (r *replica) insist(ctx context.Context, requestID string, run func(tx *store.Tx) (*registrypb.Unit, error)) error {
	var definite error
	tried := try(func() error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		ctx = access.WithMethod(access.With(ctx, access.Principal{Name: "principals/clerk"}), "/test/Method")
		_, definite = store.Update(ctx, r.Store, &registrypb.CreateUnitRequest{RequestId: requestID}, run)
		if errors.Is(definite, context.DeadlineExceeded) || fault.KindOf(definite) == fault.KindUnavailable {
			return definite
		}
		return nil
	})
	return errors.Join(tried, definite)
}

func (r *replica) create(ctx context.Context, id string) error {
	return r.insist(ctx, "create-"+id, func(tx *store.Tx) (*registrypb.Unit, error) {
		u := &registrypb.Unit{Name: "units/" + id, DisplayName: "Đơn vị " + id, Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
		return r.units.Create(tx, u, &registrypb.UnitCreated{})
	})
}

// count adds one to the number that a unit is called by.
func (r *replica) count(ctx context.Context, name, requestID string) error {
	return r.insist(ctx, requestID, func(tx *store.Tx) (*registrypb.Unit, error) {
		u, err := r.units.Get(tx, name)
		if err != nil {
			return nil, err
		}
		var n int
		if _, err := fmt.Sscanf(u.GetDisplayName(), "%d", &n); err != nil && u.GetDisplayName() != "Đơn vị shared" {
			return nil, err
		}
		u.DisplayName = fmt.Sprint(n + 1)
		return r.units.Put(tx, u, &registrypb.UnitUpdated{})
	})
}

// INV-STORE-ONE-JOURNAL on JetStream: three stores write one journal while its servers are stopped and started one after the
// other. Every acknowledged command took effect once, however often it was sent; all stores end with the same journal.
func TestStoresOnOneLog(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.make(c.log(), streamlog.Shape{Replicas: 3})
	var replicas []*replica
	for range 3 {
		replicas = append(replicas, c.replica(t.TempDir()))
	}
	if err := replicas[0].create(t.Context(), "shared"); err != nil {
		t.Fatal(err)
	}
	const steps, users = 12, 2
	var work sync.WaitGroup
	for i, r := range replicas {
		for u := range users {
			work.Go(func() {
				for s := range steps {
					id := fmt.Sprintf("u%d-%d-%d", i, u, s)
					if err := errors.Join(r.create(t.Context(), id), r.count(t.Context(), "units/shared", "count-"+id)); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); work.Wait() }()
	for i := 0; ; i++ { // one server after the other is away for a moment, until all is done
		which := (i + rand.IntN(2)) % 3
		c.stop(which)
		c.start(which)
		select {
		case <-done:
		case <-time.After(time.Second):
			continue
		}
		break
	}
	all := len(replicas) * users * steps
	for i, r := range replicas { // who has passed a command of its own has everything before it
		if err := r.create(t.Context(), fmt.Sprintf("last-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error {
		for _, r := range replicas[1:] {
			if diff := cmp.Diff(replicas[0].Head(), r.Head(), protocmp.Transform()); diff != "" {
				return errors.New(diff)
			}
		}
		return nil
	})
	for i, r := range replicas {
		u, err := store.View(access.With(t.Context(), access.Principal{Name: "principals/clerk"}), r.Store, func(tx *store.ReadTx) (*registrypb.Unit, error) {
			return r.units.Get(tx, "units/shared")
		})
		if err != nil || u.GetDisplayName() != fmt.Sprint(all) {
			t.Errorf("replica %d counted %s of %d (%v)", i, u.GetDisplayName(), all, err)
		}
		if err := r.Healthy(); err != nil {
			t.Error(err)
		}
	}
	if events := replicas[0].Head().GetEvents(); events != uint64(2*all+1+len(replicas)) || !proto.Equal(replicas[0].Head(), replicas[2].Head()) {
		t.Errorf("%d events of %d commands", events, 2*all+1+len(replicas))
	}
}
