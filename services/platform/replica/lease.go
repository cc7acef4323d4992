package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// leaseFor is how long a lease holds that nobody renews; renewed more often than a third of it, it outlives a lost message.
	leaseFor = 6 * time.Second
	// renewEvery is how often it is renewed, and how often the others try to take it.
	renewEvery = 1500 * time.Millisecond
	// leaseKey is the key in the service's bucket whose value is the holder's name.
	leaseKey = "holder"
)

// LeaseBucket is the name of the key-value bucket that holds a service's lease: `COSO_LEASE_REGISTRY`.
func LeaseBucket(service string) string { return "COSO_LEASE_" + strings.ToUpper(service) }

// Lease lets work that one replica is enough for be done by one replica at a time. It is for economy alone: two may hold it for
// moments, and what they do must bear it, by position, cursor or request id.
type Lease struct {
	// JetStream keeps the lease.
	JetStream jetstream.JetStream
	// Service is the service's name, Replica this replica's.
	Service, Replica string
	// Copies is on how many servers the bucket lies: as many as the log.
	Copies int
	// Sound answers nil while the replica is fit for the work; nil: always.
	Sound func() error
	// Logger takes who begins and ends; nil: slog.Default.
	Logger *slog.Logger
}

// Hold runs work while this replica has the lease, again and again until ctx ends; the context of work ends when the lease may be
// another's. It returns when ctx has ended and work has returned.
func (l Lease) Hold(ctx context.Context, work func(context.Context)) {
	if l.Logger == nil {
		l.Logger = slog.Default()
	}
	l.Logger = l.Logger.With("service", l.Service, "replica", l.Replica)
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	if l.Sound == nil {
		l.Sound = func() error { return nil }
	}
	for said := ""; ctx.Err() == nil; {
		revision, asked, err := uint64(0), time.Now(), l.Sound()
		if err == nil {
			revision, err = l.take(ctx)
		}
		switch {
		case err == nil:
			said = ""
			l.Logger.InfoContext(ctx, "holds the lease: relays, follows and fires timers")
			l.keep(ctx, revision, asked, work)
			l.Logger.InfoContext(ctx, "holds the lease no more")
		case !errors.Is(err, jetstream.ErrKeyExists) && ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			l.Logger.WarnContext(ctx, "the lease cannot be asked for", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// take takes the lease if nobody holds it, or if it is this replica's from before a restart.
func (l Lease) take(ctx context.Context) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	bucket, err := l.bucket(ctx)
	if err != nil {
		return 0, err
	}
	revision, err = bucket.Create(ctx, leaseKey, []byte(l.Replica))
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return revision, err
	}
	there, err := bucket.Get(ctx, leaseKey)
	if err != nil || string(there.Value()) != l.Replica {
		return 0, errors.Join(jetstream.ErrKeyExists, err)
	}
	return bucket.Update(ctx, leaseKey, []byte(l.Replica), there.Revision())
}

// bucket is the service's, made if it is not there.
func (l Lease) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	bucket, err := l.JetStream.KeyValue(ctx, LeaseBucket(l.Service))
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return bucket, err
	}
	bucket, err = l.JetStream.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: LeaseBucket(l.Service), Description: "which replica of " + l.Service + " does what one is enough for",
		TTL: leaseFor, History: 1, Storage: jetstream.FileStorage, Replicas: max(l.Copies, 1),
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", LeaseBucket(l.Service), err)
	}
	return bucket, nil
}

// keep runs work while the lease can be renewed in time; asked is before it was taken. The server counts from when it got the
// question: so does who holds it, from before it asked, however long an answer takes. It gives the lease back at the end.
func (l Lease) keep(ctx context.Context, revision uint64, asked time.Time, work func(context.Context)) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(working)
	}()
	left := func() time.Duration { return time.Until(asked.Add(leaseFor - renewEvery)) }
	end := time.AfterFunc(left(), stop)
	defer end.Stop()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for working.Err() == nil {
		select {
		case <-working.Done():
		case <-done:
			stop()
		case <-tick.C:
			if err := l.Sound(); err != nil {
				l.Logger.WarnContext(ctx, "the lease is given up", "error", err)
				stop()
				continue
			}
			began := time.Now()
			next, err := l.renew(ctx, revision)
			switch {
			case err == nil:
				revision, asked = next, began
				end.Reset(left())
			case errors.Is(err, jetstream.ErrKeyExists), left() <= 0:
				l.Logger.WarnContext(ctx, "the lease is lost", "error", err)
				stop()
			}
		}
	}
	<-done
	l.giveBack(context.WithoutCancel(ctx), revision)
}

func (l Lease) renew(ctx context.Context, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	bucket, err := l.JetStream.KeyValue(ctx, LeaseBucket(l.Service))
	if err != nil {
		return 0, err
	}
	return bucket.Update(ctx, leaseKey, []byte(l.Replica), revision)
}

// giveBack lets others take the lease at once, if it is still this replica's. Otherwise it runs out by itself.
func (l Lease) giveBack(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, renewEvery)
	defer cancel()
	bucket, err := l.JetStream.KeyValue(ctx, LeaseBucket(l.Service))
	if err == nil {
		err = bucket.Delete(ctx, leaseKey, jetstream.LastRevision(revision))
	}
	if err != nil {
		l.Logger.DebugContext(ctx, "the lease was not given back; it runs out", "error", err)
	}
}
