// Package rpc is how requests reach a service and how its answers leave: one chain of steps, the same on TCP and in
// memory. On the way in, a call gets its request id, trace, deadline, principal, and limits of number and size; its message is cleared of
// what the server owns, brought to NFC and checked by the rules of its proto file; positions asked for are awaited. On
// the way out, refusals become statuses, and the positions written or read go with the answer. Each call is logged once,
// counted and timed here. A call that rests on a copy of another service's data that is too old is refused, and an answer
// beside one says how old it is. What a request means is the business of the service behind the chain.
//
// INV-RPC-ONE-CHAIN: a call is treated the same whatever it came by.
// INV-RPC-ANSWER-GIVEN: a handler keeps nothing of the answer that it gives: in memory it is the caller's from then on.
// INV-RPC-NOTHING-ESCAPES: every error that a handler, a panic or the chain causes leaves as the status of a fault; an
// unclassified one shows nothing but its request id.
// INV-RPC-PREPARED: a handler sees no OUTPUT_ONLY field set by a caller, no text that is not NFC and no message that breaks
// the rules of its proto file; fields of newer clients survive.
// INV-RPC-READINGS: an answer that shows personal data of others leaves only when it is recorded to whom; whether it does is seen by
// the contract's marks (coso.access.v1.personal), whatever method gives it.
// INV-RPC-MERGE-MASK: an update changes what its mask names, or without a mask what it sets, and nothing else.
// INV-RPC-CERTIFICATES: on a network both sides of a connection prove by certificates who they are; clear text is spoken by Unix
// sockets alone.
// INV-RPC-NOBODY: whoever shows no token, no certificate and does not come by the operator's socket is nobody: he reaches what is
// public, and is refused everything else.
// INV-RPC-GATEWAY-NOBODY: the gateway's certificate gives a call no power over any resource; the token that it brings does.
// INV-RPC-LIMITED: what one caller asks, by calls, at once, by streams and by the rows that are read for it, is bounded, and takes
// nothing from another's (package limit).
// INV-RPC-CONNECTIONS: connections whose callers have not proved who they are are bounded in number and time, those of who has in
// calls, headers, silence and age.
// INV-RPC-AMONG: a call among several replicas goes to one that serves, and again to another if it got no answer and may be made twice.
// INV-RPC-FORWARDED-ONCE: a call is forwarded once at most, with the caller's own token, and takes effect once though it be made at two
// replicas.
// INV-RPC-STOP-ENDS: a stop lets calls finish within its context and then cuts them; it always ends.
package rpc
