// Command gatewayd is the gateway as a process of its own: HTTP/JSON before four services that are processes too.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"coso/services/platform/rpc"
	"coso/services/platform/run/daemon"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	HTTP       string   `name:"http" help:"Address for clients, HTTP/JSON; loopback only." default:"127.0.0.1:8080"`
	Hosts      []string `help:"Names by which clients may address the gateway beside the loopback names, without port, separated by commas."`
	Registry   string   `help:"Address of registry; loopback only." default:"127.0.0.1:8101"`
	Membership string   `help:"Address of membership; loopback only." default:"127.0.0.1:8102"`
	Planning   string   `help:"Address of planning; loopback only." default:"127.0.0.1:8103"`
	Award      string   `help:"Address of award; loopback only." default:"127.0.0.1:8104"`

	daemon.Common `embed:""`
}

// service is one of the four, by name and address.
type service struct{ name, addr string }

func (f *flags) services() []service {
	return []service{{"registry", f.Registry}, {"membership", f.Membership}, {"planning", f.Planning}, {"award", f.Award}}
}

func main() { os.Exit(daemon.Main(program())) }

func program() daemon.Program {
	f := &flags{}
	return daemon.Program{
		Name: "gatewayd", Version: version, Flags: f, Common: &f.Common, Check: f.check, Run: f.run, Defaults: map[string]string{"ops": "127.0.0.1:8200"},
		About: "Serves coso's HTTP/JSON API on this machine, over services that are processes of their own.",
	}
}

// check joins everything that is wrong with the settings.
func (f *flags) check(ctx context.Context) error {
	var wrong []error
	for _, s := range append(f.services(), service{"http", f.HTTP}) {
		if err := rpc.Loopback(ctx, s.addr); err != nil {
			wrong = append(wrong, fmt.Errorf("--%s: %w", s.name, err))
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	// What is left can only be wrong for the gateway itself, which is made and not used.
	ways, err := f.dial(ctx)
	if err == nil {
		_, err = f.handler(slog.New(slog.DiscardHandler), ways, http.NotFoundHandler())
	}
	return errors.Join(err, ways.close())
}
