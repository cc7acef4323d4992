package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// metaIncarnation is the key in a stream's metadata that holds the UUID of the journal it was made for.
const metaIncarnation = "incarnation"

// askWait bounds one question to NATS.
const askWait = 5 * time.Second

// codeSubjectsTaken is the server's code for subjects that another stream has.
const codeSubjectsTaken jetstream.ErrorCode = 10065

// streamConfig is a service's stream as its relay makes it. Messages have no ids, so the window for duplicates, which
// cannot be switched off, is as small as the server allows.
func streamConfig(service string, incarnation uuid.UUID) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamName(service),
		Description: "change events of " + service,
		Subjects:    []string{streamSubjects(service)},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxMsgs:     -1,
		MaxBytes:    -1,
		Duplicates:  100 * time.Millisecond,
		DenyDelete:  true,
		Metadata:    map[string]string{metaIncarnation: incarnation.String()},
	}
}

// ensureStream finds the stream or makes it. A fault means that the stream there is not one this journal may write to.
func ensureStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, want)
	}
	if api, ok := errors.AsType[jetstream.JetStreamError](err); ok && api.APIError() != nil && api.APIError().ErrorCode == codeSubjectsTaken {
		return nil, foreign(want.Name, fmt.Errorf("another stream takes subjects of %s: %w", want.Subjects[0], err))
	}
	if err != nil {
		return nil, err
	}
	if err := fits(stream.CachedInfo().Config, want); err != nil {
		return nil, foreign(want.Name, err)
	}
	return stream, nil
}

// fits says why a stream cannot hold the events of the journal. What an operator may choose is not looked at: replicas,
// a quota in bytes (a full stream refuses new events, and the relay waits), placement.
func fits(have, want jetstream.StreamConfig) error {
	if got := have.Metadata[metaIncarnation]; got != want.Metadata[metaIncarnation] {
		return fmt.Errorf("it was made for the journal %q, this one is %s", got, want.Metadata[metaIncarnation])
	}
	switch {
	case len(have.Subjects) != 1 || have.Subjects[0] != want.Subjects[0]:
		return fmt.Errorf("it takes the subjects %q, not %q", have.Subjects, want.Subjects)
	case have.Mirror != nil || len(have.Sources) > 0 || have.SubjectTransform != nil:
		return errors.New("it takes or changes messages of other streams")
	case have.Storage != want.Storage:
		return fmt.Errorf("it is kept in %s, not in %s", have.Storage, want.Storage)
	case have.Retention != want.Retention || have.Discard != want.Discard:
		return fmt.Errorf("it may drop messages: retention %s, discard %s", have.Retention, have.Discard)
	case have.MaxMsgs > 0 || have.MaxMsgsPerSubject > 0 || have.MaxAge > 0:
		return fmt.Errorf("it may drop messages: at most %d, %d per subject, for %s", have.MaxMsgs, have.MaxMsgsPerSubject, have.MaxAge)
	}
	return nil
}

// foreign is the alarm that a stream does not belong to the journal.
func foreign(stream string, why error) error {
	return fault.DataLoss(faultpb.Reason_REASON_STREAM_FOREIGN, "", "name", stream).With(fmt.Errorf("stream %s: %w", stream, why))
}
