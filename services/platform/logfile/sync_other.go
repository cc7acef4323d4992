//go:build !linux

package logfile

import "os"

// Sync makes durable what was written to a file.
func Sync(f *os.File) error { return f.Sync() }
