package streamlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/store"
)

// What a server answers whose sequence is not the expected one. In a cluster it compares with what is proposed, so that the
// entry before may never be kept.
var otherSequence = []jetstream.ErrorCode{10071, 10164}

// What a server answers before it has taken anything: no room for the account or the server, too large, sealed, not the
// stream that was expected, no JetStream.
var refusals = []jetstream.ErrorCode{10002, 10023, 10028, 10039, 10047, 10054, 10060, 10076, 10109}

// codeNotStored is what a server answers when it could not keep a message; full is the one cause that keeps it out for sure.
const (
	codeNotStored jetstream.ErrorCode = 10077
	full                              = "maximum bytes exceeded"
)

// outcome says what is known of an entry whose offer was answered with an error (INV-LOG-OUTCOME).
func outcome(err error) error {
	api, answered := errors.AsType[*jetstream.APIError](err)
	switch {
	case answered && slices.Contains(otherSequence, api.ErrorCode):
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	case answered && slices.Contains(refusals, api.ErrorCode),
		answered && api.ErrorCode == codeNotStored && api.Description == full,
		errors.Is(err, jetstream.ErrNoStreamResponse), // nobody heard it: the stream is gone or has no leader
		errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("the log refuses an entry: %w", err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnknown, err)
}
