// Command replica is registryd as the fault suite harms it: its clock can be moved, and for control runs its log can be made to
// break its word.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"coso/services/platform/run"
	"coso/services/platform/run/daemon"
	"coso/services/platform/store"
	"coso/services/registry"
)

// version is set by the build: two of them stand for a change of version.
var version = "unreleased" //nolint:gochecknoglobals // set by the linker

// flags are the command line.
type flags struct {
	daemon.Service `embed:""`

	Offset string `help:"File that says by how much the clock is off, e.g. -3m; read each time." placeholder:"FILE"`
	Break  string `help:"How the log breaks its word: no; append: entries are appended wherever the log ends; early: an entry is granted before the log has it." enum:"no,append,early" default:"no"`
	Broken string `help:"With --break: file from whose coming on it does." placeholder:"FILE"`
}

func main() {
	f := &flags{}
	os.Exit(daemon.Main(daemon.Of(registry.Name, f.made, 8101, version, f)))
}

// Wrong says what is wrong with the settings beside those of the service.
func (f *flags) Wrong() error {
	if (f.Break == "no") != (f.Broken == "") {
		return errors.New("--break, --broken: give both or neither")
	}
	if f.Offset != "" {
		_, err := offset(f.Offset)
		return err
	}
	return nil
}

// made makes the registry with the clock and the log that the flags say.
func (f *flags) made(o run.Options) (*run.Service, error) {
	if f.Offset != "" {
		o.Clock = (&movable{file: f.Offset}).now
	}
	if f.Break != "no" {
		if o.Replica == nil {
			return nil, errors.New("--break: it goes with --log nats")
		}
		broken := *o.Replica
		broken.Around = func(l store.Log) store.Log {
			slog.Warn("the log breaks its word when a file has come", "how", f.Break, "file", f.Broken)
			if f.Break == "append" {
				return anywhere{Log: l, js: broken.JetStream, file: f.Broken}
			}
			return newEarly(l, f.Broken)
		}
		o.Replica = &broken
	}
	return registry.New(o)
}

// movable is a clock that is off by what a file says.
type movable struct {
	file string
	// last is by how much it was off when the file could last be read.
	last atomic.Int64
}

// now is the machine's time and the offset. While the file cannot be read the clock stays off by as much as before.
func (m *movable) now() time.Time {
	if by, err := offset(m.file); err == nil {
		m.last.Store(int64(by))
	}
	return time.Now().Add(time.Duration(m.last.Load()))
}

func offset(file string) (time.Duration, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("--offset: %w", err)
	}
	by, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("--offset: %s: %w", file, err)
	}
	return by, nil
}
