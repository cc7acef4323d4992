// Command gatewayd is the gateway as a process of its own: HTTP/JSON before four services that are processes too, and the
// accounts with which one signs in.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"coso/gateway"
	"coso/gateway/identity"
	"coso/services/platform/mtls"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/run/settings"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	HTTP       string   `name:"http" help:"Address for clients, HTTP/JSON; loopback only." default:"127.0.0.1:8080"`
	Hosts      []string `help:"Names by which clients may address the gateway beside the loopback names, without port, separated by commas."`
	Registry   string   `help:"Address of registry." default:"127.0.0.1:8101"`
	Membership string   `help:"Address of membership." default:"127.0.0.1:8102"`
	Planning   string   `help:"Address of planning." default:"127.0.0.1:8103"`
	Award      string   `help:"Address of award." default:"127.0.0.1:8104"`

	Data          settings.Folder `help:"Data folder of the accounts; default: coso in the user's data folder." placeholder:"DIR"`
	AdminPassword settings.Secret `help:"Password of the first account, admin, where there is none yet; better in the environment than on the command line. Empty: a one-time password is made, and a file in the data folder says it." placeholder:"PASSWORD" env:"COSO_ADMIN_PASSWORD"`

	daemon.Bus `embed:""`

	TrustProxy bool `help:"Believe X-Forwarded-Proto and the last address in X-Forwarded-For: a proxy before the gateway takes TLS and sets both, and clients come by it alone."`

	Rates              gateway.Limits `embed:""`
	identity.Limits    `embed:""`
	daemon.Issuers     `embed:""`
	OIDC               gateway.OIDC `embed:""`
	daemon.TLS         `embed:""`
	daemon.Checkpoints `embed:""`
	daemon.Common      `embed:""`
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
		Name: "gatewayd", Version: version, Flags: f, Common: &f.Common, Complete: f.complete, Check: f.check, Run: f.run, Defaults: map[string]string{"ops": "127.0.0.1:8200"},
		About: "Serves coso's HTTP/JSON API on this machine, over services that are processes of their own.",
	}
}

func (f *flags) complete() error {
	if f.Data == "" {
		dir, err := run.DataFolder()
		if err != nil {
			return err
		}
		f.Data = settings.Folder(dir)
	}
	f.TLS = f.Completed(string(f.Data), mtls.Gateway)
	return nil
}

// check joins everything that is wrong with the settings.
func (f *flags) check() error {
	var wrong []error
	places := []rpc.Place{{Setting: "ops", Addr: f.Ops}, {Setting: "http", Addr: f.HTTP}}
	if err := gateway.CheckAddress(f.HTTP); err != nil {
		wrong = append(wrong, fmt.Errorf("--http: %w", err))
	}
	for _, s := range f.services() {
		wrong = append(wrong, daemon.Address(s.name, s.addr))
		places = append(places, rpc.Place{Setting: s.name, Addr: s.addr})
	}
	bus, err := f.Bus.Check()
	wrong, places = append(wrong, err), append(places, bus...)
	if err := run.Usable(string(f.Data)); err != nil {
		wrong = append(wrong, fmt.Errorf("--data: %w", err))
	}
	wrong = append(wrong, rpc.Apart(places...), f.TLS.CheckAs(mtls.Gateway), f.Limits.Check(), f.Rates.Check(), f.Issuers.Check(), f.OIDC.Check(f.Issuer), f.Checkpoints.Check(), identity.CheckFirst(string(f.AdminPassword)))
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	// What is left can only be wrong for the gateway itself, which is made and not used.
	quiet := slog.New(slog.DiscardHandler)
	id, err := f.OpenAs(mtls.Gateway, quiet)
	if err != nil {
		return err
	}
	ways, err := f.dial(id)
	if err == nil {
		_, err = f.handler(quiet, ways, http.NotFoundHandler(), &own{Conn: ways.conns[0], keys: unopened{}.published, tokens: unopened{}})
	}
	return errors.Join(err, ways.close())
}
