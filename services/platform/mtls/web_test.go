package mtls_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

// as is the process of a name with the files of a folder.
func as(t *testing.T, dir, name string) *mtls.Identity {
	t.Helper()
	id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(dir, name)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// headers is how long a caller may take for a proof and headers.
const headers = 3 * time.Second

// answering lets a process answer "here" by HTTP, and says where.
func answering(t *testing.T, id *mtls.Identity) (addr string) {
	t.Helper()
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if id != nil {
		lis = id.Proving(lis)
	}
	return serving(t, lis)
}

// serving answers "here" by HTTP on a listener, and says where.
func serving(t *testing.T, lis net.Listener) (addr string) {
	t.Helper()
	server := &http.Server{
		ReadHeaderTimeout: headers, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(lis) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

// asks reads what answers at an address.
func asks(ctx context.Context, way http.RoundTripper, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := way.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// believing are a process's files of one folder with the CAs of two.
func believing(t *testing.T, name, dir, other string) mtls.Files {
	t.Helper()
	files := certs.FilesOf(dir, name)
	both := []byte{}
	for _, d := range []string{dir, other} {
		ca, err := os.ReadFile(certs.FilesOf(d, name).CA)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, ca...)
	}
	files.CA = t.TempDir() + "/both.pem"
	if err := os.WriteFile(files.CA, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return files
}

// Who asks and who answers by HTTP are who they prove to be, or hear what to do.
func TestWhoAsksAndWhoAnswers(t *testing.T) { // INV-MTLS-NAMED, INV-MTLS-CALLERS
	own, foreign := issued(t, certs.Options{}).Dir, issued(t, certs.Options{}).Dir
	stranger, err := mtls.Open(mtls.Options{Name: "registry", Files: believing(t, "registry", foreign, own)})
	if err != nil {
		t.Fatal(err)
	}
	const refused = "gateway refuses the certificate of this process; "
	for _, c := range []struct {
		name       string
		dir, there string
		caller     *mtls.Identity
		says, logs string
	}{
		{"registry asks", own, "gateway", as(t, own, "registry"), "", ""},
		{"membership asks", own, "gateway", as(t, own, "membership"), "", ""},
		{"planning asks", own, "gateway", as(t, own, "planning"), "", ""},
		{"award asks", own, "gateway", as(t, own, "award"), "", ""},
		{"who has no reason to ask", own, "gateway", as(t, own, "nats"), refused + "its log says why", "nats has no reason to call gateway; its callers are [registry membership planning award]"},
		{"the gateway itself", own, "gateway", as(t, own, "gateway"), refused, "gateway has no reason to call gateway; its callers are [registry membership planning award]"},
		{"a caller of another CA", own, "gateway", stranger, refused + "its --tls-ca is another CA's", "certificate signed by unknown authority"},
		{"another CA answers", foreign, "gateway", as(t, own, "registry"), "gateway shows a certificate that the CA in --tls-ca did not sign; all processes need files of one CA", "the caller refuses the certificate of this process"},
		{"another process answers", own, "award", as(t, own, "registry"), "award answers at the address of gateway", "the caller refuses the certificate of this process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := &logbook{}
			there, err := mtls.Open(mtls.Options{Name: c.there, Files: certs.FilesOf(c.dir, c.there), Logger: slog.New(slog.NewTextHandler(log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			got, err := asks(t.Context(), c.caller.Asking("gateway"), "https://"+answering(t, there)+"/x")
			if c.says == "" {
				if got != "here" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.says) {
				t.Errorf("says %v, want %s", err, c.says)
			}
			eventually(t, "the log says why", func() bool { return strings.Contains(log.String(), c.logs) })
		})
	}
}

// Nothing is said in clear text, whichever side would.
func TestNoClearText(t *testing.T) {
	dir := issued(t, certs.Options{}).Dir
	open, way := answering(t, nil), as(t, dir, "registry").Asking("gateway")
	if got, err := asks(t.Context(), way, "https://"+open); err == nil || !strings.HasPrefix(err.Error(), "what answers at the address of gateway speaks no TLS; check the address") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := asks(t.Context(), way, "http://"+open); err == nil || got != "" {
		t.Errorf("asked in clear text: %q, %v", got, err)
	}
	log := &logbook{}
	id, err := mtls.Open(mtls.Options{Name: "gateway", Files: certs.FilesOf(dir, "gateway"), Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := asks(t.Context(), &http.Transport{DisableKeepAlives: true}, "http://"+answering(t, id)); err == nil || got != "" {
		t.Errorf("answered in clear text: %q, %v", got, err)
	}
	eventually(t, "the log says so", func() bool { return strings.Contains(log.String(), "the caller speaks clear text") })
}

// A certificate of the gateway that does not let it answer, as they were once, is named where it lies and where it is met.
func TestACertificateThatDoesNotAnswer(t *testing.T) {
	dir := issued(t, certs.Options{}).Dir
	files := certs.FilesOf(dir, "gateway")
	files.Cert = askingOnly(t, dir, files.Cert)
	want := " does not let gateway answer the others; make new ones with `coso certs DIR --renew`"
	if err := files.Check("gateway", time.Now()); err == nil || !strings.HasPrefix(err.Error(), "--tls-cert: "+files.Cert+want) {
		t.Errorf("says %v", err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	there := serving(t, lis)
	if _, err := asks(t.Context(), as(t, dir, "registry").Asking("gateway"), "https://"+there); err == nil || !strings.HasPrefix(err.Error(), "gateway shows a certificate that does not let it answer; make new ones") {
		t.Errorf("says %v", err)
	}
}

// askingOnly writes a certificate anew that lets its holder ask alone, signed by the CA of the folder.
func askingOnly(t *testing.T, dir, path string) string {
	t.Helper()
	ca, err := tls.LoadX509KeyPair(dir+"/ca.pem", dir+"/ca.key")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	template, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, template.PublicKey, ca.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	path = t.TempDir() + "/asking.pem"
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Who shows no certificate, or speaks an older TLS, hears nothing.
func TestNoCertificateNoAnswer(t *testing.T) { // INV-MTLS-CALLERS
	dir := issued(t, certs.Options{}).Dir
	there, registry := answering(t, as(t, dir, "gateway")), as(t, dir, "registry")
	roots, err1 := registry.Roots()
	cert, err2 := registry.Certificate()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"no certificate": {&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}, "certificate required"},
		"TLS 1.2":        {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{cert}}, "protocol version not supported"}, //nolint:gosec // this is what is refused
	} {
		got, err := asks(t.Context(), &http.Transport{DisableKeepAlives: true, TLSClientConfig: c.config}, "https://"+there)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Who connects and proves nothing is hung up on, and many of them keep nobody out for longer than that.
func TestSilentCallersAreHungUpOn(t *testing.T) { // INV-MTLS-UNPROVED
	dir := issued(t, certs.Options{}).Dir
	there := answering(t, as(t, dir, "gateway"))
	var silent []net.Conn
	ended := make(chan error, 350)
	for i := range cap(ended) { // 70 each from 127.0.0.1 to 127.0.0.5
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i/70))}
		conn, err := (&net.Dialer{LocalAddr: from}).DialContext(t.Context(), "tcp", there)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	defer func() {
		for _, conn := range silent {
			_ = conn.Close()
		}
	}()
	begun := time.Now()
	var at [5]atomic.Int64 // hung up on at once, by address
	for i, conn := range silent {
		go func() {
			err := conn.SetReadDeadline(begun.Add(20 * time.Second))
			if err == nil {
				_, err = io.Copy(io.Discard, conn)
			}
			if time.Since(begun) < headers/2 {
				at[i/70].Add(1)
			}
			ended <- err
		}()
	}
	for range silent {
		if err := <-ended; err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("after the time for a proof: %v", err)
		}
	}
	for i := range at { // beyond 64 from one address, and beyond 256 in all
		if got, want := at[i].Load(), map[bool]int64{true: 70, false: 6}[i == 4]; got != want {
			t.Errorf("%d of 70 from 127.0.0.%d were hung up on at once, want %d", got, 1+i, want)
		}
	}
	way := as(t, dir, "registry").Asking("gateway")
	eventually(t, "who proves itself is answered after them", func() bool {
		got, err := asks(t.Context(), way, "https://"+there)
		return err == nil && got == "here"
	})
}

// Both sides take new files while they run: with another CA everywhere the next question is asked and answered, and who has
// the files of before is refused.
func TestNewFilesCountFromTheNextQuestion(t *testing.T) { // INV-MTLS-RELOAD
	o := issued(t, certs.Options{})
	before := as(t, o.Dir, "registry")
	here, _ := watched(t, mtls.Options{Name: "registry", Files: certs.FilesOf(o.Dir, "registry")})
	there, _ := watched(t, mtls.Options{Name: "gateway", Files: certs.FilesOf(o.Dir, "gateway")})
	url, way := "https://"+answering(t, there), here.Asking("gateway")
	if got, err := asks(t.Context(), way, url); err != nil || got != "here" {
		t.Fatalf("%q, %v", got, err)
	}
	first, second := here.Ends(), there.Ends()
	o.Force, o.Days = true, 60
	issued(t, o)
	eventually(t, "both take the new files", func() bool { return here.Ends().Before(first) && there.Ends().Before(second) })
	if got, err := asks(t.Context(), way, url); err != nil || got != "here" {
		t.Errorf("with new files: %q, %v", got, err)
	}
	if got, err := asks(t.Context(), before.Asking("gateway"), url); err == nil || !strings.Contains(err.Error(), "all processes need files of one CA") {
		t.Errorf("with the files of before: %q, %v", got, err)
	}
}
