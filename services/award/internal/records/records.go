// Package records is what award stores. Every table holds the messages of the API as they are, by resource name; what is
// read by something else than its name has an index. The golden dump in testdata/schema.txt holds this comment to the
// truth.
//
//	nominations   coso.award.v1.Nomination
//	    unit        unit                     the nominations of a unit
//	    period      period                   the nominations in a period
//	figures       coso.award.v1.CurrentFigure, by target
//	units         coso.registry.v1.Unit
//	grants        coso.registry.v1.Grant
//	    principal-end principal, end         the grants of somebody by their ends
//
// Nominations are records: journalled, and every change is announced. Figures are copies of what planning announced last,
// without events; a nomination shows its target's when it is read.
package records

import (
	awardpb "coso/proto/gen/coso/award/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Nominations are the nominations, flagged ones included, by name: one per target, with its id.
var Nominations = store.NewTable("nominations", (*awardpb.Nomination).GetName, store.In((*awardpb.Nomination).GetUnit), NominationsByUnit, NominationsByPeriod)

// NominationsByUnit finds the nominations of a unit.
var NominationsByUnit = store.NewIndex("unit", one((*awardpb.Nomination).GetUnit))

// NominationsByPeriod finds the nominations in a period.
var NominationsByPeriod = store.NewIndex("period", one((*awardpb.Nomination).GetPeriod))

// Figures are the figures of targets that were exceeded once, by target.
var Figures = store.NewCopy("figures", (*awardpb.CurrentFigure).GetTarget)

// Units are copies of registry's units, by name.
var Units = store.NewCopy("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), UnitsStamp)

// UnitsStamp marks the units as they are.
var UnitsStamp = store.NewWholeStamp[*registrypb.Unit]("units-stamp")

// Grants are copies of registry's grants, by name.
var Grants = store.NewCopy("grants", (*registrypb.Grant).GetName, GrantsByPrincipal, GrantsStamp)

// GrantsByPrincipal finds the grants of somebody that have not ended.
var GrantsByPrincipal = scope.NewByPrincipal()

// GrantsStamp marks the grants of somebody as they are.
var GrantsStamp = scope.NewGrantsStamp()

// Book answers what principals may do.
var Book = scope.NewBook(Units, UnitsStamp, Grants, GrantsByPrincipal, GrantsStamp)

// Schema is the whole store.
var Schema = store.NewSchema(Nominations, Figures, Units, Grants)

// one makes the one index entry of a record from one of its fields.
func one[T any](field func(T) string) func(T) []store.Key {
	return func(rec T) []store.Key { return []store.Key{store.Text(field(rec))} }
}
