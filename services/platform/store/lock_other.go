//go:build !unix

package store

import "os"

// lockFile does nothing where files cannot be locked: the data file's own lock has to do.
func lockFile(*os.File, bool) error { return nil }
