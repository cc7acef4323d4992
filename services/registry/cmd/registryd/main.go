// Command registryd is the registry as a process of its own.
package main

import (
	"os"

	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/registry"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	daemon.Service `embed:""`

	FirstAdministrator string `help:"Who administers an installation in which nobody ever held a grant: principals/ and an account's name." default:"principals/admin"`
}

// Wrong says what is wrong with the registry's own settings.
func (f *flags) Wrong() error { return registry.CheckAdministrator(f.FirstAdministrator) }

func main() {
	f := &flags{}
	made := func(o run.Options) (*run.Service, error) { return registry.AdministeredBy(f.FirstAdministrator)(o) }
	os.Exit(daemon.Main(daemon.Of(registry.Name, made, 8101, version, f)))
}
