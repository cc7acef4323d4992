package mtls_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"coso/services/platform/certs"
	"coso/services/platform/mtls"
)

// issued are certificates of a CA of their own.
func issued(t *testing.T, o certs.Options) certs.Options {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Days == 0 {
		o.Days = 90
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if _, err := certs.Make(o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestCheck(t *testing.T) {
	at := time.Now()
	good := issued(t, certs.Options{Now: at})
	of := certs.FilesOf(good.Dir, "registry")
	other := certs.FilesOf(issued(t, certs.Options{}).Dir, "registry")
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files mtls.Files
		now   time.Time
		want  string
	}{
		{"all is well", of, at, ""},
		{"not there", mtls.Files{Cert: junk + "1", Key: of.Key, CA: junk + "2"}, at, "--tls-cert: there is no file " + junk + "1; coso certs makes it\n--tls-ca: there is no file"},
		{"no certificate", mtls.Files{Cert: junk, Key: of.Key, CA: of.CA}, at, "--tls-cert: " + junk + " holds no certificate (PEM)"},
		{"a key for a certificate", mtls.Files{Cert: of.Key, Key: of.Key, CA: of.CA}, at, "--tls-cert: " + of.Key + " holds no certificate (PEM)"},
		{"no CA", mtls.Files{Cert: of.Cert, Key: of.Key, CA: junk}, at, "--tls-ca: " + junk + " holds no certificate (PEM)"},
		{"another's key", mtls.Files{Cert: of.Cert, Key: other.Key, CA: of.CA}, at, "--tls-key: " + other.Key + " is not the key of the certificate " + of.Cert},
		{"another CA", mtls.Files{Cert: of.Cert, Key: of.Key, CA: other.CA}, at, "--tls-cert: " + of.Cert + " was not signed by the CA in " + other.CA},
		{"another process", certs.FilesOf(good.Dir, "planning"), at, "planning.pem is the certificate of planning, this process is registry"},
		{"the CA's own", mtls.Files{Cert: of.CA, Key: filepath.Join(good.Dir, "ca.key"), CA: of.CA}, at, "names 0 processes; one of coso names one, as coso://services/registry"},
		{"ended", of, at.AddDate(0, 0, 91), "ended on "},
		{"ended, what to do", of, at.AddDate(0, 0, 91), "coso certs DIR --renew"},
		{"too early", of, at.AddDate(0, 0, -1), "holds only from "},
	} {
		err := c.files.Check("registry", c.now)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: says %v, want %s", c.name, err, c.want)
		}
	}
}

func TestCallers(t *testing.T) { // INV-MTLS-CALLERS
	for service, want := range map[string]string{
		"registry": "gateway registry membership planning award", "membership": "gateway membership planning", "planning": "gateway planning award", "award": "gateway award",
	} {
		if got := strings.Join(mtls.Callers(service), " "); got != want {
			t.Errorf("%s is called by %s, want %s", service, got, want)
		}
	}
}

// watched is an identity at work, with its log.
func watched(t *testing.T, o mtls.Options) (*mtls.Identity, *logbook) {
	t.Helper()
	log := &logbook{}
	o.Logger, o.Every = slog.New(slog.NewTextHandler(log, nil)), 5*time.Millisecond
	id, err := mtls.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var watch sync.WaitGroup
	watch.Go(func() { id.Watch(ctx) })
	t.Cleanup(func() { cancel(); watch.Wait() })
	return id, log
}

// New files are taken while the process runs; broken ones are not, and are told of until they are mended.
func TestReload(t *testing.T) { // INV-MTLS-RELOAD
	o := issued(t, certs.Options{Days: 30})
	files := certs.FilesOf(o.Dir, "registry")
	id, log := watched(t, mtls.Options{Name: "registry", Files: files})
	first := id.Ends()

	o.Renew, o.Days = true, 60
	issued(t, o)
	eventually(t, "the new certificate is taken", func() bool { return id.Ends().After(first) })
	second := id.Ends()

	key, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	said := log.String()
	another, err := os.ReadFile(certs.FilesOf(o.Dir, "planning").Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Key, another, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key of another certificate is told of", func() bool {
		return id.Healthy() != nil && strings.Contains(id.Healthy().Error(), "is not the key of the certificate")
	})
	if c, err := id.Certificate(); err != nil || !id.Ends().Equal(second) || !c.Leaf.NotAfter.Equal(second) {
		t.Errorf("in use is one that ends on %s, not %s, %v", id.Ends(), second, err)
	}
	told := func() int {
		return strings.Count(strings.TrimPrefix(log.String(), said), "the new certificate is no good; the old one stays in use")
	}
	eventually(t, "the log says so", func() bool { return told() > 0 }) // it is healthy no more a moment before
	if n := told(); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	if err := os.WriteFile(files.Key, key, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the alarm ends", func() bool { return id.Healthy() == nil })
}

// An end that is near is a warning, once a day; one that has come is an alarm.
func TestTheEndIsNear(t *testing.T) {
	o := issued(t, certs.Options{Days: 90})
	files := certs.FilesOf(o.Dir, "registry")
	var at atomic.Int64
	at.Store(o.Now.UnixNano())
	id, log := watched(t, mtls.Options{Name: "registry", Files: files, Now: func() time.Time { return time.Unix(0, at.Load()) }})
	const line = "level=WARN msg=\"the certificate in use ends soon\" "
	for _, c := range []struct {
		days          int
		warn, healthy bool
		lines         int
	}{{75, false, true, 0}, {77, true, true, 1}, {78, true, true, 2}, {91, true, false, 3}} {
		at.Store(o.Now.AddDate(0, 0, c.days).UnixNano())
		if warn := id.Warning() != ""; warn != c.warn || (id.Healthy() == nil) != c.healthy {
			t.Errorf("after %d days: warning %q, health %v", c.days, id.Warning(), id.Healthy())
		}
		eventually(t, "the log says so", func() bool { return strings.Count(log.String(), line) == c.lines })
	}
}

// logbook keeps log lines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 10 seconds: %s", what)
		}
	}
}
