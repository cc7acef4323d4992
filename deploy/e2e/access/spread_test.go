package access

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/registry"

	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// spread says how far the last change of a grant has come, after waiting: `award:CONFIRMED …`.
func (h *house) spread(grant, wait string) (string, *registrypb.GrantSpread) {
	h.t.Helper()
	answer, _ := h.do("registry.GrantService/GetGrantSpread", first, fmt.Sprintf(`{"name":%q,"wait":%q}`, grant, wait)).(*registrypb.GrantSpread)
	return h.says(answer), answer
}

// ends ends a grant and says how far its end has come by the answer to that.
func (h *house) ends(grant string) (string, *registrypb.GrantSpread) {
	h.t.Helper()
	answer, _ := h.do("registry.GrantService/EndGrant", first, fmt.Sprintf(`{"name":%q,"reason":"thôi việc"}`, grant)).(*registrypb.EndGrantResponse)
	if g := answer.GetGrant(); g.GetName() != grant || g.GetEndReason() == "" {
		h.t.Errorf("ended is %v", g)
	}
	return h.says(answer.GetSpread()), answer.GetSpread()
}

func (h *house) says(answer *registrypb.GrantSpread) string {
	h.t.Helper()
	out := make([]string, 0, len(answer.GetTakers()))
	for _, one := range answer.GetTakers() {
		state := strings.TrimPrefix(one.GetState().String(), "SPREAD_STATE_")
		if (state == "CONFIRMED") != one.GetConfirmTime().IsValid() || state == "CONFIRMED" && one.GetSequence() < one.GetWantedSequence() {
			h.t.Errorf("%s says %v", one.GetService(), one)
		}
		out = append(out, one.GetService()+":"+state)
	}
	return strings.Join(out, " ")
}

// Whoever ends a grant sees which services go by its end, soon after; one that is stopped, and one that has not been heard for long, is
// never said to.
func TestWhoGoesByTheEndOfAGrant(t *testing.T) {
	h := newHouse(t)
	h.grant("lan", "VIEWER", "")
	h.grant("second", "ADMINISTRATOR", "")
	h.grant("third", "VIEWER", "")
	all := "award:CONFIRMED identity:CONFIRMED membership:CONFIRMED planning:CONFIRMED"
	if got, s := h.spread("grants/lan", "5s"); got != all || !s.GetComplete() || s.GetRevision() != 1 {
		t.Fatalf("the grant has come to %s, %v", got, s)
	}
	if got, s := h.ends("grants/lan"); got != all || !s.GetComplete() || s.GetRevision() != 2 || s.GetName() != "grants/lan" {
		t.Errorf("the answer to its end says %s, %v", got, s)
	}
	if got, s := h.spread("grants/lan", "5s"); got != all || !s.GetComplete() || s.GetRevision() != 2 {
		t.Fatalf("its end has come to %s, %v", got, s)
	}
	if _, err := h.call("award.NominationService/ListNominations", h.issuer.Token("lan"), `{}`); fault.ReasonOf(fault.FromStatus(status.Convert(err))) != faultpb.Reason_REASON_PERMISSION_DENIED {
		t.Errorf("award, which has confirmed, answers lan: %v", err)
	}

	h.stop["award"]()
	but := "award:BEHIND identity:CONFIRMED membership:CONFIRMED planning:CONFIRMED"
	begun := time.Now()
	if got, s := h.ends("grants/second"); got != but || s.GetComplete() {
		t.Errorf("the answer to an end without award says %s, %v", got, s)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("who ends a grant waits %s for award", took)
	}
	got, s := h.spread("grants/second", "0.2s")
	for deadline := time.Now().Add(patience); got != but && time.Now().Before(deadline); {
		got, s = h.spread("grants/second", "0.2s")
	}
	if got != but || s.GetComplete() {
		t.Errorf("with award stopped the end has come to %s, %v", got, s)
	}
	if got, _ := h.spread("grants/lan", "0s"); got != all {
		t.Errorf("what award confirmed before it stopped has come to %s", got)
	}
	h.cut.Store(true)
	h.aged.Store(int64(10 * time.Minute))
	if got, s := h.ends("grants/third"); got != "award:AWAY identity:AWAY membership:AWAY planning:AWAY" || s.GetComplete() {
		t.Errorf("the answer to an end when nobody has been heard for long says %s, %v", got, s)
	}
	if got, s := h.spread("grants/lan", "0s"); got != "award:AWAY identity:AWAY membership:AWAY planning:AWAY" || s.GetComplete() {
		t.Errorf("when nobody has been heard for long: %s, %v", got, s)
	}
}

// What a service changes by grants it does not change by old ones: every method that asks for a permission that grants give, and does
// not only read, is refused while the copy is too old, and no other.
func TestNothingIsChangedByOldGrants(t *testing.T) {
	h := newHouse(t)
	h.settle()
	h.people()
	h.cut.Store(true)
	h.aged.Store(int64(10 * time.Minute))
	requests, refused := asks(t), 0
	for _, short := range rpcs() {
		pkg, _, _ := strings.Cut(short, ".")
		if _, follows := h.services[pkg]; !follows || pkg == registry.Name {
			continue // served by every service: asked of the registry, which goes by its own grants
		}
		md := method(short)
		want := access.ChangesByGrant("/" + string(md.Parent().FullName()) + "/" + string(md.Name()))
		request := strings.NewReplacer("PLACE", "own", "NOMINATION", h.nominations["own"]).Replace(requests[short])
		_, err := h.call(short, h.issuer.Token("administrator-all"), request)
		if old := fault.ReasonOf(fault.FromStatus(status.Convert(err))) == faultpb.Reason_REASON_COPY_TOO_OLD; old != want {
			t.Errorf("%s: %v; should be refused for its copy: %v", short, err, want)
		}
		if want {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("only %d methods were refused", refused)
	}
}
