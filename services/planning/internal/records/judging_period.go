package records

import (
	"strings"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/store"
)

// TimerJudge is the kind of the timers that go on with the judging of a period.
const TimerJudge = "judge"

// judgedTogether is how many targets one command judges: each may announce two crossings with all their evidence, and a
// command has its limit.
const judgedTogether = 50

// JudgePeriod judges the targets of a period, as after a change of its dates: the first ones in this command, the others
// in commands of their own that follow at once, by timer. A change of the dates in between begins anew.
func (a *Atlas) JudgePeriod(tx *store.Tx, p *planningpb.Period) error {
	return a.judgePeriod(tx, p, "")
}

// JudgeOn goes on with the judging of a period where the last command stopped.
func (a *Atlas) JudgeOn(tx *store.Tx, t store.Timer) error {
	p, ok, err := Periods.Find(tx, strings.TrimPrefix(t.Name, TimerJudge+"/"))
	if err != nil || !ok {
		return err
	}
	return a.judgePeriod(tx, p, string(t.Payload))
}

// judgePeriod judges the next targets after one, by name, and sees to it that the rest follows.
func (a *Atlas) judgePeriod(tx *store.Tx, p *planningpb.Period, after string) error {
	var targets []*planningpb.Target
	more := false
	for t, err := range Targets.By(tx, TargetsByPeriod, store.Text(p.GetName())) {
		if err != nil {
			return err
		}
		if t.GetName() <= after {
			continue
		}
		if more = len(targets) == judgedTogether; more {
			break
		}
		targets = append(targets, t)
	}
	if err := a.newJudge(tx).judge(targets); err != nil {
		return err
	}
	timer := TimerJudge + "/" + p.GetName()
	if !more {
		return store.CancelTimer(tx, timer)
	}
	return store.SetTimer(tx, timer, tx.At(), []byte(targets[len(targets)-1].GetName()))
}
