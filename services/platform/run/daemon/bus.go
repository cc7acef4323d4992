package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/rpc"
)

// natsPlaces are addresses as nats.Connect takes them, without all but host and port. It answers an error for what is no
// address of NATS on this machine.
func natsPlaces(addresses string) ([]rpc.Place, error) {
	var places []rpc.Place
	for one := range strings.SplitSeq(addresses, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil {
			return nil, errors.New("an address of NATS is nats://host:port, e.g. nats://127.0.0.1:4222") // the parser would repeat a password
		}
		if u.Scheme != "nats" || u.Hostname() == "" {
			return nil, fmt.Errorf("%q is no address of NATS, nats://host:port, e.g. nats://127.0.0.1:4222", u.Redacted())
		}
		port := u.Port()
		if port == "" {
			port = "4222"
		}
		place := rpc.Place{Setting: "nats", Addr: net.JoinHostPort(u.Hostname(), port)}
		if err := rpc.Loopback(place.Addr); err != nil {
			return nil, err
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places, nil
}

// connect makes a connection to NATS that need not be there: it is tried for ever. Nothing is kept for sending while it is
// away: what is to be announced waits in the journal.
func connect(addresses, service string, logger *slog.Logger) (*nats.Conn, jetstream.JetStream, error) {
	logger = logger.With("part", "nats")
	conn, err := nats.Connect(addresses, nats.Name("coso "+service),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(200*time.Millisecond, 200*time.Millisecond), nats.ReconnectBufSize(-1), nats.Timeout(2*time.Second),
		nats.PingInterval(10*time.Second), nats.MaxPingsOutstanding(2), nats.IgnoreDiscoveredServers(), nats.DontRandomize(),
		nats.ConnectHandler(func(c *nats.Conn) { logger.Info("connected", "to", c.ConnectedUrlRedacted()) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				logger.Warn("NATS is away; change events wait in the journal", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { logger.Info("connected again", "to", c.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { logger.Warn("NATS complains", "error", err) }))
	if err != nil {
		return nil, nil, fmt.Errorf("NATS: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("NATS: %w", err)
	}
	if !conn.IsConnected() {
		logger.Warn("NATS does not answer yet; change events wait in the journal", "at", redacted(addresses))
	}
	return conn, js, nil
}

// away says that NATS is not connected.
func away(conn *nats.Conn, addresses string) error {
	if conn.IsConnected() {
		return nil
	}
	return fmt.Errorf("NATS does not answer at %s: change events wait in the journal", redacted(addresses))
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
