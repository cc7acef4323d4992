package organisation

import (
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// checkSuperior keeps INV-ORGANISATION-NO-CYCLE and INV-ORGANISATION-SUPERIOR-IN-FORCE where an organisation is corrected.
func checkSuperior(o *registrypb.Organisation, refs Refs) error {
	s := refs.Superior
	if s == nil {
		return nil
	}
	switch from, end := o.GetFoundedOn(), o.GetDissolvedOn(); {
	case s.GetDissolvedOn() != "" && s.GetDissolvedOn() <= from:
		return superiorNotInForce(s, from)
	case end != "" && end <= s.GetFoundedOn():
		return superiorNotInForce(s, end)
	}
	seen := map[string]bool{}
	for above := s; above.GetSuperior() != "" && !seen[above.GetName()]; {
		if above.GetSuperior() == o.GetName() {
			return fault.FailedPrecondition(faultpb.Reason_REASON_ORGANISATION_CYCLE, "superior",
				"name", o.GetName(), "parent", s.GetName())
		}
		seen[above.GetName()] = true
		next, known, err := refs.Lookup(above.GetSuperior())
		if err != nil || !known {
			return err
		}
		above = next
	}
	return nil
}

func superiorNotInForce(s *registrypb.Organisation, day string) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_SUPERIOR_NOT_IN_FORCE, "superior", "name", s.GetName(), "date", day)
}
