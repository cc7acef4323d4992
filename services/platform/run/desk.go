package run

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
)

// On is a service that answers on a listener.
type On struct {
	Service  *Service
	Listener net.Listener
}

// Socket is where a service answers the operator's commands: a Unix socket in the data folder, open to its owner alone.
func Socket(dir, service string) string { return filepath.Join(dir, service+".sock") }

// longestSocket is how long a socket's path may be that all systems take, in bytes.
const longestSocket = 103

// TooLong says that a data folder's path leaves no room for the socket of a service.
func TooLong(dir, service string) bool { return len(Socket(dir, service)) > longestSocket }

// Sockets opens the operator's sockets. Whoever holds the stores' locks is the only one on the folder, so a socket that is
// there already is left over. Where paths are too long for sockets there are none, and the log says so.
func Sockets(ctx context.Context, dir string, logger *slog.Logger, services ...*Service) (out []On, err error) {
	defer func() {
		for _, on := range out {
			if err != nil {
				err = errors.Join(err, on.Listener.Close())
			}
		}
	}()
	for _, s := range services {
		if TooLong(dir, s.Name()) {
			logger.WarnContext(ctx, "the data folder's path is too long for a socket: operator's commands cannot ask this service",
				"service", s.Name(), "folder", dir, "longest", longestSocket-len(Socket("", s.Name())))
			continue
		}
		lis, err := listen(ctx, filepath.Join(dir, "."+s.Name()), Socket(dir, s.Name()))
		if err != nil {
			return out, fmt.Errorf("operator's socket: %w", err)
		}
		out = append(out, On{s, lis})
	}
	return out, nil
}

// listen opens a socket that nobody but its owner can ever have connected to: it is made in a folder of its own that is
// closed to others, since the system gives a socket the mode of the process, and moves out when its own mode is set.
func listen(ctx context.Context, closed, path string) (net.Listener, error) {
	if err := os.RemoveAll(closed); err != nil { // of a start that was cut off
		return nil, err
	}
	if err := os.Mkdir(closed, 0o700); err != nil {
		return nil, err
	}
	inside := filepath.Join(closed, "s") // no longer than path, which the systems take
	lis, err := new(net.ListenConfig).Listen(ctx, "unix", inside)
	if err != nil {
		return nil, errors.Join(err, os.Remove(closed))
	}
	out := &socket{Listener: lis, path: path}
	if err := errors.Join(os.Chmod(inside, 0o600), os.Rename(inside, path), os.Remove(closed)); err != nil {
		return nil, errors.Join(err, out.Close(), os.RemoveAll(closed))
	}
	return out, nil
}

// socket is a listener whose file has moved: it takes the file with it when it is closed.
type socket struct {
	net.Listener

	path   string
	remove sync.Once
}

// Close ends the listener and removes its file, once: a later socket may have its path.
func (s *socket) Close() error {
	var gone error
	s.remove.Do(func() {
		if gone = os.Remove(s.path); errors.Is(gone, fs.ErrNotExist) {
			gone = nil
		}
	})
	return errors.Join(gone, s.Listener.Close())
}

// Answer lets services answer on listeners that open makes, as a part. It starts before the services and ends after them:
// each service stops its own server, and with it its listeners.
func Answer(name string, open func(context.Context) ([]On, error)) Part {
	return Part{Name: name, Run: func(ctx context.Context, ready func()) error {
		all, err := open(ctx)
		if err != nil {
			return err
		}
		failed := make(chan error, len(all))
		for _, on := range all {
			go func() { failed <- on.Service.Server().Serve(context.WithoutCancel(ctx), on.Listener) }()
		}
		ready()
		under := len(all)
		for waiting := true; waiting && err == nil; {
			select {
			case err = <-failed:
				under--
			case <-ctx.Done():
				waiting = false
			}
		}
		stopServers(ctx, all)
		for range under {
			err = errors.Join(err, <-failed)
		}
		return err
	}}
}

// stopServers stops all at once and returns within the time that a part has to drain.
func stopServers(ctx context.Context, all []On) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
	defer cancel()
	var g sync.WaitGroup
	for _, on := range all {
		g.Go(func() { on.Service.Server().Stop(ctx) })
	}
	g.Wait()
}
