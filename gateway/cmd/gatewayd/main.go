// Command gatewayd is the gateway as a process of its own: HTTP/JSON before four services that are processes too, and the
// accounts with which one signs in.
package main

import (
	"errors"
	"fmt"
	"os"

	"coso/gateway/front"
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
	Front front.Settings `embed:""`
	Keys  string         `help:"Address at which the services read the keys of the tokens that this process signs, for other machines too: who reads proves by a certificate to be one of them." default:"127.0.0.1:8105"`

	Registry   string `help:"Address of registry." default:"127.0.0.1:8101"`
	Membership string `help:"Address of membership." default:"127.0.0.1:8102"`
	Planning   string `help:"Address of planning." default:"127.0.0.1:8103"`
	Award      string `help:"Address of award." default:"127.0.0.1:8104"`

	Data settings.Folder `help:"Data folder of the accounts; default: coso in the user's data folder." placeholder:"DIR"`

	daemon.Bus         `embed:""`
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
	wrong := []error{f.Front.Check(), daemon.Address("keys", f.Keys)}
	places := []rpc.Place{{Setting: "ops", Addr: f.Ops}, {Setting: "http", Addr: f.Front.HTTP}, {Setting: "keys", Addr: f.Keys}}
	for _, s := range f.services() {
		at, err := daemon.ServiceAt(s.name, s.addr)
		wrong, places = append(wrong, err), append(places, at...)
	}
	bus, err := f.Bus.Check()
	wrong, places = append(wrong, err), append(places, bus...)
	if err := run.Usable(string(f.Data)); err != nil {
		wrong = append(wrong, fmt.Errorf("--data: %w", err))
	}
	return errors.Join(append(wrong, rpc.Apart(places...), f.CheckAs(mtls.Gateway), f.Checkpoints.Check())...)
}
