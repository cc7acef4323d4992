package readings

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

// format is the version of an entry's form.
const format = 1

// end is where a chain of entries ends.
type end struct {
	// entry is the number of the last entry, hash that of its bytes.
	entry uint64
	hash  []byte
	// readings is how many there are, moment when the last were written.
	readings uint64
	moment   time.Time
}

// start is the end of a chain that has no entry yet. It is the service's, so that no other service's file fits.
func start(service string) end {
	hash := sha256.Sum256([]byte(service))
	return end{hash: hash[:]}
}

// seal forms the entry that follows. Its bytes are final.
func (e end) seal(now time.Time, readings []*readingpb.Reading) (*readingpb.Entry, []byte, error) {
	if now.Before(e.moment) {
		now = e.moment
	}
	entry := &readingpb.Entry{
		Format: format, Number: e.entry + 1, PreviousHash: e.hash, Moment: timestamppb.New(now), ReadingsBefore: e.readings, Readings: readings,
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(entry)
	if err != nil {
		return nil, nil, fault.Internal(fmt.Errorf("encode a reading: %w", err))
	}
	return entry, payload, nil
}

// after is the end of the chain once an entry is its last.
func (e end) after(entry *readingpb.Entry, payload []byte) end {
	hash := sha256.Sum256(payload)
	return end{
		entry: entry.GetNumber(), hash: hash[:], readings: e.readings + uint64(len(entry.GetReadings())), moment: entry.GetMoment().AsTime(),
	}
}

// before is the end that an entry follows, by its own account.
func before(entry *readingpb.Entry) end {
	return end{
		entry: entry.GetNumber() - 1, hash: entry.GetPreviousHash(), readings: entry.GetReadingsBefore(), moment: entry.GetMoment().AsTime(),
	}
}

var (
	errNumber   = errors.New("it has another number than its place")
	errPrevious = errors.New("it does not carry the hash of the entry before")
	errCount    = errors.New("it counts other readings before it than there are")
	errOrder    = errors.New("it is older than the entry before")
)

// follows checks that an entry continues the chain: INV-READINGS-CHAIN.
func (e end) follows(entry *readingpb.Entry) error {
	switch {
	case entry.GetNumber() != e.entry+1:
		return errNumber
	case !bytes.Equal(entry.GetPreviousHash(), e.hash):
		return errPrevious
	case entry.GetReadingsBefore() != e.readings:
		return errCount
	case entry.GetMoment().AsTime().Before(e.moment):
		return errOrder
	}
	return nil
}

// decode reads an entry and stops at a form that it does not know.
func decode(payload []byte) (*readingpb.Entry, error) {
	entry := &readingpb.Entry{}
	if err := proto.Unmarshal(payload, entry); err != nil {
		return nil, err
	}
	if entry.GetFormat() != format || entry.GetNumber() == 0 {
		return nil, fmt.Errorf("it has the form %d, which this version does not know", entry.GetFormat())
	}
	return entry, nil
}

// damaged says which entry of which file does not fit; 0: it is the file.
func damaged(path string, entry uint64, why error) error {
	where := path
	if entry > 0 {
		where = fmt.Sprintf("%s, entry %d", path, entry)
	}
	return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", where).With(fmt.Errorf("%s: %w", where, why))
}
