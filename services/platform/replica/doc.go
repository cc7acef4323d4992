// Package replica is what a service in several replicas has beside one that is alone: ways to the others, a lease for work that one
// is enough for, and a watch over what all of them hold.
//
// Correctness comes from the log's compare-and-append, from positions, cursors and request ids. The watch is for what these cannot
// see: a log that was put back, a replica whose file was changed, two journals of one name.
//
// INV-REPLICA-MAJORITY: a replica whose state differs from that of a majority of those configured sets itself aside, and so does
// one that is alone in holding more than the log; where no state is that of a majority, nobody writes who differs.
// INV-REPLICA-AGREES: after it has begun, after the connection to the log was lost, and after the stream has a new leader or ends
// before where it ended, a replica offers nothing to the log until a majority of those configured, itself included, holds the same
// as far as they go, and none of them holds more than the log; or until an operator has accepted, in the journal, to go on without.
// INV-REPLICA-ACCEPTED: an operator lets nobody go on without while somebody who answers, or that replica, holds more than the log
// or another journal, neither at the moment nor later.
// INV-REPLICA-FORWARD: whichever replica is asked, the writer of the journal's last entry writes; one that gets no answer from it
// within 2 s, or hears that its writing has stopped with an alarm, writes itself, and is the writer then.
// INV-REPLICA-LEASE: relay, followers and timers of a service run in the replica that holds its lease, and stop before the lease can
// be another's as far as clocks run alike.
package replica
