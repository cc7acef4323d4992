package intake_test

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	membershippb "coso/proto/gen/coso/membership/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/membership/internal/intake"
	"coso/services/platform/civil"
)

var (
	day  = rapid.Custom(func(t *rapid.T) civil.Date { return today.AddDays(rapid.IntRange(-40, 3).Draw(t, "days from today")) })
	end  = rapid.Custom(func(t *rapid.T) civil.Date { return civilOrNone(t, "end") })
	kind = rapid.Custom(func(t *rapid.T) membershippb.IntakeKind {
		return membershippb.IntakeKind(rapid.Int32Range(1, 5).Draw(t, "kind"))
	})
	count = rapid.Int64Range(0, 12)
)

func civilOrNone(t *rapid.T, label string) civil.Date {
	if rapid.Bool().Draw(t, label+" open") {
		return civil.Date{}
	}
	return day.Draw(t, label)
}

// in says whether a day lies in a life that may have no end.
func in(day, first, end civil.Date) bool {
	return !day.Before(first) && (end.IsZero() || day.Before(end))
}

// accepted says whether an intake may be reported, which is whether another may be corrected to it.
func accepted(t *rapid.T, next *membershippb.Intake, at intake.Refs) bool {
	_, _, err := intake.Report(next, "intakes/i", at, today)
	_, _, err2 := intake.Update(otherwise(next), next, at, today)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("reported: %v, corrected: %v", err, err2)
	}
	return err == nil
}

// INV-INTAKE-OWNERS.
func TestOwnersProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next, at := reported(), refs()
		next.Organisation = ""
		next.Kind, next.OwnerCount = kind.Draw(t, "kind"), count.Draw(t, "owners")
		next.MemberCount = 1 + count.Draw(t, "members")
		party := next.GetKind() == membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER
		want := next.GetOwnerCount() == 0 || party && next.GetOwnerCount() <= next.GetMemberCount()
		if got := accepted(t, next, at); got != want {
			t.Errorf("accepted %v, want %v: %v", got, want, next)
		}
	})
}

// INV-INTAKE-DAY.
func TestDayProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		next, at := reported(), refs()
		next.Organisation = ""
		d, first, last := day.Draw(t, "day"), day.Draw(t, "first"), end.Draw(t, "end")
		next.AdmittedOn, at.Unit.ValidFrom, at.Unit.ClosedOn = d.String(), first.String(), last.String()
		want := !d.After(today) && in(d, first, last)
		if got := accepted(t, next, at); got != want {
			t.Errorf("accepted %v, want %v: %s in %s…%s", got, want, d, first, last)
		}
	})
}

// INV-INTAKE-ORGANISATION.
func TestOrganisationProperty(t *testing.T) {
	groups := map[membershippb.IntakeKind][]registrypb.OrganisationKind{
		membershippb.IntakeKind_INTAKE_KIND_UNSPECIFIED:             nil,
		membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER:            {1, 2, 3, 4, 5},
		membershippb.IntakeKind_INTAKE_KIND_TRADE_UNION_MEMBER:      {6, 7},
		membershippb.IntakeKind_INTAKE_KIND_YOUTH_UNION_MEMBER:      {8, 9, 10, 11, 12},
		membershippb.IntakeKind_INTAKE_KIND_YOUTH_FEDERATION_MEMBER: {10, 11, 12},
		membershippb.IntakeKind_INTAKE_KIND_VETERANS_MEMBER:         {13, 14, 15},
	}
	rapid.Check(t, func(t *rapid.T) {
		next, at := reported(), refs()
		o := at.Organisation
		d, founded, dissolved := day.Draw(t, "day"), day.Draw(t, "founded"), end.Draw(t, "dissolved")
		next.AdmittedOn, o.FoundedOn, o.DissolvedOn = d.String(), founded.String(), dissolved.String()
		next.Kind, next.OwnerCount = kind.Draw(t, "kind"), 0
		o.Kind = registrypb.OrganisationKind(rapid.Int32Range(1, 15).Draw(t, "kind of organisation"))
		o.Unit = rapid.SampledFrom([]string{"units/tay-ho", "units/tay-ho", "units/ba-vi"}).Draw(t, "unit")
		o.State = registrypb.OrganisationState(rapid.Int32Range(1, 3).Draw(t, "state"))

		fits := false
		for _, k := range groups[next.GetKind()] {
			fits = fits || k == o.GetKind()
		}
		want := !d.After(today) && in(d, founded, dissolved) && fits && o.GetUnit() == next.GetUnit() &&
			o.GetState() != registrypb.OrganisationState_ORGANISATION_STATE_WITHDRAWN
		if got := accepted(t, next, at); got != want {
			t.Errorf("accepted %v, want %v: %v in %v", got, want, next, o)
		}
	})
}

// INV-INTAKE-WITHDRAWN-FINAL.
func TestWithdrawnIsFinalProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cur := reported()
		cur.MemberCount = 1 + count.Draw(t, "members")
		cur.OwnerCount = 0
		gone, _, err := intake.Withdraw(cur, &membershippb.WithdrawIntakeRequest{Reason: "nhập nhầm"})
		if err != nil {
			t.Fatal(err)
		}
		next := proto.CloneOf(gone)
		next.MemberCount = 1 + count.Draw(t, "corrected members")
		if _, _, err := intake.Update(gone, next, refs(), today); err == nil {
			t.Error("a withdrawn intake was corrected")
		}
		if _, _, err := intake.Withdraw(gone, &membershippb.WithdrawIntakeRequest{Reason: "lần nữa"}); err == nil {
			t.Error("a withdrawn intake was withdrawn")
		}
	})
}

// INV-INTAKE-UNKNOWN-FIELDS.
func TestUnknownFieldsSurvive(t *testing.T) {
	later := protowire.AppendString(protowire.AppendTag(nil, 1999, protowire.BytesType), "của bản sau")
	old := reported()
	old.ProtoReflect().SetUnknown(later)

	fresh, _, err := intake.Report(old, "intakes/i", refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	corrected, _, err := intake.Update(otherwise(old), old, refs(), today)
	if err != nil {
		t.Fatal(err)
	}
	gone, _, err := intake.Withdraw(old, &membershippb.WithdrawIntakeRequest{Reason: "nhập nhầm"})
	if err != nil {
		t.Fatal(err)
	}
	for rule, got := range map[string]*membershippb.Intake{"Report": fresh, "Update": corrected, "Withdraw": gone} {
		if string(got.ProtoReflect().GetUnknown()) != string(later) {
			t.Errorf("%s lost an unknown field", rule)
		}
	}
}
