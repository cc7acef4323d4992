// Package enterprise is the rules of enterprises of the non-state sector, known by their tax codes. The rules are pure;
// fields named in refusals are those of the enterprise. That a tax code belongs to one enterprise only is kept by the
// table's unique index.
//
// INV-ENTERPRISE-TAX-CODE: every recorded tax code is one that can have been issued, and tax_code_kind says its form.
// INV-ENTERPRISE-TAX-CODE-UNIQUE: no two enterprises have the same tax code.
// INV-ENTERPRISE-UNIT-KNOWN: the unit of every enterprise is recorded.
// INV-ENTERPRISE-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package enterprise

import (
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// Create records the enterprise asked for, under name; unit is the one it names, nil if there is none of the name.
// InvalidArgument for a tax code that is none; FailedPrecondition if the unit is not known.
func Create(
	asked *registrypb.Enterprise, name string, unit *registrypb.Unit,
) (*registrypb.Enterprise, *registrypb.EnterpriseCreated, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	if err := settle(next, unit); err != nil {
		return nil, nil, err
	}
	return next, &registrypb.EnterpriseCreated{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed. No event, and cur itself, if that is nothing.
// Errors as Create.
func Update(
	cur, merged *registrypb.Enterprise, unit *registrypb.Unit,
) (*registrypb.Enterprise, *registrypb.EnterpriseUpdated, error) {
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	next := proto.CloneOf(merged)
	if err := settle(next, unit); err != nil {
		return nil, nil, err
	}
	return next, &registrypb.EnterpriseUpdated{}, nil
}

// settle checks an enterprise and sets what follows from its fields.
func settle(e *registrypb.Enterprise, unit *registrypb.Unit) error {
	kind, err := KindOf(e.GetTaxCode())
	if err != nil {
		return err
	}
	if err := CheckUnit(e, unit); err != nil {
		return err
	}
	e.TaxCodeKind = kind
	return nil
}

// CheckUnit judges an enterprise on the unit it names, nil if there is none of the name: FailedPrecondition then.
func CheckUnit(e *registrypb.Enterprise, unit *registrypb.Unit) error {
	if unit == nil {
		return fault.FailedPrecondition(faultpb.Reason_REASON_UNIT_UNKNOWN, "unit", "name", e.GetUnit())
	}
	return nil
}
