// Package planning is the service of what units promised and reached: indicators, periods, targets, and the progress
// counted from what registry and membership announce. It follows both; award follows it. Its nouns, invariants and
// events stand in README.md.
package planning

import (
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
	return run.New(o, run.Parts{
		Name: Name, Schema: records.Schema, Register: server.Register, Follow: follow.Followers(),
		Timers: map[string]store.TimerHandler{records.TimerJudge: records.JudgeOn},
	})
}
