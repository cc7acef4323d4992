// Package records is what the registry stores. Every table holds the messages of the API as they are, by resource name;
// what is read by something else than its name has an index. The golden dump in testdata/schema.txt holds this comment
// to the truth.
//
//	units          coso.registry.v1.Unit
//	    below        parent, tree            the units ever placed below one, the top included (parent "")
//	enterprises    coso.registry.v1.Enterprise
//	    tax-code     tax code, unique        the one enterprise with a tax code
//	    unit         unit                    the enterprises in a unit's area
//	organisations  coso.registry.v1.Organisation
//	    unit         unit                    the organisations that a unit founded and leads
//	    enterprise   enterprise              the organisations in an enterprise
//	grants         coso.registry.v1.Grant
//	    principal    principal               the grants of somebody
//	    unit         unit                    the grants in a unit, those that hold everywhere with ""
//	    substituted  grant                   what others hold of a grant as substitutes
//
// All are records: journalled, and every change is announced. Which day a placement or an organisation holds on is
// not in a key: the indexes answer candidates, the nouns say which of them count on a day.
package records

import (
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/scope"
	"coso/services/platform/store"
)

// Units are the committees and bodies, by name.
var Units = store.NewTable("units", (*registrypb.Unit).GetName, store.In((*registrypb.Unit).GetName), UnitsBelow, UnitsStamp)

// UnitsStamp marks the units as they are.
var UnitsStamp = store.NewWholeStamp[*registrypb.Unit]("units-stamp")

// UnitsBelow finds the units that were, are or will be placed below a parent, in all trees or in one.
var UnitsBelow = store.NewIndex("below", superiors)

// Below is the key of UnitsBelow for a parent in all trees; with the tree appended, in one.
func Below(parent string) store.Key { return store.Text(parent) }

// Enterprises are the enterprises, by name.
var Enterprises = store.NewTable("enterprises", (*registrypb.Enterprise).GetName, store.In((*registrypb.Enterprise).GetUnit), EnterprisesByTaxCode, EnterprisesByUnit)

// EnterprisesByTaxCode finds the one enterprise with a tax code: INV-ENTERPRISE-TAX-CODE-UNIQUE.
var EnterprisesByTaxCode = store.NewUnique("tax-code", faultpb.Reason_REASON_TAX_CODE_TAKEN, "taxCode", one((*registrypb.Enterprise).GetTaxCode))

// EnterprisesByUnit finds the enterprises in a unit's area.
var EnterprisesByUnit = store.NewIndex("unit", one((*registrypb.Enterprise).GetUnit))

// Organisations are the organisations, withdrawn ones included, by name.
var Organisations = store.NewTable("organisations", (*registrypb.Organisation).GetName, store.In((*registrypb.Organisation).GetUnit), OrganisationsByUnit, OrganisationsByEnterprise)

// OrganisationsByUnit finds the organisations that a unit founded and leads.
var OrganisationsByUnit = store.NewIndex("unit", one((*registrypb.Organisation).GetUnit))

// OrganisationsByEnterprise finds the organisations in an enterprise.
var OrganisationsByEnterprise = store.NewIndex("enterprise", one((*registrypb.Organisation).GetEnterprise))

// Grants are the grants, ended ones included, by name.
var Grants = store.NewTable("grants", (*registrypb.Grant).GetName, store.In((*registrypb.Grant).GetUnit), GrantsByPrincipal, GrantsByUnit, GrantsBySubstituted)

// GrantsByPrincipal finds the grants of somebody.
var GrantsByPrincipal = scope.NewByPrincipal()

// GrantsByUnit finds the grants in a unit.
var GrantsByUnit = store.NewIndex("unit", one((*registrypb.Grant).GetUnit))

// GrantsBySubstituted finds what others hold of a grant.
var GrantsBySubstituted = store.NewIndex("substituted", func(g *registrypb.Grant) []store.Key {
	if g.GetSubstituteFor() == "" {
		return nil
	}
	return []store.Key{store.Text(g.GetSubstituteFor())}
})

// Book answers what principals may do.
var Book = scope.NewBook(Units, UnitsStamp, Grants, GrantsByPrincipal)

// Schema is the whole store.
var Schema = store.NewSchema(Units, Enterprises, Organisations, Grants)

// one makes the one index entry of a record from one of its fields.
func one[T any](field func(T) string) func(T) []store.Key {
	return func(rec T) []store.Key { return []store.Key{store.Text(field(rec))} }
}

func superiors(u *registrypb.Unit) []store.Key {
	keys := make([]store.Key, 0, len(u.GetPlacements()))
	for _, p := range u.GetPlacements() {
		keys = append(keys, Below(p.GetParent()).Text(p.GetTree()))
	}
	return keys
}
