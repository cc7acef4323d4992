package rpc

import (
	"context"
	"strconv"
	"strings"
	"time"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// How long a call may take, whatever its caller allows.
const (
	writeLimit = 15 * time.Second
	readLimit  = 30 * time.Second
	// activateLimit is that of the one command that brings in a whole load: seconds for every 100,000 rows.
	activateLimit = 50 * time.Second
	// streamLimit ends a stream that nobody else ends; whoever wants more begins a new one where it was.
	streamLimit = time.Hour
	// connectLimit is how long a client may take to connect, certificates included.
	connectLimit = 10 * time.Second
)

const (
	// maxRequest is what a request may weigh encoded.
	maxRequest = 1 << 20
	// maxFrame is what TCP reads of one message. It leaves room above maxRequest, so that a request that is somewhat too
	// large gets a refusal with a reason instead of the library's.
	maxFrame = 4 * maxRequest
	// maxHeaders is what the metadata of a request may weigh.
	maxHeaders = 64 << 10
	// maxAnswer is what a client reads of one answer: a page of 500 records of 64 KiB, and something to carry it.
	maxAnswer = 40 << 20
)

func tooLarge() error {
	return fault.ResourceExhausted(faultpb.Reason_REASON_TOO_LARGE, "", "what", "request", "limit", strconv.Itoa(maxRequest))
}

// limitOf is how long a call of a method may take.
func limitOf(name string) time.Duration {
	switch {
	case strings.HasPrefix(name, "Get"), strings.HasPrefix(name, "List"):
		return readLimit
	case name == "ActivateOperation":
		return activateLimit
	}
	return writeLimit
}

// limitTime gives a call that brings no deadline, or a later one, the deadline of its sort.
func limitTime(ctx context.Context, c *call, next func(context.Context) error) error {
	if d, ok := ctx.Deadline(); ok && time.Until(d) <= c.limit {
		return next(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	return next(ctx)
}
