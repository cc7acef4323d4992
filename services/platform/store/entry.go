package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// entryFormat is the version of an entry's form.
const entryFormat = 1

// seal forms the entry that follows head, by the replica that writes it. Its bytes are final.
func seal(head *journalpb.Head, incarnation []byte, writer string, moment *timestamppb.Timestamp, commands []*journalpb.Command) (*journalpb.Entry, []byte, error) {
	previous := head.GetHash()
	if head.GetPosition() == 0 {
		previous = make([]byte, sha256.Size)
	}
	e := &journalpb.Entry{
		Format:       entryFormat,
		Incarnation:  incarnation,
		Position:     head.GetPosition() + 1,
		Moment:       moment,
		PreviousHash: previous,
		Commands:     commands,
		EventsBefore: head.GetEvents(),
		Writer:       writer,
	}
	b, err := deterministic.Marshal(e)
	if err != nil {
		return nil, nil, fault.Internal(fmt.Errorf("encode entry: %w", err))
	}
	return e, b, nil
}

// readEntry decodes an entry and stops at a form it does not know.
func readEntry(b []byte) (*journalpb.Entry, error) {
	e := &journalpb.Entry{}
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(fmt.Errorf("decode entry: %w", err))
	}
	if e.GetFormat() != entryFormat {
		return nil, fault.DataLoss(faultpb.Reason_REASON_FORMAT_UNKNOWN, "", "value", fmt.Sprint(e.GetFormat()))
	}
	return e, nil
}

// follows checks that an entry continues a journal: INV-STORE-CHAIN.
func follows(e *journalpb.Entry, head *journalpb.Head, incarnation []byte) error {
	previous := head.GetHash()
	if head.GetPosition() == 0 {
		previous = make([]byte, sha256.Size)
	}
	switch {
	case !bytes.Equal(e.GetIncarnation(), incarnation):
		return foreign(e.GetIncarnation(), incarnation)
	case e.GetPosition() != head.GetPosition()+1:
		return damaged("INV-STORE-CHAIN: entry %d after %d", e.GetPosition(), head.GetPosition())
	case !bytes.Equal(e.GetPreviousHash(), previous):
		return damaged("INV-STORE-CHAIN: entry %d does not carry the hash of the one before", e.GetPosition())
	case e.GetEventsBefore() != head.GetEvents():
		return damaged("INV-STORE-CHAIN: entry %d counts %d events before it, the journal holds %d",
			e.GetPosition(), e.GetEventsBefore(), head.GetEvents())
	}
	return nil
}

// after is the head of a journal once the entry is its last.
func after(head *journalpb.Head, e *journalpb.Entry, raw []byte) *journalpb.Head {
	hash := sha256.Sum256(raw)
	next := &journalpb.Head{
		Position:      e.GetPosition(),
		Hash:          hash[:],
		Moment:        e.GetMoment(),
		Events:        head.GetEvents(),
		EventPosition: head.GetEventPosition(),
		Writer:        e.GetWriter(),
	}
	next.Events += eventsIn(e)
	if next.GetEvents() != head.GetEvents() {
		next.EventPosition = e.GetPosition()
	}
	return next
}

func foreign(there, here []byte) error {
	return fault.DataLoss(faultpb.Reason_REASON_INCARNATION_FOREIGN, "", "value", fmt.Sprintf("%x", there), "current", fmt.Sprintf("%x", here))
}

// eventsIn counts the events of an entry; eventsOf those of a command. Every row that an activation brings in has one.
func eventsIn(e *journalpb.Entry) (n uint64) {
	for _, c := range e.GetCommands() {
		n += eventsOf(c)
	}
	return n
}

func eventsOf(c *journalpb.Command) uint64 {
	return uint64(len(c.GetEvents())) + c.GetActivation().GetRows()
}

func damaged(format string, args ...any) error {
	return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(fmt.Errorf(format, args...))
}
