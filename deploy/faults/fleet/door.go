package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"coso/deploy/faults/cage"
	"coso/deploy/faults/client"
	"coso/gateway"
	accesspb "coso/proto/gen/coso/access/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/certs"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run/daemon"
	"coso/services/platform/token"
	"coso/services/registry"
)

const (
	keysPort = ":8105"
	keysPath = "/.well-known/jwks.json"
)

// Door is how this process asks replicas and servers: as the gateway, which signs the tokens of those for whom it asks, and as
// another process of the registry, which may look at what replicas and streams hold.
type Door struct {
	// Signer signs tokens that the replicas accept.
	Signer *token.Signer
	// Ways are the gateway's ways to the replicas, in order.
	Ways []client.Way

	beside  []replicapb.ReplicaServiceClient
	js      jetstream.JetStream
	closers []func() error
}

func openDoor(ctx context.Context, f *Fleet) (d *Door, err error) {
	d = &Door{}
	gate, err := f.identity(mtls.Gateway)
	if err != nil {
		return d, err
	}
	if err := d.serveKeys(ctx, f, gate); err != nil {
		return d, err
	}
	own, err := f.identity(registry.Name)
	if err != nil {
		return d, err
	}
	for i := range Size {
		addr := f.Net.At(replica(i)) + grpcPort
		way, err := rpc.DialService(addr, registry.Name, gate)
		if err != nil {
			return d, err
		}
		beside, err := rpc.DialService(addr, registry.Name, own)
		if err != nil {
			return d, errors.Join(err, way.Close())
		}
		d.closers = append(d.closers, way.Close, beside.Close)
		d.Ways = append(d.Ways, client.Way{Name: replica(i), Conn: way})
		d.beside = append(d.beside, replicapb.NewReplicaServiceClient(beside))
	}
	js, _, end, err := daemon.Bus{NATS: f.buses(0)}.Connect(registry.Name, own, f.o.Logger)
	if err != nil {
		return d, err
	}
	d.js = js
	d.closers = append(d.closers, func() error { end(); return nil })
	return d, nil
}

// identity is who this process is by the certificate of a name.
func (f *Fleet) identity(name string) (*mtls.Identity, error) {
	return mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(f.certs, name), Logger: f.o.Logger})
}

// serveKeys makes the keys of the tokens and serves them as the gateway does.
func (d *Door) serveKeys(ctx context.Context, f *Fleet, gate *mtls.Identity) error {
	ring, _, err := token.Rotate(&accesspb.KeyRingPrivate{}, time.Now())
	if err != nil {
		return err
	}
	d.Signer, err = token.NewSigner(token.SignerOptions{Issuer: token.OwnIssuer, Audience: token.OwnAudience, Now: time.Now}, ring)
	if err != nil {
		return err
	}
	lis, err := rpc.ListenNetwork(ctx, cage.Hub+keysPort)
	if err != nil {
		return err
	}
	server := gateway.NewServer(f.o.Logger, gateway.KeysHandler(f.o.Logger, func(context.Context) ([]byte, error) { return d.Signer.Document() }))
	go func() {
		if err := server.Serve(gate.Proving(lis)); !errors.Is(err, http.ErrServerClosed) {
			f.o.Logger.Error("the keys are served no more", "error", err)
		}
	}()
	d.closers = append(d.closers, server.Close)
	return nil
}

// State is what a replica says that it holds.
func (d *Door) State(ctx context.Context, i int) (*replicapb.ReplicaState, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	state, err := d.beside[i].GetReplicaState(ctx, &replicapb.GetReplicaStateRequest{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", replica(i), err)
	}
	return state, nil
}

// close ends what the door began.
func (d *Door) close() error {
	var failed error
	for _, end := range d.closers {
		failed = errors.Join(failed, end())
	}
	return failed
}
