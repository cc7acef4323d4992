// Package indicator holds the rules of the catalogue of indicators (chỉ tiêu thống kê): what may be counted and what
// belongs to an indicator. The catalogue is data; only the measures and their kinds are known to the program. The rules are
// pure; fields named in refusals are those of the indicator.
//
// INV-INDICATOR-KINDS: every kind of an indicator is a kind of its measure: of organisations for
// ORGANISATIONS_FOUNDED, of intakes for MEMBERS_ADMITTED and OWNERS_ADMITTED.
// INV-INDICATOR-WITHDRAWN-FINAL: an indicator is withdrawn only while no target that is not withdrawn rests on it, and never changes
// again.
// INV-INDICATOR-UNKNOWN-FIELDS: what a newer version wrote survives every rule.
package indicator

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	membershippb "coso/proto/gen/coso/membership/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
)

// Create makes the indicator asked for, under name. InvalidArgument INDICATOR_KIND_UNKNOWN if a kind is not one of the
// measure: INV-INDICATOR-KINDS.
func Create(asked *planningpb.Indicator, name string) (*planningpb.Indicator, *planningpb.IndicatorCreated, error) {
	next := proto.CloneOf(asked)
	next.Name = name
	for i, kind := range next.GetKinds() {
		if !Measures(next.GetMeasure(), kind) {
			field := fmt.Sprintf("kinds[%d]", i)
			return nil, nil, fault.InvalidArgument(faultpb.Reason_REASON_INDICATOR_KIND_UNKNOWN, field,
				append(fault.FormOfWord(kind, kindsOf(next.GetMeasure())).Params(), "value", kind)...)
		}
	}
	return next, &planningpb.IndicatorCreated{}, nil
}

// Update changes cur to merged, which is cur with what the caller changed: how it is spoken of. No event, and cur itself,
// if that is nothing. What is counted never changes, so nothing is judged anew.
// FailedPrecondition INDICATOR_WITHDRAWN once withdrawn.
func Update(cur, merged *planningpb.Indicator) (*planningpb.Indicator, *planningpb.IndicatorUpdated, error) {
	if Withdrawn(cur) {
		return nil, nil, refuse(cur)
	}
	if proto.Equal(cur, merged) {
		return cur, nil, nil
	}
	return merged, &planningpb.IndicatorUpdated{}, nil
}

// Measures says whether a kind, a bare word such as `BASE_CELL`, is one that a measure distinguishes.
func Measures(measure planningpb.Measure, kind string) bool {
	return slices.Contains(kindsOf(measure), kind)
}

// kindsOf are the kinds that a measure distinguishes.
func kindsOf(measure planningpb.Measure) []string {
	var kinds protoreflect.EnumDescriptor
	switch measure {
	case planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED:
		kinds = registrypb.OrganisationKind(0).Descriptor()
	case planningpb.Measure_MEASURE_MEMBERS_ADMITTED, planningpb.Measure_MEASURE_OWNERS_ADMITTED:
		kinds = membershippb.IntakeKind(0).Descriptor()
	case planningpb.Measure_MEASURE_UNSPECIFIED:
	}
	if kinds == nil { // a measure of a newer version, too
		return nil
	}
	words, _ := fault.Words(kinds)
	return words
}

// Counts says whether an indicator adds up a fact.
func Counts(in *planningpb.Indicator, f *planningpb.Fact) bool {
	return in.GetMeasure() == f.GetMeasure() && slices.Contains(in.GetKinds(), f.GetKind())
}

// Withdraw marks cur as entered in error: it never was. Its record and its name stay. rests is a target, not withdrawn, that
// rests on it, nil: none does. FailedPrecondition INDICATOR_IN_USE if one does, INDICATOR_WITHDRAWN if it was withdrawn before.
func Withdraw(
	cur *planningpb.Indicator, cmd *planningpb.WithdrawIndicatorRequest, rests *planningpb.Target,
) (*planningpb.Indicator, *planningpb.IndicatorWithdrawn, error) {
	switch {
	case Withdrawn(cur):
		return nil, nil, refuse(cur)
	case rests != nil:
		return nil, nil, fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_IN_USE, "name", "name", cur.GetName(), "by", rests.GetName())
	}
	next := proto.CloneOf(cur)
	next.State, next.WithdrawalReason = planningpb.IndicatorState_INDICATOR_STATE_WITHDRAWN, cmd.GetReason()
	return next, &planningpb.IndicatorWithdrawn{}, nil
}

// Withdrawn says whether an indicator was entered in error.
func Withdrawn(i *planningpb.Indicator) bool {
	return i.GetState() == planningpb.IndicatorState_INDICATOR_STATE_WITHDRAWN
}

func refuse(i *planningpb.Indicator) error {
	return fault.FailedPrecondition(faultpb.Reason_REASON_INDICATOR_WITHDRAWN, "name", "name", i.GetName())
}
