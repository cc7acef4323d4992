//go:build unix

package store

import (
	"os"
	"syscall"
)

// lockFile keeps other processes from locking the file until it is closed, unless both only read; an error if one has.
func lockFile(f *os.File, write bool) error {
	how := syscall.LOCK_SH
	if write {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}
