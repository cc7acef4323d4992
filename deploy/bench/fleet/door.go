package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run/daemon"
	"coso/services/platform/streamlog"
	"coso/services/platform/token"
	"coso/services/platform/wait"
	"coso/services/registry"
)

// askLimit bounds one question.
const askLimit = 2 * time.Second

// door is how this process asks replicas and nats-servers.
type door struct {
	// ways are the gateway's to each replica, beside those of another process of the registry.
	ways, beside [Size]*grpc.ClientConn
	js           jetstream.JetStream
	end          func()
}

func openDoor(f *Fleet) (d *door, err error) {
	d = &door{}
	gate, err := f.Identity(mtls.Gateway)
	if err != nil {
		return d, err
	}
	own, err := f.Identity(registry.Name)
	if err != nil {
		return d, err
	}
	for i := range Size {
		addr := f.replica(i) + ":8101"
		if d.ways[i], err = rpc.DialService(addr, registry.Name, gate); err != nil {
			return d, err
		}
		if d.beside[i], err = rpc.DialService(addr, registry.Name, own); err != nil {
			return d, err
		}
	}
	d.js, _, d.end, err = daemon.Bus{NATS: f.Bus()}.Connect(registry.Name, own, slog.New(slog.DiscardHandler))
	return d, err
}

func (d *door) close() error {
	var failed error
	for i := range Size {
		for _, conn := range []*grpc.ClientConn{d.ways[i], d.beside[i]} {
			if conn != nil {
				failed = errors.Join(failed, conn.Close())
			}
		}
	}
	if d.end != nil {
		d.end()
	}
	return failed
}

// Way is the gateway's way to a replica.
func (f *Fleet) Way(i int) grpc.ClientConnInterface { return f.door.ways[i] }

// As is a context in which the administrator asks a replica.
func (f *Fleet) As(ctx context.Context) (context.Context, error) {
	bearer, err := f.Admin.Session.Bearer(ctx)
	return metadata.AppendToOutgoingContext(ctx, token.Header, "Bearer "+bearer), err
}

// Writer is which replica wrote last, as the first that is asked and answers knows.
func (f *Fleet) Writer(ctx context.Context) (int, error) {
	var failed error
	for i := range Size {
		asking, cancel := context.WithTimeout(ctx, askLimit)
		s, err := replicapb.NewReplicaServiceClient(f.door.beside[i]).GetReplicaState(asking, &replicapb.GetReplicaStateRequest{})
		cancel()
		for j := range Size {
			if err == nil && s.GetWriter() == Name(j) {
				return j, nil
			}
		}
		failed = errors.Join(failed, err)
	}
	return 0, errors.Join(errors.New("no replica knows who writes"), failed)
}

// cluster is how the servers of the log say that they do; only one that leads answers.
func (f *Fleet) cluster(ctx context.Context, limit time.Duration) (*jetstream.ClusterInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stream, err := f.door.js.Stream(ctx, streamlog.StreamName(registry.Name))
	if err != nil {
		return nil, err
	}
	if stream.CachedInfo().Cluster == nil {
		return nil, errors.New("the log is on one server")
	}
	return stream.CachedInfo().Cluster, nil
}

// Leader is which nats-server leads the log, if that is said within a time.
func (f *Fleet) Leader(ctx context.Context, limit time.Duration) (int, error) {
	c, err := f.cluster(ctx, limit)
	if err != nil {
		return 0, err
	}
	for i := range Size {
		if c.Leader == serverName(i) {
			return i, nil
		}
	}
	return 0, errors.New("nobody leads the log")
}

// whole answers nil if the log is on all servers.
func (f *Fleet) whole(ctx context.Context) error {
	c, err := f.cluster(ctx, askLimit)
	if err == nil && len(c.Replicas) != Size-1 {
		err = errors.New("the log is on fewer servers")
	}
	if err != nil {
		return err
	}
	for _, peer := range c.Replicas {
		if !peer.Current || peer.Offline {
			return fmt.Errorf("%s does not follow the leader of the log", peer.Name)
		}
	}
	return nil
}

// idle is how much of a processor a replica uses in a second that has nothing to do but to look after the others.
const idle = 60 * time.Millisecond

// Rest waits until the replicas that run have done what follows a start: they count their rows, and walk their journals.
func (f *Fleet) Rest(ctx context.Context) error {
	return Until(ctx, "the replicas have nothing to do", func() error {
		var before [Size]time.Duration
		for i, p := range f.Replicas {
			var err error
			if before[i], err = p.used(); err != nil {
				return err
			}
		}
		if err := wait.For(ctx, time.Second); err != nil {
			return err
		}
		for i, p := range f.Replicas {
			if now, err := p.used(); err != nil || now-before[i] > idle {
				return errors.Join(err, fmt.Errorf("%s works for %s in a second", p.Name, now-before[i]))
			}
		}
		return nil
	})
}

// Heal starts what has ended, and waits until all replicas are ready and the log is on all servers.
func (f *Fleet) Heal(ctx context.Context) error {
	for _, p := range append(append([]*Process{}, f.Servers[:]...), f.Replicas[:]...) {
		if !p.Runs() {
			if err := p.Start(); err != nil {
				return err
			}
		}
	}
	for i := range Size {
		if err := f.Ready(ctx, i); err != nil {
			return err
		}
	}
	return Until(ctx, "the log is on all servers", func() error { return f.whole(ctx) })
}
