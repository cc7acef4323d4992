package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/run"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// Whatever replica is asked, the writer of the last entry writes; without an answer from it the asked one does, and is the writer
// then. Who has written at one replica sees it at every other.
func TestReplicasAskTheWriter(t *testing.T) { // INV-REPLICA-FORWARD
	n := newTown(t)
	_, at := n.create("r1", "a")
	before := n.writer("r1")
	for i, replica := range []string{"r1", "r2", "r3", "r2"} {
		made, position := n.create(replica, string(rune('b'+i)))
		for _, other := range []string{"r1", "r2", "r3"} {
			n.sees(other, made.GetName(), position)
			n.sees(other, "units/a", at)
		}
		if got := n.writer(replica); got != before {
			t.Errorf("%s has written what %s was asked for, after %s", got, replica, before)
		}
	}
	n.places[before].stop()
	n.settled()
	var next string
	for name, p := range n.places {
		if p.now.Load() != nil {
			next = name
		}
	}
	made, position := n.create(next, "next")
	if got := n.writer(next); got != next {
		t.Errorf("%s has written, not %s, which was asked and got no answer", got, next)
	}
	n.start(before)
	n.sees(before, made.GetName(), position)
	n.settled()
	n.create(before, "last")
	if got := n.writer(before); got != next {
		t.Errorf("%s has written, not %s", got, next)
	}
}

// What is done at the writer and answered by nobody takes effect once, though the replica that was asked does it again; what the
// writer refuses is refused.
func TestForwardedOnce(t *testing.T) { // INV-RPC-FORWARDED-ONCE
	n := newTown(t)
	_, at := n.create("r1", "a")
	writer := n.writer("r1")
	asked := after[writer]
	events := func() uint64 { return n.places[asked].now.Load().Store().Head().GetEvents() }

	n.sees(asked, "units/a", at)
	before := events()
	n.places[writer].deaf.Store(true)
	made, position := n.create(asked, "b")
	n.places[writer].deaf.Store(false)
	n.sees(writer, made.GetName(), position)
	if got := events() - before; got != 1 {
		t.Errorf("one command has %d events", got)
	}
	units := registrypb.NewUnitServiceClient(n.admin(writer))
	_, err := units.CreateUnit(t.Context(), &registrypb.CreateUnitRequest{UnitId: "b", Unit: unitOf("b")})
	refused(t, err, fault.KindAlreadyExists, faultpb.Reason_REASON_RESOURCE_EXISTS)

	// The header alone makes nobody a replica: a client that shows it is forwarded like any other.
	other := n.writer(asked)
	for name := range n.places {
		if name == other {
			continue
		}
		ctx := metadata.AppendToOutgoingContext(t.Context(), rpc.ForwardedHeader, other)
		id := "c-" + name
		if _, err := registrypb.NewUnitServiceClient(n.admin(name)).CreateUnit(ctx, &registrypb.CreateUnitRequest{UnitId: id, Unit: unitOf(id)}); err != nil {
			t.Fatal(err)
		}
		if got := n.writer(name); got != other {
			t.Errorf("%s has written, not %s", got, other)
		}
	}
}

// A writer whose writing has stopped with an alarm stays the one that wrote the last entry: whoever is asked writes then, and no
// client hears of the alarm.
func TestAHaltedWriterIsPassedOver(t *testing.T) { // INV-REPLICA-FORWARD
	for name, stop := range map[string]func(*town, string){"halted": (*town).halt, "set aside": (*town).setAside} {
		t.Run(name, func(t *testing.T) {
			n := newTown(t)
			n.create("r1", "a")
			writer := n.writer("r1")
			asked := after[writer]
			stop(n, writer)
			made, at := n.create(asked, "b")
			n.sees(after[asked], made.GetName(), at)
			if got := n.writer(asked); got != asked {
				t.Errorf("%s has written; %s was asked", got, asked)
			}
		})
	}
}

// A replica whose writing has stopped with an alarm applies nothing more, so it leaves to another one what one is enough for.
func TestAHaltedReplicaGivesUpTheLease(t *testing.T) { // INV-REPLICA-LEASE
	n := newTown(t)
	n.create("r1", "a")
	eventually(t, "one relays", func() bool { return len(n.relaying()) == 1 })
	holder := n.relaying()[0]
	n.halt(holder)
	eventually(t, "another one relays", func() bool { all := n.relaying(); return len(all) == 1 && all[0] != holder })
}

// A replica that begins far behind while the log does not answer is not asked before it has caught up: nobody reads at it what has
// long been another thing. It knows that from the other replicas.
func TestAReplicaFarBehindIsNotAskedWithoutItsLog(t *testing.T) {
	n := newTown(t)
	_, at := n.create("r1", "a")
	n.sees("r3", "units/a", at)
	n.places["r3"].stop()
	n.settled()
	for i := range run.MaxLag + 1 {
		_, at = n.create("r1", fmt.Sprintf("late-%d", i))
	}
	n.nats.Stop(0)
	n.start("r3")
	eventually(t, "r3 knows that it is behind", func() bool {
		if n.serves("r3") {
			t.Fatal("it is asked")
		}
		return strings.Contains(n.places["r3"].now.Load().Sound().Error(), "it catches up")
	})
	n.nats.Start(0)
	eventually(t, "r3 is asked again", func() bool { return n.serves("r3") })
	n.sees("r3", fmt.Sprintf("units/late-%d", run.MaxLag), at)
}

// Replicas that all begin while the log does not answer are asked once they have heard each other.
func TestReplicasAreAskedWithoutTheirLog(t *testing.T) {
	n := newTown(t)
	_, at := n.create("r1", "a")
	for _, name := range []string{"r1", "r2", "r3"} {
		n.sees(name, "units/a", at)
		n.places[name].stop()
	}
	n.nats.Stop(0)
	n.start("r1")
	eventually(t, "r1 has looked around", func() bool {
		return fault.ReasonOf(n.places["r1"].now.Load().Sound()) == faultpb.Reason_REASON_AGREEMENT_MISSING
	})
	if n.serves("r1") {
		t.Error("r1 is asked, and knows of nobody how far the journal goes")
	}
	for _, name := range []string{"r2", "r3"} {
		n.start(name)
	}
	for _, name := range []string{"r1", "r2", "r3"} {
		eventually(t, name+" is asked", func() bool { return n.serves(name) })
		n.sees(name, "units/a", at)
	}
}

// One replica at a time relays; when it stops another one goes on, and each event is in the stream once.
func TestOneReplicaRelays(t *testing.T) {
	n := newTown(t)
	published := func(want uint64) func() bool {
		return func() bool {
			stream, err := n.nats.JetStream().Stream(t.Context(), "COSO_REGISTRY")
			return err == nil && stream.CachedInfo().State.Msgs == want
		}
	}
	n.create("r1", "a")
	eventually(t, "one relays", func() bool { return len(n.relaying()) == 1 })
	eventually(t, "both events are there", published(2)) // the first administrator's grant, and the unit
	holder := n.relaying()[0]
	n.places[holder].stop()
	eventually(t, "another one relays", func() bool { return len(n.relaying()) == 1 })
	for name, p := range n.places {
		if p.now.Load() != nil {
			n.create(name, "b-"+name)
		}
	}
	eventually(t, "all events are there", published(4))
}
