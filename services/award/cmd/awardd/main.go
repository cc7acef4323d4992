// Command awardd is award as a process of its own.
package main

import (
	"os"

	"coso/services/award"
	"coso/services/platform/run/daemon"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	daemon.Service   `embed:""`
	daemon.Following `embed:""`

	Registry string `help:"Address of registry, which is followed." default:"127.0.0.1:8101"`
	Planning string `help:"Address of planning, which is followed." default:"127.0.0.1:8103"`
}

// Sources are the addresses of the followed services.
func (f *flags) Sources() map[string]string {
	return map[string]string{"registry": f.Registry, "planning": f.Planning}
}

func main() { os.Exit(daemon.Main(daemon.Of(award.Name, award.New, 8104, version, &flags{}))) }
