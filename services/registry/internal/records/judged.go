package records

import (
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/store"
	"coso/services/registry/internal/enterprise"
	"coso/services/registry/internal/organisation"
)

// OrganisationRefs reads the records that organisations name, for a transaction that changes none of them.
func OrganisationRefs(r store.Reader) func(o *registrypb.Organisation) (organisation.Refs, error) {
	units, lookup := Units.Remembering(r), Organisations.Remembering(r)
	return func(o *registrypb.Organisation) (refs organisation.Refs, err error) {
		refs.Lookup = lookup
		if refs.Unit, _, err = units(o.GetUnit()); err != nil {
			return refs, err
		}
		if refs.Enterprise, _, err = Enterprises.Find(r, o.GetEnterprise()); err != nil || o.GetSuperior() == "" {
			return refs, err
		}
		refs.Superior, _, err = lookup(o.GetSuperior())
		return refs, err
	}
}

// foundings judges organisations that were put aside.
func foundings(tx *store.Tx) func(*registrypb.Organisation) error {
	named, today := OrganisationRefs(tx), tx.Today()
	return func(o *registrypb.Organisation) error {
		refs, err := named(o)
		if err != nil {
			return err
		}
		return organisation.CheckFounding(o, refs, today)
	}
}

// newEnterprises judges enterprises that were put aside.
func newEnterprises(tx *store.Tx) func(*registrypb.Enterprise) error {
	units := Units.Remembering(tx)
	return func(e *registrypb.Enterprise) error {
		unit, _, err := units(e.GetUnit())
		if err != nil {
			return err
		}
		return enterprise.CheckUnit(e, unit)
	}
}
