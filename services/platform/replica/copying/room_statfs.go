//go:build linux || darwin || freebsd

package copying

import "syscall"

// freeIn is how many bytes a process without special rights may still write where a folder is.
func freeIn(dir string) (uint64, error) {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return 0, err
	}
	return uint64(at.Bavail) * uint64(at.Bsize), nil //nolint:gosec,unconvert // the types differ between systems
}
