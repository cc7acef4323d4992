// Package nats runs a nats-server with JetStream inside a process: the embedded default of `coso up`.
//
// It guarantees that what JetStream acknowledges is on disk (sync after every write), that the server has stopped when Stop
// returns, that it listens on no port unless told to, and that whoever comes by that port can listen to the change events
// and do nothing else. It leaves the streams to platform/feed.
package nats

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startLimit is how long the server may take to be ready.
const startLimit = 10 * time.Second

// Options say where an embedded server keeps its streams and who may reach it.
type Options struct {
	// Dir is the folder of the streams.
	Dir string
	// Port is where it listens on 127.0.0.1 for integrators; 0: nowhere.
	Port int
	// Logger takes the server's warnings and errors.
	Logger *slog.Logger
}

// Server is an embedded nats-server.
type Server struct {
	s *server.Server
	// password is how this process proves to its own server that it is not a listener.
	password string
}

// user is the one who may do everything; listener is whoever does not say who he is.
const (
	user     = "coso"
	listener = "listener"
)

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
	password := rand.Text()
	s, err := server.NewServer(&server.Options{
		Users: []*server.User{
			{Username: user, Password: password},
			{Username: listener, Password: rand.Text(), Permissions: mayListen()},
		},
		NoAuthUser: listener,
		ServerName: "coso", JetStream: true, StoreDir: o.Dir, SyncAlways: true,
		DontListen: o.Port == 0, Host: "127.0.0.1", Port: o.Port, NoSigs: true, NoLog: o.Logger == nil,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded nats-server: %w", err)
	}
	if o.Logger != nil {
		s.SetLoggerV2(logged{o.Logger.With("part", "nats")}, false, false, false)
	}
	s.Start()
	if !s.ReadyForConnections(startLimit) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("embedded nats-server: not ready within %s; is %s writable?", startLimit, o.Dir)
	}
	return &Server{s: s, password: password}, nil
}

// Connect opens a connection inside the process. It reconnects for ever.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(s.s), nats.UserInfo(user, s.password), nats.Name(name), nats.MaxReconnects(-1))
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}

// logged hands the server's log to slog; what it tells for debugging is left out.
type logged struct{ l *slog.Logger }

func (g logged) Noticef(format string, v ...any) {
	g.l.Debug("nats-server", "says", fmt.Sprintf(format, v...))
}

func (g logged) Warnf(format string, v ...any) {
	g.l.Warn("nats-server", "says", fmt.Sprintf(format, v...))
}

func (g logged) Fatalf(format string, v ...any) {
	g.l.Error("nats-server", "says", fmt.Sprintf(format, v...))
}

func (g logged) Errorf(format string, v ...any) {
	g.l.Error("nats-server", "says", fmt.Sprintf(format, v...))
}
func (g logged) Debugf(string, ...any) {}
func (g logged) Tracef(string, ...any) {}
