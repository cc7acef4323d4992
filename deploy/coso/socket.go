package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"

	"coso/services/platform/rpc"
	shell "coso/services/platform/run"
	"coso/services/platform/run/settings"

	"google.golang.org/grpc"
)

// dialSocket reaches a service of the coso that runs on a data folder.
func dialSocket(ctx context.Context, data settings.Folder, service string) (*grpc.ClientConn, error) {
	dir, err := dataFolder(data)
	if err != nil {
		return nil, err
	}
	if shell.TooLong(dir, service) {
		return nil, fmt.Errorf("the path of the data folder %s is too long for the sockets that operators' commands need; move it to a shorter one", dir)
	}
	path := shell.Socket(dir, service)
	probe, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("%s does not answer: no coso runs on the data in %s; start it, or name its folder with --data", service, dir)
		}
		return nil, fmt.Errorf("%s does not answer on %s: %w", service, path, err)
	}
	if err := probe.Close(); err != nil {
		return nil, err
	}
	return rpc.DialSocket(path)
}
