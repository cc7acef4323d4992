// Package store keeps a service's state: typed tables and a journal over bbolt.
//
// It guarantees: one command is one journal entry's part and takes effect whole or not at all; a command sees what
// every command before it did; nothing is answered before the outcome of its group is known; a request id takes effect
// once; records are never lost to a stale write; the journal is a hash chain from which every derived table can be
// rebuilt; positions let a reader wait for what it has written elsewhere.
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
//	meta                      format, service, incarnation, fingerprint key, head, versions of derived tables, rebuilds
//	journal                   position (8 bytes) → entry bytes
//	table/<name>              key → format byte, record bytes
//	index/<table>/<index>     index key, key → key
//	derived/<name>            as its reducer says
//	history                   table, key, inverted position, inverted number of the command → nothing, or where a staged row lies
//	once                      principal, request id → journalpb.Once
//	once-by-moment            moment, principal, request id → nothing
package store
