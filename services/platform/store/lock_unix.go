//go:build unix

package store

import (
	"os"
	"syscall"
)

// lockFile keeps other processes from locking the file until it is closed; an error if one has.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
