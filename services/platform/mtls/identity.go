package mtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	"coso/services/platform/civil"
)

const (
	// every is how often the files are looked at.
	every = 2 * time.Second
	// Soon is how long before its end a certificate is warned of.
	Soon = 14 * 24 * time.Hour
	// remind is how often it is.
	remind = 24 * time.Hour
)

// Options say who a process is.
type Options struct {
	// Name is the process's name: `registry`.
	Name string
	// Files prove it.
	Files Files
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
	// Every is how often the files are looked at; 0: every 2 seconds. A change is taken once it has stood still that long.
	Every time.Duration
	// Now answers the time; nil: the machine's. Connections are judged by the machine's.
	Now func() time.Time
}

// Identity is who a process is, as long as Watch runs by what its files say now. It is safe for concurrent use.
type Identity struct {
	o      Options
	logger *slog.Logger
	held   atomic.Pointer[material]
	// trouble is why new files are not taken; nil: there are none, or they were.
	trouble  atomic.Pointer[string]
	refusals refusals
}

// Open reads the files. Its errors are those of Files.Check.
func Open(o Options) (*Identity, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Every == 0 {
		o.Every = every
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m, err := o.Files.load(o.Name, o.Now())
	if err != nil {
		return nil, err
	}
	i := &Identity{o: o, logger: o.Logger.With("part", "certificates")}
	i.held.Store(m)
	return i, nil
}

// Watch takes files that changed, and warns of an end that is near, until ctx ends.
func (i *Identity) Watch(ctx context.Context) {
	defer i.observe()()
	tick := time.NewTicker(i.o.Every)
	defer tick.Stop()
	seen := i.held.Load().state
	var warned time.Time
	for {
		if why := i.Warning(); why != "" && i.o.Now().Sub(warned) >= remind {
			warned = i.o.Now()
			i.logger.WarnContext(ctx, "the certificate in use ends soon", "why", why)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := i.o.Files.look()
		if now == seen { // nobody is in the middle of writing
			i.take(ctx, now)
		}
		seen = now
	}
}

// take reads files that look another way than those held.
func (i *Identity) take(ctx context.Context, now [3]state) {
	if now == i.held.Load().state {
		i.trouble.Store(nil)
		return
	}
	m, err := i.o.Files.load(i.o.Name, i.o.Now())
	if err != nil {
		why := err.Error()
		if before := i.trouble.Swap(&why); before == nil || *before != why {
			i.logger.ErrorContext(ctx, "the new certificate is no good; the old one stays in use", "error", err, "ends", i.Ends())
		}
		return
	}
	i.held.Store(m)
	i.trouble.Store(nil)
	i.logger.InfoContext(ctx, "a new certificate is in use", "ends", m.ends)
}

// Ends is when the certificate in use ends.
func (i *Identity) Ends() time.Time { return i.held.Load().ends }

// Healthy answers nil while the certificate in use holds and no file beside it is broken.
func (i *Identity) Healthy() error {
	var wrong []error
	if why := i.trouble.Load(); why != nil {
		wrong = append(wrong, fmt.Errorf("the new certificate is no good, the old one is used until %s: %s", civil.Moment(i.Ends()), *why))
	}
	if !i.o.Now().Before(i.Ends()) {
		wrong = append(wrong, fmt.Errorf("the certificate ended on %s: nobody answers this process; %s", civil.Moment(i.Ends()), renew))
	}
	return errors.Join(wrong...)
}

// Warning says that the certificate in use ends soon, or has ended; empty: neither.
func (i *Identity) Warning() string {
	if i.Ends().Sub(i.o.Now()) > Soon {
		return ""
	}
	return fmt.Sprintf("the certificate in use ends on %s; %s", civil.Moment(i.Ends()), renew)
}

// Certificate is the one in use, for libraries that ask for it with each connection.
func (i *Identity) Certificate() (tls.Certificate, error) { return i.held.Load().cert, nil }

// Roots are the CAs in use, for libraries that ask for them with each connection.
func (i *Identity) Roots() (*x509.CertPool, error) { return i.held.Load().roots, nil }

// Calling is how this process connects to a service: it hangs up on everybody else (INV-MTLS-NAMED). The host name is the
// dialler's to fill in.
func (i *Identity) Calling(service string) *tls.Config {
	m := i.held.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.cert}, RootCAs: m.roots, NextProtos: []string{"h2"},
		VerifyConnection: func(c tls.ConnectionState) error {
			name, err := nameOf(c.PeerCertificates[0])
			if err == nil && name != service {
				err = fmt.Errorf("%s answers at the address of %s; check the addresses, and that each process has its own certificate", name, service)
			}
			return err
		},
	}
}

// answering is how this process lets others connect (INV-MTLS-CALLERS), to speak a protocol.
func (i *Identity) answering(protocol string) *tls.Config {
	m := i.held.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.cert}, ClientCAs: m.roots, NextProtos: []string{protocol},
		ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true,
		VerifyConnection: func(c tls.ConnectionState) error {
			name, err := nameOf(c.PeerCertificates[0])
			if err == nil && !slices.Contains(Callers(i.o.Name), name) {
				err = fmt.Errorf("%s has no reason to call %s; its callers are %v", name, i.o.Name, Callers(i.o.Name))
			}
			return err
		},
	}
}

// observe makes the gauges.
func (i *Identity) observe() (forget func()) {
	meter := otel.Meter("coso/services/platform/mtls")
	alarm, err1 := meter.Int64ObservableGauge("coso.tls.alarm", metric.WithUnit("1"),
		metric.WithDescription("1: the certificate has ended, or new files are no good."))
	left, err2 := meter.Int64ObservableGauge("coso.tls.left", metric.WithUnit("s"),
		metric.WithDescription("How long the certificate in use still holds; negative: it has ended."))
	refused, err3 := meter.Int64ObservableCounter("coso.tls.refused", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections to this process that were refused for what they showed."))
	registered, err4 := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		bad := int64(0)
		if i.Healthy() != nil {
			bad = 1
		}
		o.ObserveInt64(alarm, bad)
		o.ObserveInt64(left, int64(i.Ends().Sub(i.o.Now()).Seconds()))
		o.ObserveInt64(refused, i.refusals.count.Load())
		return nil
	}, alarm, left, refused)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := registered.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}
