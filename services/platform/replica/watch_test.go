package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store/storetest"
	"coso/services/platform/streamlog"
)

// INV-REPLICA-AGREES: nothing is written before a majority has said that it holds the same; then a replica goes on though the
// others leave, until the way to the log is lost; then only an operator's word, which is journaled, lets it.
func TestAMajorityAgreesFirst(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	r1 := f.start("r1")
	r1.refused("a", faultpb.Reason_REASON_AGREEMENT_MISSING)
	r2 := f.start("r2")
	r1.writeSoon("a")
	r2.writeSoon("b")
	reaches(t, 2, r1, r2)
	r2.end()
	for i := range 3 {
		if err := r1.write(fmt.Sprintf("alone-%d", i)); err != nil {
			t.Fatalf("alone after it was agreed: %v", err)
		}
	}
}

// An operator's word holds until a majority agrees again.
func TestAnOperatorAcceptsToGoOnWithout(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	r1 := all[0]
	r1.writeSoon("a")
	if err := r1.accept("for nothing"); fault.ReasonOf(err) != faultpb.Reason_REASON_AGREEMENT_NOT_NEEDED {
		t.Errorf("accepted with a majority there: %v", err)
	}
	stopAll(all[1:])
	f.nats.Stop(0)
	f.nats.Start(0)
	r1.waitsForOthers("b")
	if a := r1.report().GetAgreement(); a.GetPresent() || a.GetHave() != 1 || a.GetNeed() != 2 || a.GetMissing().GetTextVi() == "" {
		t.Errorf("the report: %v", a)
	}
	eventually(t, func() error { return r1.accept("r2 and r3 burnt") }) // once the log answers again
	r1.writeSoon("b")
	if a := r1.report().GetAgreement(); !a.GetPresent() || a.GetAcceptance().GetReason() != "r2 and r3 burnt" || len(a.GetAcceptance().GetMissing()) != 2 {
		t.Errorf("the report: %v", a)
	}
	r2 := f.start("r2")
	reaches(t, r1.Head().GetPosition(), r2)
	eventually(t, func() error {
		if a := r1.report().GetAgreement(); a.GetAcceptance() != nil || !a.GetPresent() {
			return fmt.Errorf("still accepted: %v", a)
		}
		return nil
	})
	r2.end()
	f.nats.Stop(0)
	f.nats.Start(0)
	r1.waitsForOthers("c")
	r1.end()
	found := false
	for _, e := range storetest.Journal(t, f.dirs["r1"], service) {
		found = found || bytes.Contains(e, []byte("r2 and r3 burnt")) && bytes.Contains(e, []byte(access.Operator))
	}
	if !found {
		t.Error("the journal does not say who accepted what")
	}
}

// One replica is its own majority.
func TestOneReplicaIsItsOwnMajority(t *testing.T) {
	f := newFleet(t, 1, "r1")
	r1 := f.start("r1")
	r1.writeSoon("a", "b")
	if err := r1.watch.Healthy(); err != nil {
		t.Error(err)
	}
}

// INV-REPLICA-MAJORITY: a replica with another row than the others sets itself aside; they go on.
func TestAReplicaWithAnotherRowSetsItselfAside(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	all[2].end()
	storetest.ChangeRow(t, f.dirs["r3"], service, "units")
	r3 := f.start("r3")
	r3.isAside(faultpb.Reason_REASON_REPLICA_DIFFERS)
	all[0].writeSoon("d")
	all[1].writeSoon("e")
	eventually(t, func() error {
		for _, v := range all[0].report().GetReplicas() {
			if v.GetReplica() == "r3" && (v.GetRelation() != replicapb.Relation_RELATION_DIFFERS || !v.GetState().GetSetAside()) {
				return fmt.Errorf("r1 says of r3: %v", v)
			}
		}
		return nil
	})
}

// Of two replicas that differ nobody is right: neither writes, both answer, until an operator decides.
func TestTwoReplicasAreDivided(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2")
	all := f.startAll()
	all[0].writeSoon("a", "b")
	reaches(t, 2, all...)
	all[1].end()
	storetest.ChangeRow(t, f.dirs["r2"], service, "units")
	all[1] = f.start("r2")
	for _, m := range all {
		m.refused("c-"+m.name, faultpb.Reason_REASON_REPLICAS_DIVIDED)
		if err := errors.Join(m.Aside(), m.read("b")); err != nil {
			t.Errorf("%s answers: %v", m.name, err)
		}
	}
	eventually(t, func() error { return all[0].accept("r1 is right, r2 begins anew") })
	all[0].writeSoon("d")
}

