// Package registry is the service of units, enterprises and organisations: which bodies plan and are counted, in which
// enterprises, and which organisations were founded there. It follows no other service; what it announces, the others
// follow. Its nouns, invariants and events stand in README.md.
package registry

import (
	"coso/services/platform/run"
	"coso/services/registry/internal/records"
	"coso/services/registry/internal/server"
)

// Name is the service's name in positions, subjects and file names.
const Name = "registry"

// New opens the service's store in o.Dir and registers its methods; nothing runs before its Part does. Errors are those
// of store.Open.
func New(o run.Options) (*run.Service, error) {
	return run.New(o, run.Parts{Name: Name, Schema: records.Schema, Authority: records.Book, Register: server.Register})
}
