package replica

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// judgement is what a replica makes of a picture.
type judgement struct {
	// have is how many replicas hold a state that goes with this one's, itself included; need how many are a majority.
	have, need int
	// aside is why this replica must be set aside; blocked why nobody may write who sees this; agreement why this one has no
	// agreement of a majority, which blocked is too. nil: there is no such thing.
	aside, blocked, agreement error
	// behind: the log answers and shows less than replicas hold, and that is why this one is blocked. lonely: this replica holds
	// more than the log shows, and no majority does.
	behind, lonely bool
}

// beyond reports whether a replica holds entries, of this journal, that the log does not show.
func (p *picture) beyond() bool { return p.furthest() > p.sight.Last }

// furthest is the last position that this replica, or one with the same journal, holds.
func (p *picture) furthest() uint64 {
	most := p.own.Position
	for _, v := range p.views {
		if v.sameEntries {
			most = max(most, v.position())
		}
	}
	return most
}

// judge decides (INV-REPLICA-MAJORITY, INV-REPLICA-AGREES).
func (p *picture) judge(self string) {
	n, differs, same, sameBeyond := 1+len(p.views), 0, 1, 0
	for _, v := range p.views {
		switch v.relation { //nolint:exhaustive // the others say nothing of the state
		case replicapb.Relation_RELATION_DIFFERS, replicapb.Relation_RELATION_FOREIGN:
			differs++
		case replicapb.Relation_RELATION_SAME:
			if same++; v.position() > p.sight.Last {
				sameBeyond++
			}
		}
	}
	p.judgement = judgement{have: same, need: n/2 + 1}
	switch {
	case differs >= p.need:
		p.aside = fault.DataLoss(faultpb.Reason_REASON_REPLICA_DIFFERS, "", "name", self).With(errors.New(p.differences()))
		p.blocked = p.aside
	case differs > 0 && same < p.need:
		p.blocked = fault.Unavailable(faultpb.Reason_REASON_REPLICAS_DIVIDED, "").With(errors.New(p.differences()))
	case p.away == nil && p.beyond():
		p.behind = true
		p.blocked = fault.Unavailable(faultpb.Reason_REASON_LOG_BEHIND, "", p.ends(p.furthest())...)
		p.lonely = p.own.Position > p.sight.Last && 1+sameBeyond < p.need
	case p.away != nil:
		// The cause is told, not wrapped: it is of a question, and of the entry it is known that it was not offered.
		p.agreement = p.missing().With(errors.New("the log does not say where it ends: " + p.away.Error()))
	case same < p.need:
		p.agreement = p.missing().With(errors.New(p.silences()))
	}
	if p.blocked != nil {
		p.agreement = p.blocked
	}
}

// unacceptable is why not even an operator lets this replica write: the log does not answer, or somebody who does, or this replica,
// holds another journal or more than the log shows. nil: an operator may, or a majority agrees.
func (p *picture) unacceptable() error {
	most, foreign := p.own.Position, false
	for _, v := range p.views {
		if v.relation != replicapb.Relation_RELATION_SILENT {
			most, foreign = max(most, v.position()), foreign || v.relation == replicapb.Relation_RELATION_FOREIGN
		}
	}
	if p.away != nil || foreign || most > p.sight.Last {
		return p.agreement
	}
	return nil
}

func (p *picture) missing() *fault.Error {
	return fault.Unavailable(faultpb.Reason_REASON_AGREEMENT_MISSING, "", "value", strconv.Itoa(p.have), "limit", strconv.Itoa(p.need))
}

// ahead is since when replicas hold more than the log shows; zero: they do not.
type ahead struct {
	// some: anybody does; alone: this replica does, and no majority.
	some, alone time.Time
}

// last draws the consequences of a log that has shown less than replicas hold for longer than limit: an older state of it was put
// back, and a replica that is alone with more is set aside. A server that is cut off answers so for a shorter time.
func (p *picture) last(since *ahead, now time.Time, limit time.Duration) {
	if lasts(&since.some, p.behind, now, limit) {
		p.blocked = fault.Unavailable(faultpb.Reason_REASON_LOG_WENT_BACK, "", p.ends(p.furthest())...)
		p.agreement = p.blocked
	}
	if lasts(&since.alone, p.lonely, now, limit) && p.aside == nil {
		p.aside = fault.DataLoss(faultpb.Reason_REASON_LOG_WENT_BACK, "", p.ends(p.own.Position)...)
	}
}

// lasts reports whether something that is so has been for as long as limit. since is from when on; it is kept here.
func lasts(since *time.Time, is bool, now time.Time, limit time.Duration) bool {
	switch {
	case !is:
		*since = time.Time{}
	case since.IsZero():
		*since = now
	}
	return is && now.Sub(*since) >= limit
}

// ends are the arguments of what is said of a log that ends before the position of an entry.
func (p *picture) ends(held uint64) []string {
	return []string{"value", strconv.FormatUint(p.sight.Last, 10), "current", strconv.FormatUint(held, 10)}
}

// differences says who differs, and where that was seen.
func (p *picture) differences() string {
	var out []string
	for _, v := range p.views {
		switch {
		case v.relation == replicapb.Relation_RELATION_FOREIGN:
			out = append(out, fmt.Sprintf("%s has the journal %s, this replica %s", v.name, v.state.GetNow().GetIncarnation(), p.own.Incarnation))
		case v.relation == replicapb.Relation_RELATION_DIFFERS && !v.sameEntries:
			out = append(out, fmt.Sprintf("%s has another entry %d", v.name, v.compared))
		case v.relation == replicapb.Relation_RELATION_DIFFERS:
			out = append(out, fmt.Sprintf("%s has other rows after entry %d", v.name, v.compared))
		}
	}
	return strings.Join(out, "; ")
}

// silences says who is missing.
func (p *picture) silences() string {
	var out []string
	for _, v := range p.views {
		switch v.relation { //nolint:exhaustive // they are not missing
		case replicapb.Relation_RELATION_SILENT:
			out = append(out, fmt.Sprintf("%s does not answer: %v", v.name, v.silence))
		case replicapb.Relation_RELATION_ASIDE:
			out = append(out, v.name+" is set aside")
		}
	}
	return strings.Join(out, "; ")
}

// others are those that do not hold the same.
func (p *picture) others() (names []string) {
	for _, v := range p.views {
		if v.relation != replicapb.Relation_RELATION_SAME {
			names = append(names, v.name)
		}
	}
	return names
}
