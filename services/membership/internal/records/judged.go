package records

import (
	membershippb "coso/proto/gen/coso/membership/v1"
	"coso/services/membership/internal/intake"
	"coso/services/platform/store"
)

// IntakeRefs reads the copies of what intakes name, for a transaction that changes none of them.
func IntakeRefs(r store.Reader) func(in *membershippb.Intake) (intake.Refs, error) {
	units, organisations := Units.Remembering(r), Organisations.Remembering(r)
	return func(in *membershippb.Intake) (refs intake.Refs, err error) {
		if refs.Unit, _, err = units(in.GetUnit()); err != nil || in.GetOrganisation() == "" {
			return refs, err
		}
		refs.Organisation, _, err = organisations(in.GetOrganisation())
		return refs, err
	}
}

// newIntakes judges intakes that were put aside.
func newIntakes(tx *store.Tx) func(*membershippb.Intake) error {
	named, today := IntakeRefs(tx), tx.Today()
	return func(in *membershippb.Intake) error {
		refs, err := named(in)
		if err != nil {
			return err
		}
		return intake.Check(in, refs, today)
	}
}
