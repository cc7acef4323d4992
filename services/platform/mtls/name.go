package mtls

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// The processes that are no services.
const (
	Gateway = "gateway"
	NATS    = "nats"
)

// Services are the four services, in the order in which data flows.
func Services() []string { return []string{"registry", "membership", "planning", "award"} }

// Names are all processes that have a certificate, in the order in which data flows.
func Names() []string { return append(Services(), Gateway, NATS) }

// Hears is the one table of who follows whom: by NATS, and by asking the source where its events stand.
func Hears(service string) []string {
	switch service {
	case "membership": // where members are admitted, and who may record it
		return []string{"registry"}
	case "planning": // what is counted
		return []string{"registry", "membership"}
	case Gateway: // who may manage accounts
		return []string{"registry"}
	case "award": // targets that were exceeded, and who may see them
		return []string{"registry", "planning"}
	}
	return nil
}

// Callers are those who may connect to a process. To a service: the gateway, which brings what clients ask, those who follow it,
// and its own replicas. To the gateway: the services, which read there by which keys it signs tokens. NATS is not asked this way.
func Callers(process string) []string {
	if process == Gateway {
		return Services()
	}
	callers := []string{Gateway}
	for _, name := range Names() {
		if name != Gateway && (name == process || slices.Contains(Hears(name), process)) {
			callers = append(callers, name)
		}
	}
	return callers
}

// URI is what names a process in its certificate.
func URI(name string) *url.URL { return &url.URL{Scheme: "coso", Host: "services", Path: "/" + name} }

// nameOf is the process whose certificate this is.
func nameOf(cert *x509.Certificate) (string, error) {
	if len(cert.URIs) != 1 {
		return "", fmt.Errorf("the certificate %q names %d processes; one of coso names one, as %s", cert.Subject, len(cert.URIs), URI("registry"))
	}
	name := strings.TrimPrefix(cert.URIs[0].Path, "/")
	if cert.URIs[0].String() != URI(name).String() || !slices.Contains(Names(), name) {
		return "", fmt.Errorf("the certificate %q names %s, which is no process of coso, as %s", cert.Subject, cert.URIs[0], URI("registry"))
	}
	return name, nil
}

// Caller is the process that proved by its certificate to make the call in ctx.
func Caller(ctx context.Context) (name string, ok bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return "", false
	}
	name, err := nameOf(info.State.VerifiedChains[0][0])
	return name, err == nil
}
