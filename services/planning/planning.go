// Package planning is the service of what units promised and reached: indicators, periods, targets, and the progress
// counted from what registry and membership announce. It follows both; award follows it. Its nouns, invariants and
// events stand in README.md.
package planning

import (
	"google.golang.org/grpc"

	"coso/services/planning/internal/follow"
	"coso/services/planning/internal/records"
	"coso/services/planning/internal/server"
	"coso/services/platform/run"
	"coso/services/platform/store"
)

// Name is the service's name in positions, subjects and file names.
const Name = "planning"

// New opens the service's store in o.Dir and registers its methods; nothing runs before its Part does. Errors are those
// of store.Open.
func New(o run.Options) (*run.Service, error) {
	atlas := records.NewAtlas()
	return run.New(o, run.Parts{
		Name: Name, Schema: records.Schema, Authority: records.Book, Follow: follow.Followers(atlas),
		Register: func(r grpc.ServiceRegistrar, s *store.Store) { server.Register(r, s, atlas) },
		Timers:   map[string]store.TimerHandler{records.TimerJudge: atlas.JudgeOn},
	})
}

// Schema is what the service's store holds, for who opens its file while it does not run.
func Schema() *store.Schema { return records.Schema }
