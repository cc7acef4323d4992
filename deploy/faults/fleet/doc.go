// Package fleet is a registry in three replicas on three nats-servers, each a process on a host of its own in a cage, configured as
// its operators are told to: certificates and configurations of coso certs, the journal put into the log by coso replicate, the other
// replicas begun with copies of the first.
//
// It guarantees that what it starts is the program that is delivered, but for a clock and a log that can be made to err, and that
// what it reads of the end state comes from the servers and the files themselves. It leaves to others what harm is done.
package fleet
