package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
)

// natsPlaces are addresses as nats.Connect takes them, without all but host and port. It answers an error for what is no
// address of NATS.
func natsPlaces(addresses string) ([]rpc.Place, error) {
	var places []rpc.Place
	for one := range strings.SplitSeq(addresses, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return nil, errors.New("--nats: an address of NATS is nats://host:port, e.g. nats://127.0.0.1:4222") // the parser would repeat a password
		}
		if u.Scheme != "nats" || u.Hostname() == "" {
			return nil, fmt.Errorf("--nats: %q is no address of NATS, nats://host:port, e.g. nats://127.0.0.1:4222", u.Redacted())
		}
		port := u.Port()
		if port == "" {
			port = "4222"
		}
		place := rpc.Place{Setting: "nats", Addr: net.JoinHostPort(u.Hostname(), port)}
		if err := Address(place.Setting, place.Addr); err != nil {
			return nil, err
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places, nil
}

// Bus is the setting of a process that announces and follows by NATS.
type Bus struct {
	NATS string `name:"nats" help:"Address of NATS, which carries the change events; several separated by commas." default:"nats://127.0.0.1:4222"`
}

// Check answers the addresses, and what is wrong with them.
func (b Bus) Check() ([]rpc.Place, error) { return natsPlaces(b.NATS) }

// Connect makes a connection for the process of a name, which proves to be id, to a NATS that need not be there: it is tried for
// ever. away says, once there is an error, why there is no connection; end closes it.
func (b Bus) Connect(name string, id *mtls.Identity, logger *slog.Logger) (js jetstream.JetStream, away func() error, end func(), err error) {
	c, js, err := connect(b.NATS, name, id, logger)
	if err != nil {
		return nil, nil, nil, err
	}
	return js, c.away, c.Close, nil
}

// bus is a connection to NATS.
type bus struct {
	*nats.Conn

	addresses string
	// refusal is why NATS or this process broke off the last attempt, and what to do; nil: not for what one of them showed.
	refusal atomic.Pointer[string]
}

// connect makes a connection to NATS that need not be there: it is tried for ever. Nothing is kept for sending while it is
// away: what is to be announced waits in the journal.
func connect(addresses, service string, id *mtls.Identity, logger *slog.Logger) (*bus, jetstream.JetStream, error) {
	logger = logger.With("part", "nats")
	b := &bus{addresses: addresses}
	o := append(proving(service, id), nats.Name("coso "+service),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond), nats.ReconnectBufSize(-1), nats.Timeout(2*time.Second),
		nats.PingInterval(10*time.Second), nats.MaxPingsOutstanding(2), nats.IgnoreDiscoveredServers(), nats.DontRandomize(),
		nats.ConnectHandler(func(c *nats.Conn) { logger.Info("connected", "to", c.ConnectedUrlRedacted()) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("NATS is away; change events wait in the journal", "error", explained(err))
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { logger.Info("connected again", "to", c.ConnectedUrlRedacted()) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.tried(logger, err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { logger.Warn("NATS complains", "error", err) }))
	var err error
	if b.Conn, err = nats.Connect(addresses, o...); err != nil {
		return nil, nil, fmt.Errorf("NATS: %w", explained(err))
	}
	js, err := jetstream.New(b.Conn)
	if err != nil {
		b.Close()
		return nil, nil, fmt.Errorf("NATS: %w", err)
	}
	if !b.IsConnected() {
		logger.Warn("NATS does not answer yet; change events wait in the journal", "at", redacted(addresses))
	}
	return b, js, nil
}

// tried takes the outcome of an attempt that failed.
func (b *bus) tried(logger *slog.Logger, err error) {
	why := explained(err).Error()
	if why == err.Error() { // the server is away, no more
		b.refusal.Store(nil)
		return
	}
	if before := b.refusal.Swap(&why); before == nil || *before != why {
		logger.Error("no connection to NATS; change events wait in the journal", "error", why)
	}
}

// proving are the options with which a process proves to NATS who it is. What it subscribes to for answers is its own: with its
// credentials it can read nobody else's.
func proving(service string, id *mtls.Identity) []nats.Option {
	return []nats.Option{
		nats.Secure(id.Calling(mtls.NATS)), nats.ClientTLSConfig(id.Certificate, id.Roots),
		nats.CustomInboxPrefix("_INBOX." + service), // as its permissions have it
	}
}

// explained is why NATS is away, with what to do about it.
func explained(err error) error {
	switch {
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("NATS speaks clear text there; start it with the nats.conf that coso certs makes: %w", err)
	case errors.Is(err, nats.ErrAuthorization):
		return fmt.Errorf("NATS knows no user for the certificate of this process; start it with the nats.conf that coso certs makes: %w", err)
	}
	said := mtls.Explain(mtls.NATS, err)
	if errors.Is(err, nats.ErrTLS) && said.Error() == err.Error() { // it closed before its reason could be read
		return fmt.Errorf("NATS refuses what this process shows; it asks for a certificate of its CA: %w", err)
	}
	return said
}

// away says that NATS is not connected.
func (b *bus) away() error {
	if b.IsConnected() {
		return nil
	}
	if why := b.refusal.Load(); why != nil {
		return fmt.Errorf("no connection to NATS at %s, change events wait in the journal: %s", redacted(b.addresses), *why)
	}
	return fmt.Errorf("NATS does not answer at %s: change events wait in the journal", redacted(b.addresses))
}

// redacted are addresses without passwords.
func redacted(addresses string) string {
	var shown []string
	for one := range strings.SplitSeq(addresses, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil {
			shown = append(shown, u.Redacted())
		}
	}
	return strings.Join(shown, ", ")
}
