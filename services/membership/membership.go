// Package membership is the service of members: who was admitted, for now as counts that units report. See README.md
// for its nouns, invariants and events.
package membership

import (
	"coso/services/membership/internal/follow"
	"coso/services/membership/internal/records"
	"coso/services/membership/internal/server"
	"coso/services/platform/feed"
	"coso/services/platform/run"
	"coso/services/platform/store"
)

// Name is the service's name in positions, subjects and file names.
const Name = "membership"

// New opens the service's store in o.Dir and registers its methods; nothing runs before its Part does. Errors are those
// of store.Open.
func New(o run.Options) (*run.Service, error) {
	return run.New(o, run.Parts{
		Name: Name, Schema: records.Schema, Authority: records.Book, Register: server.Register, Follow: []feed.Follower{follow.Registry()},
	})
}

// Schema is what the service's store holds, for who opens its file while it does not run.
func Schema() *store.Schema { return records.Schema }
