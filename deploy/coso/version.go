package main

import (
	"fmt"
	"runtime"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// versionCommand prints the version.
type versionCommand struct{}

// Run prints version, Go version and platform on one line.
func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "coso %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
