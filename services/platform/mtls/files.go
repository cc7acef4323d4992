package mtls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Files are where a process finds who it is: its certificate (and what lies between it and the CA), its key, and the
// certificates of the CAs that it believes. All are PEM.
type Files struct{ Cert, Key, CA string }

// material is what the files held at one time.
type material struct {
	cert  tls.Certificate
	roots *x509.CertPool
	// ends is when the certificate, or one that it rests on, ends.
	ends  time.Time
	state [3]state
}

// state is how a file looks from outside.
type state struct {
	changed time.Time
	size    int64
	missing bool
}

// look is how the files look now.
func (f Files) look() (all [3]state) {
	for i, path := range []string{f.Cert, f.Key, f.CA} {
		info, err := os.Stat(path)
		if err != nil {
			all[i].missing = true
			continue
		}
		all[i] = state{changed: info.ModTime(), size: info.Size()}
	}
	return all
}

// Check answers nil if a process can prove with the files to be the one of this name, now; otherwise what is wrong, with
// the setting, and what to do.
func (f Files) Check(name string, now time.Time) error {
	_, err := f.load(name, now)
	return err
}

// load reads the files and holds them against each other.
func (f Files) load(name string, now time.Time) (*material, error) {
	m := &material{state: f.look(), roots: x509.NewCertPool()}
	cert, err1 := read("tls-cert", f.Cert)
	key, err2 := read("tls-key", f.Key)
	ca, err3 := read("tls-ca", f.CA)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if !holds(cert, "CERTIFICATE") {
		return nil, fmt.Errorf("--tls-cert: %s holds no certificate (PEM); is it another file?", f.Cert)
	}
	if !m.roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("--tls-ca: %s holds no certificate (PEM); is it another file?", f.CA)
	}
	var err error
	if m.cert, err = tls.X509KeyPair(cert, key); err != nil {
		return nil, fmt.Errorf("--tls-key: %s is not the key of the certificate %s; put two files there that were made together: %w", f.Key, f.Cert, err)
	}
	if err := m.holds(f, name, now); err != nil {
		return nil, err
	}
	return m, nil
}

// holds says why the certificate does not hold for a process, and finds out when it ends.
func (m *material) holds(f Files, name string, now time.Time) error {
	own, err := nameOf(m.cert.Leaf)
	if err != nil {
		return fmt.Errorf("--tls-cert: %s: %w", f.Cert, err)
	}
	if own != name {
		return fmt.Errorf("--tls-cert: %s is the certificate of %s, this process is %s; give it its own", f.Cert, own, name)
	}
	between := x509.NewCertPool()
	for _, der := range m.cert.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("--tls-cert: %s: %w", f.Cert, err)
		}
		between.AddCert(c)
	}
	chains, err := m.cert.Leaf.Verify(x509.VerifyOptions{
		Roots: m.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, // every process answers
	})
	if unknown := (x509.UnknownAuthorityError{}); errors.As(err, &unknown) {
		return fmt.Errorf("--tls-cert: %s was not signed by the CA in %s; all processes need files of one CA", f.Cert, f.CA)
	}
	if unfit(err) {
		return fmt.Errorf("--tls-cert: %s does not let %s answer the others; %s: %w", f.Cert, name, renew, err)
	}
	if err != nil {
		return fmt.Errorf("--tls-cert: %s: %w", f.Cert, timely(err, now))
	}
	for _, c := range chains[0] {
		if m.ends.IsZero() || c.NotAfter.Before(m.ends) {
			m.ends = c.NotAfter
		}
	}
	return nil
}

func read(setting, path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--%s: there is no file %s; coso certs makes it", setting, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("--%s: the user who runs this may not read %s; give the file to that user: %w", setting, path, err)
	case err != nil:
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}
	return raw, nil
}

// holds reports whether a text has a PEM block of a type.
func holds(text []byte, typ string) bool {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return false
		}
		if block.Type == typ {
			return true
		}
		text = rest
	}
}
