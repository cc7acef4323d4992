//go:build linux || darwin || freebsd

package nats

import "syscall"

// freeIn is how many bytes a process without special rights may still write where a folder is.
func freeIn(dir string) (int64, error) {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return 0, err
	}
	return int64(at.Bavail) * int64(at.Bsize), nil //nolint:gosec,unconvert // the types differ between systems; disks are far below 2^63
}
