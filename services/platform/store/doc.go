// Package store keeps a service's state: typed tables and a journal over bbolt.
//
// It guarantees: one command is one journal entry's part and takes effect whole or not at all; a command sees what
// every command before it did; nothing is answered before the outcome of its group is known; a request id takes effect
// once; records are never lost to a stale write; the journal is a hash chain from which every derived table can be
// rebuilt; positions let a reader wait for what it has written elsewhere.
//
// INV-STORE-MODEL: after any script of commands, refusals and restarts a store holds what the commands that took effect say, and
// its indexes, counters and history equal a recount.
// INV-STORE-DURABLE: what was acknowledged is there after a kill or a power cut, once; before it is synced nobody sees it.
// INV-STORE-ONCE: a request id takes effect once.
// INV-STORE-ONE-STATE: no version is read over a file that may hold later changes.
// INV-STORE-TAKES-ALL: what others have written is applied as soon as it can be, whatever kept it out before and however quiet the
// log is then.
// INV-STORE-OUTCOME: while an entry's fate is open nobody of its group is answered, not even refusals and replays.
// INV-STORE-VIEW-BOUNDED: after its limit a View reads nothing more and answers DeadlineExceeded.
// INV-OPERATION-WHOLE: what an operation puts aside is seen by nobody until one command brings all of it in.
// INV-TIMER-ONCE: however many loops fire them, timers take effect once, as commands of the service.
// INV-STORE-DIGEST: a digest over all record and copy rows, kept in step with every entry, equals a recount, so that stores with
// equal journals show equal digests, and a row that changed otherwise is found.
// INV-RESTORE-NEW-INCARNATION: a restored journal is whole and begins a new incarnation, which says which one it continues.
// INV-REPLICATE-PREFIX: nothing is put into a shared log that holds anything but this journal's beginning.
// INV-REPLICATE-LOG-FIRST: a file becomes one of a shared log in one step, last, when the log holds its whole journal.
// INV-REPLICATE-RESUMES: cut off at any moment, putting a journal into a log or taking it out goes on when it is called again.
// INV-REPLICATE-END: a log that was left ends with an entry that no store on it passes, so nobody writes there; one file alone goes on.
//
// It leaves to others: what a change means (the nouns' rules), who may do it (access), how events leave (feed) and how
// a position travels (rpc).
//
// The life of a command: Update queues it; the committer runs its closure on an overlay over the present state, together
// with the commands waiting beside it; what was accepted becomes one entry; Log.Append fixes its place and keeps it; then
// the overlay is published as the state, and a checkpoint writes it into bbolt later, with those of many other entries.
// What a kill leaves in the log, Open brings into the file.
//
// Buckets of a store's file:
//
//	meta                      format, service, incarnation, fingerprint key, head, digest, versions of derived tables, rebuilds
//	journal                   position (8 bytes) → entry bytes
//	table/<name>              key → format byte, record bytes
//	index/<table>/<index>     index key, key → key
//	derived/<name>            as its reducer says
//	history                   table, key, inverted position, inverted number of the command → nothing, or where a staged row lies
//	once                      principal, request id → journalpb.Once
//	once-by-moment            moment, principal, request id → nothing
package store
