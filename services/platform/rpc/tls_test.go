package rpc_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/certs"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token/tokentest"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// issued is a folder of certificates, made some days ago to hold for ninety.
func issued(t *testing.T, daysAgo int) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := certs.Make(certs.Options{Dir: dir, Days: 90, Now: time.Now().AddDate(0, 0, -daysAgo)}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// as is who a process with the files of a folder is; they held when it began.
func as(t *testing.T, dir, name string, daysAgo int, logger *slog.Logger) *mtls.Identity {
	t.Helper()
	began := time.Now().AddDate(0, 0, -daysAgo)
	id, err := mtls.Open(mtls.Options{Name: name, Files: certs.FilesOf(dir, name), Logger: logger, Now: func() time.Time { return began }})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// house is a service that asks for certificates.
type house struct {
	*rpc.Server

	log    *logbook
	addr   string
	caller atomic.Pointer[access.Principal]
}

// answering starts the service of a name.
func answering(t *testing.T, name string, listen string, id func(*slog.Logger) *mtls.Identity, tokens rpc.Tokens) *house {
	t.Helper()
	h := &house{log: &logbook{}}
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	table := store.NewTable("units", (*registrypb.Unit).GetName)
	s, err := store.Open(store.Options{Dir: t.TempDir(), Service: name, Schema: store.NewSchema(table), Logger: logger, MapSize: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h.Server = rpc.New(rpc.Options{Service: name, Store: s, Logger: logger, Tokens: tokens, TLS: id(logger)})
	u := &units{store: s, table: table}
	u.during(func(ctx context.Context, _ proto.Message) error {
		p, _ := access.From(ctx)
		h.caller.Store(&p)
		return fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "name")
	})
	registrypb.RegisterUnitServiceServer(h.Server, u)
	lis, err := rpc.ListenNetwork(t.Context(), listen)
	if err != nil {
		t.Fatal(err)
	}
	h.addr = lis.Addr().String()
	h.serve(t, lis)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) serve(t *testing.T, lis net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- h.Serve(context.WithoutCancel(t.Context()), lis) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		h.Stop(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// dial connects to a service as somebody.
func dial(t *testing.T, addr, service string, id *mtls.Identity) *grpc.ClientConn {
	t.Helper()
	conn, err := rpc.DialService(addr, service, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// asks makes a call and answers the error.
func asks(ctx context.Context, t *testing.T, conn grpc.ClientConnInterface) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := registrypb.NewUnitServiceClient(conn).GetUnit(ctx, &registrypb.GetUnitRequest{Name: "units/x"})
	return err
}

// A certificate says which service calls; the gateway's vouches for nobody (INV-RPC-GATEWAY-NOBODY, INV-MTLS-CALLERS).
func TestCertificatesSayWhoCalls(t *testing.T) {
	dir := issued(t, 0)
	for _, c := range []struct {
		caller, service string
		// issuer says whether the service knows one whose tokens count.
		issuer      bool
		token, want string
	}{
		{"membership", "registry", true, "", "services/membership"},
		{"planning", "registry", false, "", "services/planning"},
		{"award", "planning", true, "", "services/award"},
		{"award", "planning", true, "lan", "principals/lan"}, // never both powers at once
		{"gateway", "award", false, "", "nobody"},
		{"gateway", "award", false, "lan", "unknown"},
		{"gateway", "award", true, "", "nobody"},
		{"gateway", "award", true, "lan", "principals/lan"},
		{"planning", "award", false, "", "refused"},
		{"registry", "registry", false, "", "services/registry"}, // another replica
		{"registry", "membership", false, "", "refused"},
		{"nats", "registry", false, "", "refused"},
	} {
		t.Run(c.caller+" calls "+c.service, func(t *testing.T) {
			own, ctx := tokentest.Issuer(t), t.Context()
			var tokens rpc.Tokens
			if c.issuer {
				tokens = own.Verifier()
			}
			if c.token != "" {
				ctx = with(t, "authorization", "Bearer "+own.Token(c.token))
			}
			h := answering(t, c.service, "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, c.service, 0, l) }, tokens)
			err := asks(ctx, t, dial(t, h.addr, c.service, as(t, dir, c.caller, 0, nil)))
			switch c.want {
			case "refused":
				if err == nil || !strings.Contains(err.Error(), c.service+" refuses the certificate of this process; its log says why") {
					t.Errorf("says %v", err)
				}
				eventually(t, "the log says why", func() bool { return strings.Contains(h.log.String(), "a connection was refused") })
			case "nobody":
				refused(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_MISSING, "")
			case "unknown":
				refused(t, err, fault.KindUnauthenticated, faultpb.Reason_REASON_TOKEN_ISSUER_UNKNOWN, "token.claims.iss")
			default:
				if p := h.caller.Load(); p == nil || p.Name != c.want {
					t.Errorf("%v calls, want %s (%v)", p, c.want, err)
				}
			}
		})
	}
}

// What is wrong with a connection is said where it is met, with what to do (INV-MTLS-NAMED).
func TestConnectionsThatCannotBe(t *testing.T) {
	now, old, foreign := issued(t, 0), issued(t, 100), issued(t, 0)
	renewed, ended := issued(t, 100), t.TempDir()
	if err := os.CopyFS(ended, os.DirFS(renewed)); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.Make(certs.Options{Dir: renewed, Days: 90, Renew: true, Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name            string
		server, service string
		serverDays      int
		client          string
		clientDays      int
		host            string
		says, logs      string
	}{
		{"planning at the address of registry", now, "planning", 0, now, 0, "127.0.0.1", "planning answers at the address of registry", "remote error: tls: bad certificate"},
		{"a caller of another CA", now, "registry", 0, foreign, 0, "127.0.0.1", "all processes need files of one CA", "a connection was refused"},
		{"a caller whose certificate ended", renewed, "registry", 0, ended, 100, "127.0.0.1", "registry refuses the certificate of this process; it ended: make new ones", "ended on "},
		{"a server whose certificate ended", old, "registry", 100, old, 100, "127.0.0.1", "make new ones with `coso certs DIR --renew`", "the caller refuses the certificate of this process"},
		{"an address that the certificate does not have", now, "registry", 0, now, 0, "127.0.0.2", "is not for the address 127.0.0.2; make it with `coso certs DIR --renew --host 127.0.0.2`", "bad certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := answering(t, c.service, ":0", func(l *slog.Logger) *mtls.Identity { return as(t, c.server, c.service, c.serverDays, l) }, nil)
			client := as(t, c.client, "gateway", c.clientDays, nil)
			_, port, err := net.SplitHostPort(h.addr)
			if err != nil {
				t.Fatal(err)
			}
			err = asks(t.Context(), t, dial(t, net.JoinHostPort(c.host, port), "registry", client))
			if err == nil || !strings.Contains(status.Convert(err).Message(), c.says) {
				t.Errorf("says %v, want %s", err, c.says)
			}
			eventually(t, "the log says "+c.logs, func() bool { return strings.Contains(h.log.String(), c.logs) })
		})
	}
}

// Nobody is heard in clear text, and no process speaks it (INV-RPC-CERTIFICATES).
func TestClearTextIsRefused(t *testing.T) {
	dir := issued(t, 0)
	h := answering(t, "registry", "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, "registry", 0, l) }, nil)
	conn, err := grpc.NewClient("passthrough:///"+h.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := asks(t.Context(), t, conn); status.Code(err) != codes.Unavailable || h.caller.Load() != nil {
		t.Errorf("in clear text: %v, %v calls", err, h.caller.Load())
	}
	eventually(t, "the log says who", func() bool {
		return strings.Contains(h.log.String(), "the caller speaks clear text, as no process of coso does")
	})

	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := grpc.NewServer()
	served := make(chan error, 1)
	go func() { served <- other.Serve(lis) }()
	err = asks(t.Context(), t, dial(t, lis.Addr().String(), "registry", as(t, dir, "planning", 0, nil)))
	if err == nil || !strings.Contains(err.Error(), "what answers at the address of registry speaks no TLS; check the address") {
		t.Errorf("to clear text: %v", err)
	}
	other.Stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// The operator's socket needs no certificate on a server that asks for them.
func TestTheSocketNeedsNoCertificate(t *testing.T) {
	dir := issued(t, 0)
	h := answering(t, "registry", "127.0.0.1:0", func(l *slog.Logger) *mtls.Identity { return as(t, dir, "registry", 0, l) }, nil)
	path := filepath.Join(t.TempDir(), "s")
	lis, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	h.serve(t, lis)
	conn, err := rpc.DialSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := asks(t.Context(), t, conn); h.caller.Load() == nil || h.caller.Load().Name != access.Operator {
		t.Errorf("%v calls (%v)", h.caller.Load(), err)
	}
}
