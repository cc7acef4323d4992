package store

import (
	"os"
	"syscall"
)

// syncData makes durable what was written to a file, and what is needed to read it.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}
