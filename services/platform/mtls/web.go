package mtls

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
)

// protocol is what is spoken where a process asks another by HTTP.
const protocol = "http/1.1"

var errClearText = errors.New("processes ask each other by https alone: write https:// in the address")

// Asking is how this process asks another by HTTPS: it proves by the certificate that is in use who it is, and hangs up on
// everybody else (INV-MTLS-NAMED). Every request has a connection of its own, so a new certificate counts from the next one on. No
// proxy is asked. Errors say what to do, as far as certificates are the reason (Explain). It is safe for concurrent use.
func (i *Identity) Asking(process string) http.RoundTripper {
	return asking{process: process, way: &http.Transport{
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			config := i.Calling(process)
			config.NextProtos = []string{protocol}
			return (&tls.Dialer{Config: config}).DialContext(ctx, network, addr)
		},
	}}
}

// asking explains the errors of asking a process.
type asking struct {
	process string
	way     *http.Transport
}

// RoundTrip implements http.RoundTripper. Nothing is sent in clear text.
func (a asking) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		if r.Body != nil {
			_ = r.Body.Close() // as the interface has it; nothing was read
		}
		return nil, errClearText
	}
	answer, err := a.way.RoundTrip(r)
	// In TLS 1.3 the other side refuses a certificate after the handshake, so this error may come from either.
	return answer, Explain(a.process, err)
}

// Proving is a listener for an HTTP server of this process: who connects proves by a certificate to be one of those that may
// (INV-MTLS-CALLERS), before anything is read from them. The proof is part of the server's time limit for headers, and
// connections without one are bounded (INV-MTLS-UNPROVED). Refusals are logged and counted as those of gRPC.
func (i *Identity) Proving(lis net.Listener) net.Listener { return proving{lis, i, &Unproved{}} }

type proving struct {
	net.Listener

	id       *Identity
	unproved *Unproved
}

// Accept implements net.Listener. It waits for no proof.
func (p proving) Accept() (net.Conn, error) {
	n, err := p.unproved.Accept(p.Listener)
	if err != nil {
		return nil, err
	}
	conn := tls.Server(n, p.id.answering(protocol))
	return &proved{Conn: conn, proof: sync.OnceValue(func() error {
		err := p.id.prove(conn, n.Conn)
		if err == nil {
			n.Leave()
		}
		return err
	})}, nil
}

// proved is a connection on which nothing is said before the other side has proved who it is.
type proved struct {
	net.Conn

	proof func() error
}

// Read implements net.Conn.
func (p *proved) Read(into []byte) (int, error) {
	if err := p.proof(); err != nil {
		return 0, err
	}
	return p.Conn.Read(into)
}

// Write implements net.Conn.
func (p *proved) Write(out []byte) (int, error) {
	if err := p.proof(); err != nil {
		return 0, err
	}
	return p.Conn.Write(out)
}
