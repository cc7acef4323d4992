// Package certs makes the certificates with which coso's processes prove to each other who they are: a private CA, and a
// certificate with its key for each process.
//
// It guarantees that no file is replaced unless that was asked for, that every file is its owner's alone, and that a file is
// there whole or not at all. A renewal makes new keys and certificates from the same CA; those they replace hold on until
// they end, so processes may take the new ones one after the other. Whoever has the CA's key can be any process: it belongs
// on no machine that runs one.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"coso/services/platform/civil"
	"coso/services/platform/mtls"
)

const (
	// caYears is how long a CA holds.
	caYears = 10
	// slack is how far the clocks of machines may differ.
	slack = time.Hour

	caCert, caKey = "ca.pem", "ca.key"
)

// What stands in the way of making certificates.
var (
	// ErrThere says that files are there already.
	ErrThere = errors.New("there are certificates already")
	// ErrNoCA says that a folder has no CA whose certificates could be renewed.
	ErrNoCA = errors.New("there is no CA")
	// ErrEnded says that the CA has ended: nothing that it signs holds.
	ErrEnded = errors.New("the CA has ended")
)

// Options say what is made.
type Options struct {
	// Dir is the folder; it is made if it is not there.
	Dir string
	// Days is how long the processes' certificates hold.
	Days int
	// Hosts are the names and IP addresses of the machines on which processes answer, beside this one's own. Renewing with
	// none keeps those of the certificate that is renewed.
	Hosts []string
	// Force makes everything anew, the CA too; Renew makes the processes' certificates and keys anew, from the CA that is
	// there, and nothing else.
	Force, Renew bool
	// Beside are other files that are written with them, by name.
	Beside map[string][]byte
	// Now is the time.
	Now time.Time
}

// Made is what was made.
type Made struct {
	// Ends is when the processes' certificates end, CA when the CA does.
	Ends, CA time.Time
}

// Folder is where, in a data folder, a process looks for its files unless it is told another place.
func Folder(data string) string { return filepath.Join(data, "certs") }

// FilesOf are the files of a process in a folder.
func FilesOf(dir, name string) mtls.Files {
	return mtls.Files{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key"), CA: filepath.Join(dir, caCert)}
}

// Make makes certificates. Errors: ErrThere, ErrNoCA, ErrEnded, and the system's.
func Make(o Options) (Made, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Made{}, err
	}
	ca, err := o.authority()
	if err != nil {
		return Made{}, err
	}
	if !ca.cert.NotAfter.After(o.Now) {
		return Made{}, fmt.Errorf("%w: %s", ErrEnded, civil.Moment(ca.cert.NotAfter))
	}
	made := Made{CA: ca.cert.NotAfter, Ends: o.Now.AddDate(0, 0, o.Days)}
	if made.Ends.After(made.CA) {
		made.Ends = made.CA
	}
	for _, name := range mtls.Names() {
		if err := o.issue(ca, name, made.Ends); err != nil {
			return Made{}, err
		}
	}
	for name, text := range o.Beside {
		if o.Renew {
			break
		}
		if err := write(filepath.Join(o.Dir, name), text); err != nil {
			return Made{}, err
		}
	}
	return made, nil
}

// names are all files that are made.
func (o Options) names() []string {
	all := slices.AppendSeq([]string{caCert, caKey}, maps.Keys(o.Beside))
	for _, name := range mtls.Names() {
		all = append(all, name+".pem", name+".key")
	}
	return all
}

// authority is the CA: the one that is there, or a new one.
func (o Options) authority() (*authority, error) {
	if o.Renew {
		return readAuthority(o.Dir)
	}
	var there []string
	for _, name := range o.names() {
		if _, err := os.Lstat(filepath.Join(o.Dir, name)); err == nil {
			there = append(there, name)
		}
	}
	if len(there) > 0 && !o.Force {
		return nil, fmt.Errorf("%w: %v", ErrThere, there)
	}
	return newAuthority(o.Dir, o.Now)
}

// authority is a CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(dir string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "coso CA " + now.UTC().Format("2006-01-02")},
		NotBefore: now.Add(-slack), NotAfter: now.AddDate(caYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{cert, key}, errors.Join(writeKey(filepath.Join(dir, caKey), key), writeCert(filepath.Join(dir, caCert), der))
}

func readAuthority(dir string) (*authority, error) {
	der, err1 := readPEM(filepath.Join(dir, caCert))
	secret, err2 := readPEM(filepath.Join(dir, caKey))
	if err := errors.Join(err1, err2); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", ErrNoCA, err)
		}
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caCert, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caKey, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("%s is not the key of %s", caKey, caCert)
	}
	return &authority{cert, key}, nil
}

// issue makes certificate and key of a process.
func (o Options) issue(ca *authority, name string, ends time.Time) error {
	files := FilesOf(o.Dir, name)
	hosts := slices.Concat([]string{"localhost", "127.0.0.1", "::1"}, o.Hosts)
	if o.Renew && len(o.Hosts) == 0 {
		before, err := hostsOf(files.Cert)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		hosts = append(hosts, before...)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "coso " + name}, URIs: []*url.URL{mtls.URI(name)},
		NotBefore: o.Now.Add(-slack), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: usages, BasicConstraintsValid: true,
	}
	slices.Sort(hosts)
	for _, host := range slices.Compact(hosts) {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return err
	}
	return errors.Join(writeKey(files.Key, key), writeCert(files.Cert, der))
}

// usages are what a process does with its certificate: every one answers, and asks others; nats-servers of a cluster ask each
// other.
var usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} //nolint:gochecknoglobals // a constant

// hostsOf are the hosts for which a certificate holds.
func hostsOf(path string) ([]string, error) {
	der, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	hosts := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts, nil
}

func newSerial() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
}

func readPEM(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM file", path)
	}
	return block.Bytes, nil
}

func writeCert(path string, der []byte) error {
	return write(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return write(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// write puts a file in its place, whole and for its owner alone.
func write(path string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
