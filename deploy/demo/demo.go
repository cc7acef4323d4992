// Package demo holds the data sets that coso can show itself with. Each is a folder of CSV sheets with a README that says
// which figures are published, derived or illustrative, and the published figures apart.
package demo

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed hanoi-2020
var sets embed.FS

// Set answers a data set by its name, e.g. `hanoi-2020`.
func Set(name string) (fs.FS, error) {
	set, err := fs.Sub(sets, name)
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(set, "published.csv"); err != nil {
		return nil, fmt.Errorf("no demo is called %q; there is hanoi-2020", name)
	}
	return set, nil
}
