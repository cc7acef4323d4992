// Package client asks the replicas of a registry as offices do, and keeps what it was told.
//
// It guarantees: a request whose outcome is not known is sent again, with the same request id, until it is known or the client is
// told to give up; what is kept of it is what a caller of the public API could know, no more. Whether it is right, package check says.
package client
