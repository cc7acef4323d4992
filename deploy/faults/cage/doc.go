// Package cage holds machines that may be harmed: processes, networks and disks that belong to one run alone.
//
// A cage is a process in namespaces of its own: process ids, mounts, network. It guarantees that nothing of it outlives that process,
// however that ends: the kernel then kills every process in it, takes away its mounts, with the loop devices behind them, and its
// networks. Nothing in it has a name outside. It needs root, and says so; it leaves to others what runs in it.
package cage
