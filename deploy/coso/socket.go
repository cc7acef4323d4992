package main

import (
	"context"
	"fmt"
	"net"

	"coso/services/platform/rpc"
	shell "coso/services/platform/run"

	"google.golang.org/grpc"
)

// dialSocket reaches a service of the coso that runs on a data folder.
func dialSocket(ctx context.Context, data, service string) (*grpc.ClientConn, error) {
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
		return nil, fmt.Errorf("%s does not answer: no coso runs on the data in %s (%w); start it, or name its folder with --data", service, dir, err)
	}
	if err := probe.Close(); err != nil {
		return nil, err
	}
	return rpc.DialSocket(path)
}
