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
//	    concerning   principal               the grants of somebody, and what substitutes hold of them
//	    principal-end    principal, end      the grants of somebody by their ends, those without one last
//	    unit         unit                    the grants in a unit, those that hold everywhere with ""
//	    substituted-end  grant, end          what others hold of a grant as substitutes, by their ends
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
var Grants = store.NewTable("grants", (*registrypb.Grant).GetName, store.In((*registrypb.Grant).GetUnit), GrantsConcerning, GrantsHeld, GrantsByUnit, GrantsSubstituted, GrantsStamp)

// GrantsConcerning finds the grants of somebody, and what others hold of them.
var GrantsConcerning = store.NewIndex("concerning", func(g *registrypb.Grant) []store.Key {
	keys := []store.Key{store.Text(g.GetPrincipal())}
	if whose := g.GetOnBehalfOf(); whose != "" && whose != g.GetPrincipal() {
		keys = append(keys, store.Text(whose))
	}
	return keys
})

// GrantsHeld finds the grants of somebody that have not ended.
var GrantsHeld = scope.NewByPrincipal()

// GrantsStamp marks the grants of somebody as they are.
var GrantsStamp = scope.NewGrantsStamp()

// GrantsByUnit finds the grants in a unit.
var GrantsByUnit = store.NewIndex("unit", one((*registrypb.Grant).GetUnit))

// GrantsSubstituted finds what others hold of a grant that has not ended by itself.
var GrantsSubstituted = scope.NewByEnd("substituted-end", (*registrypb.Grant).GetSubstituteFor)

// Book answers what principals may do.
var Book = scope.NewBook(Units, UnitsStamp, Grants, GrantsHeld, GrantsStamp)

// Schema is the whole store.
var Schema = store.NewSchema(Units, Enterprises.Judged(newEnterprises), Organisations.Judged(foundings), Grants)

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
