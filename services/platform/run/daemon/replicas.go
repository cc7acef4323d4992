package daemon

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"

	"coso/services/platform/mtls"
	"coso/services/platform/replica"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
)

// Replicas are the settings of a service that runs in several replicas.
type Replicas struct {
	Log            string   `help:"Which log orders the journal: local, the data folder's own; nats, one on NATS that the replicas of the service share (coso replicate puts the journal there)." enum:"local,nats" default:"local"`
	Replica        string   `help:"With --log nats: the name of this replica, one of --replicas." placeholder:"NAME"`
	Replicas       []string `help:"With --log nats: all replicas of the service, this one too, with the addresses at which they answer gRPC, separated by commas: r1=10.0.0.1:8101,r2=10.0.0.2:8101,r3=10.0.0.3:8101." placeholder:"NAME=ADDRESS"`
	AcceptLazySync bool     `help:"With --log nats: write although the nats-servers have not been seen to sync what they acknowledge. A power cut may then take what was acknowledged; readiness warns for ever."`
}

// shared reports whether the journal is in a log that replicas share.
func (r Replicas) shared() bool { return r.Log == "nats" }

// check answers the replicas and what is wrong with the settings.
func (r Replicas) check() (replica.Names, error) {
	if !r.shared() {
		var wrong []error
		for setting, given := range map[string]bool{"replica": r.Replica != "", "replicas": len(r.Replicas) > 0, "accept-lazy-sync": r.AcceptLazySync} {
			if given {
				wrong = append(wrong, fmt.Errorf("--%s: it goes with --log nats; give that too, or leave this out", setting))
			}
		}
		return nil, errors.Join(wrong...)
	}
	names, err := replica.ParseNames(r.Replicas)
	if err != nil {
		return nil, named("replicas", err)
	}
	if _, there := names[r.Replica]; !there {
		return nil, fmt.Errorf("--replica: %q is none of --replicas, %v; give the name of this one", r.Replica, names.Sorted())
	}
	return names, nil
}

// replica is this replica of a service and its ways to the others; nil: the service is alone.
func (p *process) replica(open *closers, id *mtls.Identity, b *bus, js jetstream.JetStream, logger *slog.Logger) (*run.Replica, error) {
	if !p.s.shared() {
		return nil, nil //nolint:nilnil // none is no mistake
	}
	names, err := p.s.Replicas.check()
	if err != nil {
		return nil, err
	}
	out := &run.Replica{
		Self: p.s.Replica, Peers: map[string]grpc.ClientConnInterface{}, JetStream: js, System: b.Conn, AcceptLazySync: p.s.AcceptLazySync,
	}
	for name, addr := range names {
		if name == out.Self {
			continue
		}
		conn, err := rpc.DialService(addr, p.name, id)
		if err != nil {
			return nil, named("replicas", err)
		}
		open.add(conn.Close)
		out.Peers[name] = conn
	}
	logger.Info("is one of several replicas", "replica", out.Self, "replicas", names.Sorted())
	return out, nil
}
