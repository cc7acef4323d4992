package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"coso/services/platform/civil"
)

// renew is what to do about a certificate that ended.
const renew = "make new ones with `coso certs DIR --renew` and put them in their places; they are taken without a restart"

// timely says of a certificate that does not hold now when it does; other errors stay as they are.
func timely(err error, now time.Time) error {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !ok || invalid.Reason != x509.Expired {
		return err
	}
	c := invalid.Cert
	if now.Before(c.NotBefore) {
		return fmt.Errorf("the certificate %q holds only from %s on; is the clock of this machine right?: %w", c.Subject, civil.Moment(c.NotBefore), err)
	}
	return fmt.Errorf("the certificate %q ended on %s; %s: %w", c.Subject, civil.Moment(c.NotAfter), renew, err)
}

// unfit reports whether a certificate is not for what it was shown for. That of the gateway did not let it answer once.
func unfit(err error) bool {
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok && invalid.Reason == x509.IncompatibleUsage
}

// Explain says what to do about a connection to a service that did not come about, as far as certificates are the reason.
func Explain(service string, err error) error {
	if err == nil {
		return nil
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Errorf("what answers at the address of %s speaks no TLS; check the address (NATS: start it with the nats.conf of coso certs): %w", service, header)
	}
	if host, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Errorf("the certificate of %s is not for the address %s; make it with `coso certs DIR --renew --host %s`: %w", service, host.Host, host.Host, err)
	}
	if unknown, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%s shows a certificate that the CA in --tls-ca did not sign; all processes need files of one CA: %w", service, unknown)
	}
	if unfit(err) {
		return fmt.Errorf("%s shows a certificate that does not let it answer; %s: %w", service, renew, err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return fmt.Errorf("%s refuses the certificate of this process; %s: %w", service, remedy(op.Err.Error()), err)
	}
	return timely(err, time.Now())
}

// remedy is what to do about an alert of the other side.
func remedy(alert string) string {
	switch {
	case strings.Contains(alert, "expired"):
		return "it ended: " + renew
	case strings.Contains(alert, "unknown certificate authority"):
		return "its --tls-ca is another CA's: all processes need files of one CA"
	}
	return "its log says why"
}
