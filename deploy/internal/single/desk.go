package single

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"coso/services/award"
	"coso/services/membership"
	"coso/services/planning"
	"coso/services/platform/run"
	"coso/services/registry"
)

// Services are the names of the four services, in the order in which events flow.
func Services() []string { return []string{registry.Name, membership.Name, planning.Name, award.Name} }

// Socket is where a service answers the operator's commands: a Unix socket in the data folder, open to its owner alone.
func Socket(dir, service string) string { return filepath.Join(dir, service+".sock") }

// longestDir is how long a data folder's path may be for its sockets to have paths that all systems take, in bytes.
const longestDir = 103 - len("/"+membership.Name+".sock")

// TooLong says that a data folder's path leaves no room for sockets.
func TooLong(dir string) bool { return len(dir) > longestDir }

// desk is where the services answer the operator's commands, as a part. It starts before the services and ends after
// them: each service stops its own server, and with it its socket.
func desk(o Options, services []*run.Service) run.Part {
	return run.Part{Name: "operator's sockets", Run: func(ctx context.Context, ready func()) error {
		listeners, err := listen(ctx, o, services)
		if err != nil {
			return err
		}
		failed := make(chan error, len(services))
		for i, lis := range listeners {
			go func() { failed <- services[i].Server().Serve(context.WithoutCancel(ctx), lis) }()
		}
		ready()
		under := len(listeners)
		for waiting := true; waiting && err == nil; {
			select {
			case err = <-failed:
				under--
			case <-ctx.Done():
				waiting = false
			}
		}
		stopServers(ctx, services)
		for range under {
			err = errors.Join(err, <-failed)
		}
		return err
	}}
}

// stopServers stops all at once and returns within half the time that a part has.
func stopServers(ctx context.Context, services []*run.Service) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), run.StopLimit/2)
	defer cancel()
	var all sync.WaitGroup
	for _, s := range services {
		all.Go(func() { s.Server().Stop(ctx) })
	}
	all.Wait()
}

// listen opens the sockets. Whoever holds the stores' locks is the only coso on the folder, so a socket that is there
// already is left over. Where paths are too long for sockets there are none, and the log says so.
func listen(ctx context.Context, o Options, services []*run.Service) (out []net.Listener, err error) {
	defer func() {
		for _, lis := range out {
			if err != nil {
				err = errors.Join(err, lis.Close())
			}
		}
	}()
	if TooLong(o.Dir) {
		o.logger().WarnContext(ctx, "the data folder's path is too long for sockets: `coso feed` cannot ask this server",
			"folder", o.Dir, "longest", longestDir)
		return nil, nil
	}
	for _, s := range services {
		path := Socket(o.Dir, s.Name())
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return out, fmt.Errorf("operator's socket: %w", err)
		}
		lis, err := new(net.ListenConfig).Listen(ctx, "unix", path)
		if err != nil {
			return out, fmt.Errorf("operator's socket: %w", err)
		}
		out = append(out, lis)
		if err := os.Chmod(path, 0o600); err != nil {
			return out, fmt.Errorf("operator's socket: %w", err)
		}
	}
	return out, nil
}

func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.Default()
	}
	return o.Logger
}
