// Package nats runs a nats-server with JetStream inside a process: the embedded default of `coso up`.
//
// It guarantees that what JetStream acknowledges is on disk (sync after every write), that streams leave the stores room on
// the disk, that the server has stopped when Stop returns, that it listens on no port unless told to, and that whoever comes
// by that port can listen to the change events and do nothing else. It leaves the streams to platform/feed.
package nats

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// startLimit is how long the server may take to be ready.
const startLimit = 10 * time.Second

// Options say where an embedded server keeps its streams and who may reach it.
type Options struct {
	// Dir is the folder of the streams.
	Dir string
	// Port is where it listens on 127.0.0.1 for integrators; 0: nowhere.
	Port int
	// MaxStore is how many bytes the streams may hold; beyond, new events are refused and wait in the journals. 0: what they
	// hold when the server starts and half of what is free then.
	MaxStore int64
	// Logger takes the server's warnings and errors.
	Logger *slog.Logger
}

// Server is an embedded nats-server.
type Server struct {
	s *server.Server
	// key is how this process proves to its own server that it is not a listener; it lives as long as the server.
	key nkeys.KeyPair
	// public is its public part, the name of the one who may do everything.
	public string
}

// mayListen lets a client look at streams and read them through consumers of its own, and nothing else: no publishing, no
// stream made, changed or purged, no consumer of another deleted.
func mayListen() *server.Permissions {
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
			"$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.INFO.>", "$JS.API.CONSUMER.MSG.NEXT.>", "$JS.ACK.>",
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{"coso.>", "_INBOX.>"}},
	}
}

// Start starts a server and waits until it is ready.
func Start(o Options) (*Server, error) {
	if o.MaxStore == 0 {
		room, err := roomFor(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("embedded nats-server: %w", err)
		}
		o.MaxStore = room
	}
	key, public, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	// The listener is whoever does not say who he is; nobody has his key.
	_, listener, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	s, err := server.NewServer(&server.Options{
		Nkeys:      []*server.NkeyUser{{Nkey: public}, {Nkey: listener, Permissions: mayListen()}},
		NoAuthUser: listener,
		ServerName: "coso", JetStream: true, StoreDir: o.Dir, SyncAlways: true, JetStreamMaxStore: o.MaxStore,
		DontListen: o.Port == 0, Host: "127.0.0.1", Port: o.Port, NoSigs: true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	log := logged{l: o.Logger, fatal: make(chan string, 1)}
	if o.Logger == nil {
		log.l = slog.New(slog.DiscardHandler)
	}
	log.l = log.l.With("part", "nats")
	s.SetLoggerV2(log, false, false, false)
	s.Start()
	if err := ready(s, log.fatal, o); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, err
	}
	return &Server{s: s, key: key, public: public}, nil
}

// ready waits until the server is, or says why it will not be.
func ready(s *server.Server, fatal <-chan string, o Options) error {
	up := make(chan bool, 1)
	go func() { up <- s.ReadyForConnections(startLimit) }()
	select {
	case why := <-fatal:
		if o.Port != 0 && strings.Contains(why, "listening on port") {
			return fmt.Errorf("the embedded nats-server cannot listen on port %d of 127.0.0.1: another program has it, perhaps another "+
				"coso; stop it, or choose another port, or 0 for none (%s)", o.Port, why)
		}
		return fmt.Errorf("embedded nats-server: %s", why)
	case ok := <-up:
		if !ok {
			return fmt.Errorf("embedded nats-server: not ready within %s; is %s writable?", startLimit, o.Dir)
		}
		return nil
	}
}

func newKey() (key nkeys.KeyPair, public string, err error) {
	if key, err = nkeys.CreateUser(); err != nil {
		return nil, "", err
	}
	public, err = key.PublicKey()
	return key, public, err
}

// Connect opens a connection inside the process. It reconnects for ever.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(s.s), nats.Nkey(s.public, s.key.Sign), nats.Name(name), nats.MaxReconnects(-1))
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
