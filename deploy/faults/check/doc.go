// Package check says whether what clients of a service in replicas were told agrees with what its journal holds. It knows nothing of
// how either was got: it works on a History alone, so that its own tests can show it good ones and bad ones.
//
// What it holds a history against:
//
//   - the journal: positions 1, 2, 3, … without holes, each entry carrying the hash of the one before; every replica holds the same,
//     hash by hash, and the same state digest; so does each server's copy of the log
//   - acknowledged: every write that was acknowledged has its command at the position that was answered or, repeated, before it; the
//     answer shows the record as it was there
//   - once: a request id has at most one command, of a refused request none; no command was asked for by nobody
//   - real time: what was answered before something else was asked stands before it
//   - reads: a read shows what the journal says at the position it answers, at or behind the position asked for; it finds nothing only
//     where there is nothing
//   - refusals: what a write was refused for is so at the position that the refusal carries
//   - linearizable: per record, writes and refusals have an order that fits both their times and their outcomes (porcupine)
//   - feed: the events of the stream are those of the journal, complete, in order, each once
package check
