package organisation_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/civil"
	"coso/services/registry/internal/organisation"
)

// life is one organisation under random commands, at days that only go forward.
type life struct {
	cur   *registrypb.Organisation
	today civil.Date
}

func drawDay(t *rapid.T, label string) civil.Date {
	return civil.MustParse("2020-01-01").AddDays(rapid.IntRange(0, 20).Draw(t, label))
}

func drawRefs(t *rapid.T, o *registrypb.Organisation) organisation.Refs {
	var r organisation.Refs
	if rapid.IntRange(0, 9).Draw(t, "unit known") > 0 {
		r.Unit = &registrypb.Unit{Name: o.GetUnit(), ValidFrom: drawDay(t, "unit from").String()}
		if rapid.Bool().Draw(t, "unit closed") {
			r.Unit.ClosedOn = drawDay(t, "unit closed on").String()
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "enterprise known") > 0 {
		r.Enterprise = &registrypb.Enterprise{Name: o.GetEnterprise()}
	}
	if o.GetSuperior() != "" && rapid.Bool().Draw(t, "superior known") {
		state := rapid.SampledFrom([]registrypb.OrganisationState{active, dissolved, withdrawn}).Draw(t, "superior's state")
		r.Superior = &registrypb.Organisation{Name: o.GetSuperior(), State: state}
	}
	return r
}

func drawAsked(t *rapid.T, o *registrypb.Organisation) *registrypb.Organisation {
	o.FoundedOn = drawDay(t, "founded on").String()
	o.Superior = rapid.SampledFrom([]string{"", "", name, "organisations/dang-bo"}).Draw(t, "superior")
	return o
}

func TestInvariantsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &life{today: drawDay(t, "today")}
		t.Repeat(map[string]func(*rapid.T){
			"":         l.wantSound,
			"wait":     func(t *rapid.T) { l.today = l.today.AddDays(rapid.IntRange(0, 3).Draw(t, "days")) },
			"found":    l.found,
			"update":   l.update,
			"dissolve": l.dissolve,
			"correct":  l.correct,
			"withdraw": l.withdraw,
		})
	})
}

func (l *life) found(t *rapid.T) {
	if l.cur != nil {
		return
	}
	ask := drawAsked(t, &registrypb.Organisation{Unit: "units/u", Enterprise: "enterprises/e"})
	r := drawRefs(t, ask)
	if next, _, err := organisation.Found(ask, name, r, l.today); err == nil {
		l.cur = next
		wantRecordable(t, next, r, l.today)
	}
}

func (l *life) update(t *rapid.T) {
	if l.cur == nil {
		return
	}
	merged := drawAsked(t, proto.CloneOf(l.cur))
	r := drawRefs(t, merged)
	next, event, err := organisation.Update(l.cur, merged, r, l.today)
	if err != nil || event == nil {
		return
	}
	wantRecordable(t, next, r, l.today)
	l.step(t, next, l.cur.GetState())
}

func (l *life) dissolve(t *rapid.T) {
	if l.cur == nil {
		return
	}
	cmd := &registrypb.DissolveOrganisationRequest{DissolvedOn: drawDay(t, "dissolved on").String()}
	next, _, err := organisation.Dissolve(l.cur, cmd, l.today)
	may := l.cur.GetState() == active && l.cur.GetFoundedOn() <= cmd.GetDissolvedOn() && cmd.GetDissolvedOn() <= l.today.String()
	if (err == nil) != may {
		t.Fatalf("INV-ORGANISATION-LIFE: dissolving %v on %s: %v", l.cur, cmd.GetDissolvedOn(), err)
	}
	if err == nil {
		l.step(t, next, dissolved)
	}
}

func (l *life) correct(t *rapid.T) {
	if l.cur == nil {
		return
	}
	cmd := &registrypb.CorrectOrganisationDissolutionRequest{Reason: "ghi nhầm"}
	state := active
	if rapid.Bool().Draw(t, "dissolved still") {
		cmd.DissolvedOn, state = drawDay(t, "corrected to").String(), dissolved
	}
	next, _, err := organisation.CorrectDissolution(l.cur, cmd, l.today)
	may := l.cur.GetState() == dissolved &&
		(cmd.GetDissolvedOn() == "" || l.cur.GetFoundedOn() <= cmd.GetDissolvedOn() && cmd.GetDissolvedOn() <= l.today.String())
	if (err == nil) != may {
		t.Fatalf("INV-ORGANISATION-LIFE: correcting %v to %q: %v", l.cur, cmd.GetDissolvedOn(), err)
	}
	if err == nil {
		l.step(t, next, state)
	}
}

func (l *life) withdraw(t *rapid.T) {
	if l.cur == nil {
		return
	}
	next, _, err := organisation.Withdraw(l.cur, &registrypb.WithdrawOrganisationRequest{Reason: "nhập nhầm"})
	if (err == nil) != (l.cur.GetState() != withdrawn) {
		t.Fatalf("INV-ORGANISATION-LIFE: withdrawing %v: %v", l.cur, err)
	}
	if err == nil {
		l.step(t, next, withdrawn)
	}
}

// step takes over the next record: its state is the one wanted and not one it has left behind.
func (l *life) step(t *rapid.T, next *registrypb.Organisation, state registrypb.OrganisationState) {
	if l.cur.GetState() == withdrawn || next.GetState() != state {
		t.Fatalf("INV-ORGANISATION-LIFE: from %v to %v", l.cur, next)
	}
	l.cur = next
}

// wantSound checks what holds for an organisation at any time.
func (l *life) wantSound(t *rapid.T) {
	o := l.cur
	if o == nil {
		return
	}
	if o.GetFoundedOn() > l.today.String() {
		t.Fatalf("INV-ORGANISATION-FOUNDED-IN-PAST: %s, today is %s", o.GetFoundedOn(), l.today)
	}
	ended := o.GetDissolvedOn()
	switch {
	case o.GetState() == active && (ended != "" || o.GetWithdrawalReason() != ""),
		o.GetState() == dissolved && (ended == "" || o.GetWithdrawalReason() != ""),
		o.GetState() == withdrawn && o.GetWithdrawalReason() == "",
		ended != "" && (ended < o.GetFoundedOn() || ended > l.today.String()):
		t.Fatalf("INV-ORGANISATION-LIFE: %v, today is %s", o, l.today)
	}
}

// wantRecordable checks what holds at the moment an organisation is recorded or corrected.
func wantRecordable(t *rapid.T, o *registrypb.Organisation, r organisation.Refs, today civil.Date) {
	on := o.GetFoundedOn()
	if on > today.String() {
		t.Fatalf("INV-ORGANISATION-FOUNDED-IN-PAST: %s, today is %s", on, today)
	}
	if u := r.Unit; u == nil || on < u.GetValidFrom() || u.GetClosedOn() != "" && on >= u.GetClosedOn() {
		t.Fatalf("INV-ORGANISATION-UNIT-IN-FORCE: founded on %s, unit %v", on, u)
	}
	superior := o.GetSuperior() == "" ||
		r.Superior != nil && r.Superior.GetState() != withdrawn && o.GetSuperior() != o.GetName()
	if r.Enterprise == nil || !superior {
		t.Fatalf("INV-ORGANISATION-REFERS: %v with %v", o, r)
	}
}
