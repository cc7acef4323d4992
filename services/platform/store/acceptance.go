package store

import replicapb "coso/proto/gen/coso/replica/v1"

// acceptances holds the decisions of operators that a replica writes without the agreement of a majority; every schema has it.
var acceptances = NewCopy("acceptances", (*replicapb.Acceptance).GetName)

// PutAcceptance journals such a decision. The command says who took it.
func PutAcceptance(tx *Tx, a *replicapb.Acceptance) error { return acceptances.Put(tx, a) }