// A log that was put back is noticed by all who hold more than it: nobody writes, all go on answering. So do those who hold no
// more than it, while one who does answers.
func TestALogThatWasPutBack(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	stopAll(all[2:])
	all[0].writeSoon("d", "e")
	reaches(t, 5, all[:2]...)
	stopAll(all[:2])
	f.putBack(storetest.Journal(t, f.dirs["r1"], service)[:3])
	all = f.startAll()
	for _, m := range all {
		m.refused("f", faultpb.Reason_REASON_LOG_WENT_BACK)
		if err := errors.Join(m.Aside(), m.read("c")); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	r := all[2].report()
	if r.GetLog().GetLastPosition() != 3 || r.GetAgreement().GetPresent() {
		t.Errorf("the report: %v", r)
	}
	for _, v := range r.GetReplicas() {
		if v.GetState().GetLogPosition() != 3 {
			t.Errorf("%s sees the log end at %d", v.GetReplica(), v.GetState().GetLogPosition())
		}
	}
}

// INV-REPLICA-ACCEPTED: while somebody holds more than the log, no operator lets a replica write: one that holds less would put
// another entry into the place of one that was acknowledged, one that holds more would offer entries for places that are not there.
func TestNobodyAcceptsALogThatWasPutBack(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	stopAll(all[2:])
	all[0].writeSoon("d", "e")
	reaches(t, 5, all[:2]...)
	stopAll(all[:2])
	f.putBack(storetest.Journal(t, f.dirs["r1"], service)[:3])
	all = f.startAll()
	for _, m := range all {
		m.refused("f", faultpb.Reason_REASON_LOG_WENT_BACK)
		if err := m.accept("somebody at night"); fault.ReasonOf(err) != faultpb.Reason_REASON_LOG_WENT_BACK {
			t.Errorf("%s: accepted: %v", m.name, err)
		}
		m.refused("f", faultpb.Reason_REASON_LOG_WENT_BACK)
	}
	stopAll(all[1:])
	if err := all[0].accept("the others burnt"); fault.ReasonOf(err) != faultpb.Reason_REASON_LOG_WENT_BACK && fault.ReasonOf(err) != faultpb.Reason_REASON_REPLICA_SET_ASIDE {
		t.Errorf("alone with more than the log: accepted: %v", err)
	}
	reaches(t, 5, all[0])
}

// INV-REPLICA-ACCEPTED: what was accepted holds nobody back from looking: when one comes back that holds more than the log, the
// replica that was allowed to go on writes nothing more.
func TestAnAcceptanceDoesNotOutweighWhoHoldsMore(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	stopAll(all[2:])
	all[0].writeSoon("d", "e")
	reaches(t, 5, all[:2]...)
	stopAll(all[:2])
	f.putBack(storetest.Journal(t, f.dirs["r1"], service)[:3])
	r3 := f.start("r3")
	eventually(t, func() error { return r3.accept("r1 and r2 burnt") })
	f.start("r1")
	eventually(t, func() error {
		if err := r3.watch.Healthy(); err == nil {
			return errors.New("r3 goes on")
		}
		return nil
	})
	if err := r3.write("g"); err == nil {
		t.Error("r3 wrote although r1 holds what the log does not")
	}
	if a := r3.report().GetAgreement(); a.GetPresent() || a.GetAcceptance() != nil {
		t.Errorf("the report: %v", a)
	}
}

// INV-REPLICA-MAJORITY: a replica that is alone in holding more than the log sets itself aside. While it answers nobody writes
// what would make two journals of one; when it is gone, the majority goes on, and when it comes back, it is the one that differs.
func TestAReplicaAheadOfTheLog(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	stopAll(all[1:])
	all[0].writeSoon("d", "e")
	all[0].end()
	f.putBack(storetest.Journal(t, f.dirs["r2"], service))
	all = f.startAll()
	all[1].refused("f", faultpb.Reason_REASON_LOG_WENT_BACK)
	all[0].isAside(faultpb.Reason_REASON_LOG_WENT_BACK)
	all[2].refused("f", faultpb.Reason_REASON_LOG_WENT_BACK)
	all[0].end()
	all[1].writeSoon("g", "h", "i")
	reaches(t, 6, all[1:]...)
	f.start("r1").isAside(faultpb.Reason_REASON_REPLICA_DIFFERS)
}

// A log that is put back under replicas that run is another one: nothing is offered to it.
func TestALogThatIsReplacedUnderway(t *testing.T) {
	f := newFleet(t, 1, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a", "b", "c")
	reaches(t, 3, all...)
	stopAll(all[2:])
	entries := storetest.Journal(t, f.dirs["r3"], service)
	f.putBack(entries[:2])
	for _, m := range all[:2] {
		eventually(t, func() error {
			if err := m.watch.Healthy(); err == nil {
				return errors.New("nobody has noticed")
			}
			return nil
		})
		if err := m.write("d"); err == nil {
			t.Errorf("%s wrote into another log", m.name)
		}
	}
	js := f.nats.JetStream()
	s, err := js.Stream(t.Context(), streamlog.StreamName(service))
	if err != nil || s.CachedInfo().State.LastSeq != 2 {
		t.Errorf("the log holds %v (%v)", s, err)
	}
}

// After a change of the stream's leader a majority agrees anew, and writing goes on.
func TestANewLeaderIsATurn(t *testing.T) {
	f := newFleet(t, 3, "r1", "r2", "r3")
	all := f.startAll()
	all[0].writeSoon("a")
	js := f.nats.JetStream()
	s, err := js.Stream(t.Context(), streamlog.StreamName(service))
	if err != nil {
		t.Fatal(err)
	}
	leader := s.CachedInfo().Cluster.Leader
	which := slices.Index([]string{"n1", "n2", "n3"}, leader)
	f.nats.Stop(which)
	all[1].writeSoon("b")
	reaches(t, 2, all[0])
	f.nats.Start(which)
	all[2].writeSoon("c")
	for _, m := range all {
		reaches(t, 3, m)
		eventually(t, m.watch.Healthy)
	}
	eventually(t, func() error {
		if now := all[0].report().GetLog().GetLeader(); now == leader || now == "" {
			return fmt.Errorf("the report names %q", now)
		}
		return nil
	})
}

// Only the service's own replicas and the operator hear what a replica holds.
func TestWhoMayAskForAState(t *testing.T) {
	f := newFleet(t, 1, "r1")
	r1 := f.start("r1")
	for who, may := range map[access.Principal]bool{
		access.Service(service): true, {Name: access.Operator}: true, access.Service("planning"): false, {}: false,
	} {
		_, err := r1.watch.GetReplicaState(access.With(t.Context(), who), &replicapb.GetReplicaStateRequest{})
		if (err == nil) != may || !may && fault.KindOf(err) != fault.KindPermissionDenied {
			t.Errorf("%v: %v", who, err)
		}
	}
}
