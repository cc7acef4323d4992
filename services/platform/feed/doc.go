// Package feed carries change events from the journal of one service into the stores of others, over NATS JetStream.
// The journal is the outbox: Relay publishes what it holds, Follow applies what others published.
//
// It guarantees:
//
// INV-FEED-IN-PLACE: event N of a journal is message N of its stream, or it is not in the stream. Every message is
// published on the condition that the stream ends right before it, so that restarts, second relays, lost answers and
// late arrivals neither skip, repeat nor reorder.
//
// INV-FEED-OWN-STREAM: a relay adds to a stream only what continues it. A stream that ends with another journal's
// event, or with one that the journal does not hold, stops the relay: DataLoss, STREAM_FOREIGN.
//
// INV-FEED-REBUILD: a relay deletes a stream only if it was made for the relay's own journal, is damaged (its end cannot be
// read, messages are missing inside, or it stores nothing more) and the last message that can be read, if there is any, is
// the journal's own. So nothing is lost that the journal does not hold; the journal fills the stream anew, each event in
// the place it had.
//
// INV-FEED-ONCE: each event takes effect once in a follower's store. Effect and cursor are one command.
//
// INV-FEED-NO-GAP: a follower applies event N+1 after event N and after nothing else. A hole in the stream, an event
// of another incarnation, or one that it listens to and cannot apply stops it: what came before has taken effect,
// nothing after it.
//
// INV-FEED-SAME-PAST: a cursor keeps the hash of the entry that holds the last event it took, which by the chain of hashes
// speaks for everything before. A follower begins by reading that event in the stream again, and asks its source for the
// hash every few seconds. If either shows another one, or the source ends before it, the follower takes nothing more:
// SOURCE_WENT_BACK. That happens when an older state of a store is put back beside newer copies.
//
// INV-FEED-CONTINUES: where a source has begun another incarnation of its journal (it was put on NATS, or restored), a follower
// goes on in it if the source says that it continues the one that was followed, and shows the hash of the entry that holds the
// event taken last. The relay then replaces the stream of the incarnation before, if its last message is the journal's own from then.
//
// INV-FEED-WHOLE-ENTRY: a cursor's position is reached only when every event of that journal entry has taken effect, so
// whoever waits for the position sees all of what was written there.
//
// INV-FEED-AGE: the age of a copy is the time since a moment at which the source, asked over its own connection and not
// over NATS, had nothing that the copy does not hold by now. An answer behind an earlier one comes from a replica that is cut off and
// counts for nothing. Nothing else makes a copy younger.
//
// INV-FEED-SKIP: a follower passes over an event that it cannot apply only after a journaled command that names it and
// says why, and never over one about a unit or a grant.
//
// NATS may be away at any time: commands go on, events wait in the journal, and both sides try again with growing
// pauses. Relay and Follow are the loops; a Feed runs those of one service, lets those that stopped look again, knows how
// old its copies are, and answers and obeys operators (feedpb.FeedService). The package leaves to others: what an event
// means and which methods rest on which copy (Follower), and refusing those that do (rpc asks Feed.OldCopies).
//
// Streams are limits-based and kept whole. A stream whose first messages are missing goes on as long as its end is the
// journal's, because those who follow it already lose nothing; the relay warns, and a new follower stops at the gap. The
// cure is to delete the stream: the relay makes it anew and fills it from the journal, and the follower goes on by itself.
// Damage inside a stream whose end is whole, and which the server has not noticed, shows itself in the same way.
package feed
