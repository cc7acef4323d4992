package logfile

import (
	"os"
	"syscall"
)

// Sync makes durable what was written to a file, and what is needed to read it.
func Sync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}
