package watch_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/store"

	accesspb "coso/proto/gen/coso/access/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
	registrypb "coso/proto/gen/coso/registry/v1"

	_ "coso/proto/gen/coso/award/v1"
	_ "coso/proto/gen/coso/identity/v1"
	_ "coso/proto/gen/coso/membership/v1"
	_ "coso/proto/gen/coso/planning/v1"
)

// below records a unit under another, from 2000 on.
func (h *house) below(id, parent string) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		return h.units.Create(tx, &registrypb.Unit{
			Name: "units/" + id, DisplayName: id, Level: "DISTRICT_COMMITTEE", ValidFrom: "1995-10-28",
			Placements: []*registrypb.Placement{{Tree: "party", Parent: parent, FromDate: "2000-01-01"}},
		}, &registrypb.UnitCreated{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

// move puts a unit under another, from 2010 on.
func (h *house) move(id, parent string) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Unit, error) {
		cur, err := h.units.Get(tx, "units/"+id)
		if err != nil {
			return nil, err
		}
		next := proto.CloneOf(cur)
		next.Placements = append(next.Placements, &registrypb.Placement{Tree: "party", Parent: parent, FromDate: "2010-01-01"})
		return h.units.Put(tx, next, &registrypb.UnitReparented{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

// give gives a grant, and end ends it.
func (h *house) give(id, account, unit string, role accesspb.Role) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Grant, error) {
		return h.grants.Create(tx, &registrypb.Grant{
			Name: "grants/" + id, Principal: "principals/" + account, Unit: unit, Role: role, Reason: "phân công", StartTime: timestamppb.New(tx.At()),
		}, &registrypb.GrantGiven{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) end(id string) {
	h.Helper()
	_, err := store.Update(h.acting(), h.store, nil, func(tx *store.Tx) (*registrypb.Grant, error) {
		cur, err := h.grants.Get(tx, "grants/"+id)
		if err != nil {
			return nil, err
		}
		next := proto.CloneOf(cur)
		next.EndTime = timestamppb.New(tx.At())
		return h.grants.Put(tx, next, &registrypb.GrantEnded{})
	})
	if err != nil {
		h.Fatal(err)
	}
}

// upTo reads on until the journal's end as it is now, and answers the subjects of what was heard.
func (l *listening) upTo() []string {
	l.h.Helper()
	end := l.h.store.Head().GetEvents()
	out := []string{}
	for l.last.GetSequence() < end {
		if e := l.next().GetEvent(); e != nil {
			out = append(out, e.GetSubject())
		}
	}
	return out
}

// INV-WATCH-PERMITTED: who listens hears of the units where a grant holds now, and of nothing else.
func TestListenersHearTheirUnits(t *testing.T) {
	everyWay(t, func(h *house) {
		h.createUnit("city")
		h.below("a", "units/city")
		h.below("b", "units/city")
		h.below("a1", "units/a")
		h.give("1", "lan", "units/a", accesspb.Role_ROLE_VIEWER)
		h.give("2", "minh", "units/b", accesspb.Role_ROLE_AUDITOR)
		h.give("3", "hoa", "", accesspb.Role_ROLE_VIEWER)
		all := &feedpb.WatchEventsRequest{AfterSequence: proto.Uint64(0)}
		lan, minh, hoa, nobody, service := h.watch(all, "lan"), h.watch(all, "minh"), h.watch(all, "hoa"), h.watch(all, "khach"), h.watch(all)
		hear := func(step string, want map[*listening][]string) {
			h.Helper()
			for who, subjects := range want {
				if got := who.upTo(); !slices.Equal(got, subjects) {
					h.Errorf("%s: heard %v, want %v", step, got, subjects)
				}
			}
		}
		four := []string{"units/city", "units/a", "units/b", "units/a1"}
		hear("the past", map[*listening][]string{
			lan: {"units/a", "units/a1"}, minh: {"units/b", "grants/2"}, hoa: four, nobody: {}, service: four,
		})
		h.found("x", "units/a1")
		h.found("y", "units/b")
		hear("what happens", map[*listening][]string{
			lan: {"organisations/x"}, minh: {"organisations/y"}, hoa: {"organisations/x", "organisations/y"}, nobody: {},
		})
		h.move("a1", "units/b")
		h.found("z", "units/a1")
		hear("a moved unit", map[*listening][]string{
			lan: {}, minh: {"units/a1", "organisations/z"}, hoa: {"units/a1", "organisations/z"}, nobody: {},
		})
		h.end("2")
		h.found("w", "units/b")
		hear("an ended grant", map[*listening][]string{lan: {}, minh: {}, hoa: {"organisations/w"}, nobody: {}})
		h.give("4", "khach", "units/b", accesspb.Role_ROLE_VIEWER)
		h.found("v", "units/b")
		hear("a new grant", map[*listening][]string{lan: {}, minh: {}, hoa: {"organisations/v"}, nobody: {"organisations/v"}})
	})
}

// INV-WATCH-PERMITTED: every event of the contract is about a noun that is known here; the permissions to read nouns are
// those that the contract has.
func TestEveryEventHasANoun(t *testing.T) {
	singular := []string{"Unit", "Enterprise", "Organisation", "Grant", "Intake", "Indicator", "Period", "Target", "Nomination", "Account"}
	found := map[string]int{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "coso/") || !strings.HasSuffix(file.Path(), "/events.proto") || file.Package() == "coso.feed.v1" {
			return true
		}
		for i := range file.Messages().Len() {
			name := string(file.Messages().Get(i).Name())
			at := slices.IndexFunc(singular, func(noun string) bool { return strings.HasPrefix(name, noun) })
			if at < 0 && name != "Evidence" {
				t.Errorf("%s is about no noun that package watch knows: it is for nobody", name)
			}
			if at >= 0 {
				found[singular[at]]++
			}
		}
		return true
	})
	if len(found) != len(singular) {
		t.Errorf("events of %v, want some of each of %v", found, singular)
	}
}
