// Package intake holds the rules of intakes: admissions reported as counts, without names. The rules are pure; who
// reports, and what the registry knows of units and organisations, is handed to them. Fields named in refusals are those
// of the intake, or of the command where there is one.
//
// INV-INTAKE-DAY: an intake lies on a day of the calendar, not in the future, on which its unit exists.
// INV-INTAKE-OWNERS: 0 ≤ owners ≤ members, and owners are counted among Party members only (Guidance 08-HD/BTCTW 2021).
// INV-INTAKE-ORGANISATION: an intake into an organisation is of the same unit, on a day of the organisation's life, and
// of a kind that the organisation admits.
// INV-INTAKE-WITHDRAWN-FINAL: a withdrawn intake never changes again.
// INV-INTAKE-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
//
// A rule judges what is known when the intake is written, and again, if it was put aside in an operation, when it takes effect.
// What the registry corrects later does not undo an intake; the next correction of the intake is judged by what is known then.
package intake

import (
	"google.golang.org/protobuf/proto"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/platform/fault"
)

// Refs are the records that an intake names, as the registry last announced them; nil where none of the name is known.
type Refs struct {
	Unit         *registrypb.Unit
	Organisation *registrypb.Organisation
}

// Report records the intake asked for, under name. InvalidArgument for a day that is none or lies in the future, and for
// owners beyond what may be reported; FailedPrecondition for a unit or organisation that is not known, does not exist on
// the day or does not fit.
func Report(
	asked *membershippb.Intake, name string, refs Refs, today civil.Date,
) (*membershippb.Intake, *membershippb.IntakeReported, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	next.State = membershippb.IntakeState_INTAKE_STATE_REPORTED
	if err := Check(next, refs, today); err != nil {
		return nil, nil, err
	}
	return next, &membershippb.IntakeReported{}, nil
}

// Update corrects cur to merged, which is cur with what the caller changed. No event, and cur itself, if that is nothing.
// FailedPrecondition once withdrawn; else as Report.
func Update(
	cur, merged *membershippb.Intake, refs Refs, today civil.Date,
) (*membershippb.Intake, *membershippb.IntakeUpdated, error) {
	if cur.GetState() == membershippb.IntakeState_INTAKE_STATE_WITHDRAWN {
		return nil, nil, withdrawn(cur)
	}
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	if err := Check(merged, refs, today); err != nil {
		return nil, nil, err
	}
	return merged, &membershippb.IntakeUpdated{}, nil
}

// Withdraw takes cur back as entered in error. FailedPrecondition if it was withdrawn before.
func Withdraw(
	cur *membershippb.Intake, cmd *membershippb.WithdrawIntakeRequest,
) (*membershippb.Intake, *membershippb.IntakeWithdrawn, error) {
	if cur.GetState() == membershippb.IntakeState_INTAKE_STATE_WITHDRAWN {
		return nil, nil, withdrawn(cur)
	}
	next := proto.CloneOf(cur)
	next.State = membershippb.IntakeState_INTAKE_STATE_WITHDRAWN
	next.WithdrawalReason = cmd.GetReason()
	return next, &membershippb.IntakeWithdrawn{}, nil
}

func withdrawn(cur *membershippb.Intake) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_INTAKE_WITHDRAWN, "name", "name", cur.GetName())
}

// Check judges what holds for every intake that is not withdrawn, on what it names. Errors as Report.
func Check(in *membershippb.Intake, refs Refs, today civil.Date) error {
	day, err := civil.Field("admittedOn", in.GetAdmittedOn())
	if err != nil {
		return err
	}
	if day.After(today) {
		return fault.InvalidArgument(faultpb.Reason_REASON_DATE_IN_FUTURE, "admittedOn",
			"value", day.String(), "today", today.String())
	}
	if err := checkOwners(in); err != nil {
		return err
	}
	if err := checkUnit(in, refs.Unit); err != nil {
		return err
	}
	if in.GetOrganisation() == "" {
		return nil
	}
	return checkOrganisation(in, refs.Organisation)
}
