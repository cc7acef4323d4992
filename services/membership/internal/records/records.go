// Package records is what membership stores. Every table holds the messages of the API as they are, by resource name;
// what is read by something else than its name has an index. The golden dump in testdata/schema.txt holds this comment
// to the truth.
//
//	intakes         coso.membership.v1.Intake
//	    unit          unit                   the intakes that a unit reported
//	    organisation  organisation           the intakes into an organisation; none where it is not known
//	units           coso.registry.v1.Unit
//	organisations   coso.registry.v1.Organisation
//	grants          coso.registry.v1.Grant
//	    principal-end principal, end         the grants of somebody by their ends
//
// Intakes are records: journalled, and every change is announced. Units, organisations and grants are copies of what registry
// last announced of them: journalled too, by package follow, and announced by registry alone.
package records

import (
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Intakes are the intakes, withdrawn ones included, by name.
var Intakes = store.NewTable("intakes", (*membershippb.Intake).GetName, store.In((*membershippb.Intake).GetUnit), IntakesByUnit, IntakesByOrganisation)

// IntakesByUnit finds the intakes that a unit reported.
var IntakesByUnit = store.NewIndex("unit", known((*membershippb.Intake).GetUnit))

// IntakesByOrganisation finds the intakes into an organisation.
var IntakesByOrganisation = store.NewIndex("organisation", known((*membershippb.Intake).GetOrganisation))

// Units are copies of registry's units, by name.
var Units = store.NewCopy("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), UnitsStamp)

// UnitsStamp marks the units as they are.
var UnitsStamp = store.NewWholeStamp[*registrypb.Unit]("units-stamp")

// Organisations are copies of registry's organisations, withdrawn ones included, by name.
var Organisations = store.NewCopy("organisations", (*registrypb.Organisation).GetName, store.In((*registrypb.Organisation).GetUnit))

// Grants are copies of registry's grants, by name.
var Grants = store.NewCopy("grants", (*registrypb.Grant).GetName, GrantsByPrincipal, GrantsStamp)

// GrantsByPrincipal finds the grants of somebody that have not ended.
var GrantsByPrincipal = scope.NewByPrincipal()

// GrantsStamp marks the grants of somebody as they are.
var GrantsStamp = scope.NewGrantsStamp()

// Book answers what principals may do.
var Book = scope.NewBook(Units, UnitsStamp, Grants, GrantsByPrincipal, GrantsStamp)

// Schema is the whole store.
var Schema = store.NewSchema(Intakes.Judged(newIntakes), Units, Organisations, Grants)

// known makes the one index entry of a record from one of its fields, none where the field is empty.
func known[T any](field func(T) string) func(T) []store.Key {
	return func(rec T) []store.Key {
		if field(rec) == "" {
			return nil
		}
		return []store.Key{store.Text(field(rec))}
	}
}
