package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build (`make build` takes it from git).
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// versionCommand prints the version.
type versionCommand struct{}

// Run prints version, commit and Go version on one line.
func (versionCommand) Run(s streams) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = " " + setting.Value
			}
		}
	}
	_, err := fmt.Fprintf(s.out, "coso %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
