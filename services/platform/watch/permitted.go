package watch

import (
	"context"
	"strings"

	"coso/services/platform/access"
	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
)

// permitted is an event that the caller may hear. Only Server.permitted makes one, and only such are sent.
type permitted struct{ store.Event }

// noun is what events are about.
type noun struct {
	// reads is what one must hold to read it.
	reads accesspb.Permission
	// shared: it is every unit's; who may read it anywhere may read it.
	shared bool
}

// nouns are all, by the collections of their names.
var nouns = map[string]noun{
	"units":         {reads: access.UnitsRead},
	"enterprises":   {reads: access.EnterprisesRead},
	"organisations": {reads: access.OrganisationsRead},
	"intakes":       {reads: access.IntakesRead},
	"indicators":    {reads: access.PlansRead, shared: true},
	"periods":       {reads: access.PlansRead, shared: true},
	"targets":       {reads: access.PlansRead},
	"nominations":   {reads: access.NominationsRead},
	"grants":        {reads: access.GrantsRead},
	"accounts":      {reads: access.AccountsRead},
}

// permitted are those of some events that the caller may hear, as grants and units stand now. It is asked anew for each few
// events, so a stream goes on with no grant that has ended.
func (s *Server) permitted(ctx context.Context, events []store.Event) ([]permitted, error) {
	if len(events) == 0 {
		return nil, nil
	}
	return store.View(ctx, s.store, func(tx *store.ReadTx) ([]permitted, error) {
		power, err := tx.Power()
		if err != nil {
			return nil, err
		}
		var out []permitted
		known := map[string]bool{}
		for _, e := range events {
			ok, asked := known[e.Subject]
			if !asked {
				if ok, err = mayHear(tx, power, e.Subject); err != nil {
					return nil, err
				}
				known[e.Subject] = ok
			}
			if ok {
				out = append(out, permitted{e})
			}
		}
		return out, nil
	})
}

// mayHear reports whether a caller may read a resource where it is now.
func mayHear(tx *store.ReadTx, power store.Power, subject string) (bool, error) {
	collection, _, _ := strings.Cut(subject, "/")
	of, known := nouns[collection]
	if !known || !power.Anywhere(of.reads) {
		return false, nil
	}
	if of.shared {
		return true, nil
	}
	unit, there, err := store.UnitOf(tx, collection, subject)
	if err != nil || !there {
		return false, err
	}
	basis, err := power.At(of.reads, unit)
	return basis.Held(), err
}
