// Command registryd is the registry as a process of its own.
package main

import (
	"os"

	"coso/services/platform/run/daemon"
	"coso/services/registry"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	daemon.Service `embed:""`
}

func main() { os.Exit(daemon.Main(daemon.Of(registry.Name, registry.New, 8101, version, &flags{}))) }
