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

// limitTime gives a call that brings no deadline, or a later one, the deadline of its sort. Streams last as they must.
func limitTime(ctx context.Context, c *call, next func(context.Context) error) error {
	if c.stream {
		return next(ctx)
	}
	limit := writeLimit
	if strings.HasPrefix(c.name, "Get") || strings.HasPrefix(c.name, "List") {
		limit = readLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return next(ctx)
}
