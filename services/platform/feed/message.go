package feed

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"coso/services/platform/store"
)

// The headers of an event: CloudEvents 1.0 in the binary mode of NATS, W3C trace context, and coso's own.
const (
	headerID          = "ce-id"
	headerSource      = "ce-source"
	headerSpec        = "ce-specversion"
	headerType        = "ce-type"
	headerTime        = "ce-time"
	headerSubject     = "ce-subject"
	headerContentType = "content-type"
	headerTrace       = "traceparent"
	// headerIncarnation is the UUID of the journal.
	headerIncarnation = "coso-incarnation"
	// headerPosition is the entry that holds the event.
	headerPosition = "coso-position"
	// headerHash is SHA-256 over that entry, in hexadecimal digits.
	headerHash = "coso-hash"
	// headerRest is how many events of the same entry follow this one; 0: the entry is complete.
	headerRest = "coso-rest"
)

const (
	specVersion = "1.0"
	contentType = "application/protobuf"
	// timeFormat is RFC 3339 in UTC with microseconds.
	timeFormat = "2006-01-02T15:04:05.000000Z"
)

func eventID(incarnation uuid.UUID, number uint64) string {
	return incarnation.String() + "/" + strconv.FormatUint(number, 10)
}

func eventSource(service string) string { return "//coso/" + service }

// newMessage is an event of a service as it is published. rest is how many events of its entry follow it.
func newMessage(service string, e store.Event, rest int) (*nats.Msg, error) {
	subject, err := subjectOf(service, e.Type)
	if err != nil {
		return nil, err
	}
	m := nats.NewMsg(subject)
	m.Data = e.Data
	for header, value := range map[string]string{
		headerID:          eventID(e.Incarnation, e.Number),
		headerSource:      eventSource(service),
		headerSpec:        specVersion,
		headerType:        e.Type,
		headerTime:        e.Moment.UTC().Format(timeFormat),
		headerSubject:     e.Subject,
		headerContentType: contentType,
		headerTrace:       e.Traceparent,
		headerIncarnation: e.Incarnation.String(),
		headerPosition:    strconv.FormatUint(e.Position, 10),
		headerHash:        hex.EncodeToString(e.Hash[:]),
		headerRest:        strconv.Itoa(rest),
	} {
		if value != "" {
			m.Header.Set(header, value)
		}
	}
	return m, nil
}

// sameEvent says how a message differs from the event of the journal that has its place; nil: it is that event. Bytes
// need not be compared: the hash is over the entry that holds them.
func sameEvent(h nats.Header, e store.Event) error {
	for header, want := range map[string]string{
		headerID:          eventID(e.Incarnation, e.Number),
		headerIncarnation: e.Incarnation.String(),
		headerPosition:    strconv.FormatUint(e.Position, 10),
		headerHash:        hex.EncodeToString(e.Hash[:]),
	} {
		if got := h.Get(header); got != want {
			return fmt.Errorf("message %d has the header %s %q, event %d of the journal has %q", e.Number, header, got, e.Number, want)
		}
	}
	return nil
}

// readEnvelope reads the headers of message number in the stream of a source, and how many events of its entry follow.
// An error means that this is no event of that source at that place.
func readEnvelope(source string, number uint64, h nats.Header) (Envelope, uint64, error) {
	at := Envelope{Source: source, ID: h.Get(headerID), Number: number, Subject: h.Get(headerSubject), Type: h.Get(headerType)}
	incarnation, err := uuid.Parse(h.Get(headerIncarnation))
	position, err2 := strconv.ParseUint(h.Get(headerPosition), 10, 64)
	rest, err3 := strconv.ParseUint(h.Get(headerRest), 10, 64)
	moment, err4 := time.Parse(timeFormat, h.Get(headerTime))
	hash, err5 := hex.DecodeString(h.Get(headerHash))
	if err := errors.Join(err, err2, err3, err4, err5); err != nil {
		return at, 0, fmt.Errorf("the headers cannot be read: %w", err)
	}
	at.Incarnation, at.Position, at.Time = incarnation, position, moment
	switch {
	case copy(at.Hash[:], hash) != len(at.Hash) || len(hash) != len(at.Hash):
		return at, 0, fmt.Errorf("%s is %q, not the hash of an entry", headerHash, h.Get(headerHash))
	case h.Get(headerSpec) != specVersion:
		return at, 0, fmt.Errorf("%s is %q, this program knows %s", headerSpec, h.Get(headerSpec), specVersion)
	case h.Get(headerSource) != eventSource(source):
		return at, 0, fmt.Errorf("%s is %q, not %s", headerSource, h.Get(headerSource), eventSource(source))
	case at.ID != eventID(incarnation, number):
		return at, 0, fmt.Errorf("%s is %q at place %d", headerID, at.ID, number)
	case position == 0 || strings.TrimSpace(at.Type) == "":
		return at, 0, errors.New("position or type are missing")
	}
	return at, rest, nil
}
