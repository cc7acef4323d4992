package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"testing"

	membershippb "coso/proto/gen/coso/membership/v1"

	"coso/deploy/internal/client"
)

// admission is what an office was told of an intake.
type admission struct {
	founding

	members int64
}

// members answers how many admitted members stand, in a unit or in all.
func (l *ledger) members(unit string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, a := range l.intakes {
		if !a.withdrawn && (unit == "ha-noi" || a.unit == unit) {
			n += a.members
		}
	}
	return n
}

func (l *ledger) admit(id string, a admission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.intakes[id] = a
}

// admit reports an intake and now and then withdraws it, each request until it is acknowledged.
func admit(ctx context.Context, c *client.Client, id, unit string, r *rand.Rand, told *ledger) error {
	a := admission{founding: founding{unit: unit}, members: 1 + r.Int64N(9)}
	in := &membershippb.Intake{
		Unit: "units/" + unit, Kind: membershippb.IntakeKind_INTAKE_KIND_PARTY_MEMBER, MemberCount: a.members, AdmittedOn: fmt.Sprintf("2020-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)),
	}
	if err := insist(ctx, c, "/v1/intakes", url.Values{"intakeId": {id}, "requestId": {"admit-" + id}}, in); err != nil {
		return fmt.Errorf("admit %s: %w", id, err)
	}
	if a.withdrawn = r.IntN(5) == 0; a.withdrawn {
		w := &membershippb.WithdrawIntakeRequest{Reason: "nhập nhầm", RequestId: "withdraw-" + id}
		if err := insist(ctx, c, "/v1/intakes/"+id+":withdraw", nil, w); err != nil {
			return fmt.Errorf("withdraw %s: %w", id, err)
		}
	}
	told.admit(id, a)
	return nil
}

// admitted holds the intakes that are there against what the offices were told: each once, and nothing else.
func admitted(t *testing.T, c *client.Client, told *ledger) {
	t.Helper()
	seen := map[string]int{}
	for _, state := range []string{"INTAKE_STATE_REPORTED", "INTAKE_STATE_WITHDRAWN"} {
		q := url.Values{"pageSize": {"500"}, "state": {state}}
		for more := true; more; {
			list := &membershippb.ListIntakesResponse{}
			if err := c.Get(t.Context(), "/v1/intakes", q, list); err != nil {
				t.Fatal(err)
			}
			for _, i := range list.GetIntakes() {
				id := path.Base(i.GetName())
				seen[id]++
				want := told.intakes[id]
				revision := int64(1)
				if want.withdrawn {
					revision = 2
				}
				if path.Base(i.GetUnit()) != want.unit || i.GetMemberCount() != want.members || i.GetRevision() != revision || (state == "INTAKE_STATE_WITHDRAWN") != want.withdrawn {
					t.Errorf("the office was told %+v, there is %v", want, i)
				}
			}
			q.Set("pageToken", list.GetNextPageToken())
			more = list.GetNextPageToken() != ""
		}
	}
	for id := range told.intakes {
		if seen[id] != 1 {
			t.Errorf("%s is there %d times", id, seen[id])
		}
	}
	if len(seen) != len(told.intakes) {
		t.Errorf("%d intakes are there, the offices were told of %d", len(seen), len(told.intakes))
	}
}
