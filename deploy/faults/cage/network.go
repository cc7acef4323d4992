package cage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// nowhere is a hardware address that nobody has: what is sent there is lost on the way, and the sender is not told.
const nowhere = "02:00:00:00:de:ad"

// Network joins the hosts of a cage by a bridge. The cage's own process is on it, at Hub.
type Network struct{ hosts map[string]string }

// Hub is the address of the cage's own process.
const Hub = "10.99.0.1"

const (
	bridge = "hub"
	mask   = "/24"
)

// NewNetwork makes hosts, each with a network of its own, and joins them. Addresses are by name.
func NewNetwork(ctx context.Context, names ...string) (*Network, error) {
	n := &Network{hosts: map[string]string{}}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge", "forward_delay", "0"},
		{"addr", "add", Hub + mask, "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if err := command(ctx, "ip", args...); err != nil {
			return nil, err
		}
	}
	for i, name := range names {
		n.hosts[name] = "10.99.0." + strconv.Itoa(i+10)
		for _, args := range [][]string{
			{"netns", "add", name},
			{"link", "add", port(name), "type", "veth", "peer", "name", "eth0", "netns", name},
			{"link", "set", port(name), "master", bridge, "up"},
			{"-n", name, "link", "set", "lo", "up"},
			{"-n", name, "addr", "add", n.hosts[name] + mask, "dev", "eth0"},
			{"-n", name, "link", "set", "eth0", "up"},
		} {
			if err := command(ctx, "ip", args...); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// port is where a host is plugged into the bridge.
func port(name string) string { return "at-" + name }

// At is the address of a host.
func (n *Network) At(name string) string { return n.hosts[name] }

// Cut loses from now on whatever one host sends to another. What comes the other way arrives.
func (n *Network) Cut(ctx context.Context, from, to string) error {
	return command(ctx, "ip", "-n", from, "neigh", "replace", n.hosts[to], "lladdr", nowhere, "nud", "permanent", "dev", "eth0")
}

// Part loses whatever the hosts of one side and those of the other send to each other.
func (n *Network) Part(ctx context.Context, one, other []string) error {
	for _, a := range one {
		for _, b := range other {
			if err := errors.Join(n.Cut(ctx, a, b), n.Cut(ctx, b, a)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unplug takes a host off the bridge; Plug puts it back.
func (n *Network) Unplug(ctx context.Context, name string) error {
	return command(ctx, "ip", "link", "set", port(name), "down")
}

// Plug puts a host back on the bridge.
func (n *Network) Plug(ctx context.Context, name string) error {
	return command(ctx, "ip", "link", "set", port(name), "up")
}

// Heal mends everything that was cut, parted or unplugged.
func (n *Network) Heal(ctx context.Context) error {
	var failed error
	for name := range n.hosts {
		failed = errors.Join(failed, n.Plug(ctx, name), command(ctx, "ip", "-n", name, "neigh", "flush", "nud", "permanent", "dev", "eth0"))
	}
	if failed != nil {
		return fmt.Errorf("heal the network: %w", failed)
	}
	return nil
}
