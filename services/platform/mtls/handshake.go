package mtls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// limit is how long a caller may take to prove who it is.
	limit = 10 * time.Second
	// linger is how long a refused caller has to read why.
	linger = time.Second
	// quiet is how often a refusal is logged at most; all are counted.
	quiet = time.Second
)

// handshake is TLS for gRPC, with the certificate that is in use when a connection is made.
type handshake struct {
	credentials.TransportCredentials // what clear text says of itself, replaced below

	id *Identity
	// service is whom a client calls.
	service string
}

// Dialling are the credentials with which this process calls a service.
func (i *Identity) Dialling(service string) credentials.TransportCredentials {
	return handshake{TransportCredentials: insecure.NewCredentials(), id: i, service: service}
}

// Answering are the credentials of this process's server. A Unix socket needs none: its file says who may use it.
func (i *Identity) Answering() credentials.TransportCredentials {
	return handshake{TransportCredentials: insecure.NewCredentials(), id: i}
}

// Info implements credentials.TransportCredentials.
func (h handshake) Info() credentials.ProtocolInfo { return credentials.NewTLS(nil).Info() }

// Clone implements credentials.TransportCredentials.
func (h handshake) Clone() credentials.TransportCredentials { return h }

// ClientHandshake implements credentials.TransportCredentials.
func (h handshake) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := credentials.NewTLS(h.id.Calling(h.service)).ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, Explain(h.service, err)
	}
	// In TLS 1.3 the other side refuses a certificate after the handshake.
	return &reading{Conn: conn, service: h.service}, info, nil
}

// ServerHandshake implements credentials.TransportCredentials.
func (h handshake) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if raw.LocalAddr().Network() == "unix" {
		return h.TransportCredentials.ServerHandshake(raw)
	}
	conn := tls.Server(raw, h.id.answering("h2"))
	if err := h.id.prove(conn, raw); err != nil {
		return nil, nil, err
	}
	info := credentials.TLSInfo{State: conn.ConnectionState()}
	info.SecurityLevel = credentials.PrivacyAndIntegrity
	return conn, info, nil
}

// prove lets the caller on raw prove who it is. One who does not is told why and hung up on.
func (i *Identity) prove(conn *tls.Conn, raw net.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if err != nil {
		i.refused(raw, err)
	}
	return err
}

// refusals counts refused connections.
type refusals struct {
	count  atomic.Int64
	logged atomic.Int64
}

// refused tells the operator of a connection that was refused, and lets the caller read what TLS said of it: closing at once
// would throw it away.
func (i *Identity) refused(raw net.Conn, err error) {
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		err = fmt.Errorf("the caller speaks clear text, as no process of coso does; see who it is: %w", err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		err = fmt.Errorf("the caller refuses the certificate of this process; its log says why: %w", err)
	}
	if !errors.Is(err, io.EOF) { // a connection that was opened and closed, as by a scan, says nothing
		i.refusals.count.Add(1)
		now := time.Now().UnixNano()
		if last := i.refusals.logged.Load(); now-last > int64(quiet) && i.refusals.logged.CompareAndSwap(last, now) {
			i.logger.Warn("a connection was refused", "from", raw.RemoteAddr().String(), "error", timely(err, time.Now()))
		}
	}
	if half, ok := raw.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil && raw.SetReadDeadline(time.Now().Add(linger)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(raw, 1<<20))
	}
}

// reading explains the errors of reading from a service.
type reading struct {
	net.Conn

	service string
}

// Read implements net.Conn.
func (r *reading) Read(into []byte) (int, error) {
	n, err := r.Conn.Read(into)
	return n, Explain(r.service, err)
}
