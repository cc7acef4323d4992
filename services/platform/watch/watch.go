// Package watch sends a service's change events to whoever listens, straight from its journal: complete, in order, each once,
// also while NATS is away. A listener that comes back names the last event that it has and misses nothing.
//
// It leaves to others how events reach other services (package feed), and how they reach browsers (the gateway).
//
// INV-WATCH-PERMITTED: an event is sent to whoever may read what it is about, where that is now, by grants that hold now: of
// other units, of a grant that has ended, and of what has no known noun nobody hears.
// INV-WATCH-COMPLETE: after event n of a stream comes the next event that was asked for, whatever happens meanwhile.
// INV-WATCH-SAME-JOURNAL: nobody goes on in another journal than the one it has heard before.
package watch

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	feedpb "coso/proto/gen/coso/feed/v1"
)

// batch is how many events are read at a time. A stream holds no more of them in memory.
const batch = 100

// typeURL is what precedes the name of a message in an Any.
const typeURL = "type.googleapis.com/"

// Server implements coso.feed.v1.EventService over one store.
type Server struct {
	feedpb.UnimplementedEventServiceServer

	service string
	store   *store.Store
}

// New serves the events of the service whose store this is.
func New(service string, s *store.Store) *Server { return &Server{service: service, store: s} }

// WatchEvents sends a mark, then events as they come, until the stream's context ends; a mark again where events were passed
// over. FailedPrecondition (INCARNATION_FOREIGN) for a place in another journal, InvalidArgument for one that is none.
func (s *Server) WatchEvents(req *feedpb.WatchEventsRequest, out grpc.ServerStreamingServer[feedpb.WatchEventsResponse]) error {
	at, err := s.start(req)
	if err != nil {
		return err
	}
	if err := out.Send(s.mark(at)); err != nil {
		return err
	}
	for {
		changed := s.store.Changed()
		read, err := s.sendSome(req, at, out)
		if err != nil {
			return err
		}
		at += read
		if read == batch {
			continue
		}
		select {
		case <-changed:
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}

// start is the number of the last event that the caller has.
func (s *Server) start(req *feedpb.WatchEventsRequest) (uint64, error) {
	head := s.store.Head().GetEvents()
	if req.AfterSequence == nil {
		if req.GetIncarnation() != "" {
			return 0, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "afterSequence")
		}
		return head, nil
	}
	after, now := req.GetAfterSequence(), s.store.Incarnation()
	switch given, err := uuid.Parse(req.GetIncarnation()); {
	case req.GetIncarnation() == "" && after == 0:
	case req.GetIncarnation() == "":
		return 0, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_REQUIRED, "incarnation")
	case err != nil:
		return 0, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_FORMAT, "incarnation",
			"value", req.GetIncarnation(), "form", "like", "example", now.String()).With(err)
	case given != now:
		return 0, fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "incarnation",
			"value", given.String(), "current", now.String())
	}
	if after > head {
		return 0, fault.InvalidArgument(faultpb.Reason_REASON_FIELD_RANGE, "afterSequence",
			"value", strconv.FormatUint(after, 10), "limit", "≤ "+strconv.FormatUint(head, 10))
	}
	return after, nil
}

// sendSome sends what is asked for of the next events, and says how many it has looked at.
func (s *Server) sendSome(req *feedpb.WatchEventsRequest, at uint64, out grpc.ServerStreamingServer[feedpb.WatchEventsResponse]) (uint64, error) {
	events, err := s.store.Events(out.Context(), at+1, batch)
	if err != nil {
		return 0, err
	}
	asked := make([]store.Event, 0, len(events))
	for _, e := range events {
		ok, err := wanted(req, e)
		if err != nil {
			return 0, err
		}
		if ok {
			asked = append(asked, e)
		}
	}
	sent := at
	heard, err := s.permitted(out.Context(), asked)
	if err != nil {
		return 0, err
	}
	for _, e := range heard {
		if err := s.send(out, e); err != nil {
			return 0, err
		}
		sent = e.Number
	}
	if last := at + uint64(len(events)); sent != last {
		if err := out.Send(s.mark(last)); err != nil {
			return 0, err
		}
	}
	return uint64(len(events)), nil
}

func (s *Server) send(out grpc.ServerStreamingServer[feedpb.WatchEventsResponse], e permitted) error {
	answer := s.mark(e.Number)
	answer.Event = &feedpb.WatchedEvent{
		Service: s.service, Time: timestamppb.New(e.Moment), Subject: e.Subject,
		Data: &anypb.Any{TypeUrl: typeURL + e.Type, Value: e.Data},
	}
	return out.Send(answer)
}

func (s *Server) mark(at uint64) *feedpb.WatchEventsResponse {
	return &feedpb.WatchEventsResponse{Sequence: at, Incarnation: s.store.Incarnation().String()}
}

// wanted reports whether an event is asked for.
func wanted(req *feedpb.WatchEventsRequest, e store.Event) (bool, error) {
	if len(req.GetTypes()) > 0 && !slices.Contains(req.GetTypes(), e.Type) {
		return false, nil
	}
	if req.GetUnit() == "" {
		return true, nil
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(e.Type))
	if err != nil {
		return false, fault.Internal(fmt.Errorf("event %d: %w", e.Number, err))
	}
	m := kind.New()
	if err := proto.Unmarshal(e.Data, m.Interface()); err != nil {
		return false, fault.Internal(fmt.Errorf("event %d: %w", e.Number, err))
	}
	return about(m, req.GetUnit()), nil
}

// about reports whether an event message, or a resource in it, is this unit or names it as its own.
func about(m protoreflect.Message, unit string) bool {
	if says(m, "unit", unit) {
		return true
	}
	for fd, v := range m.Range {
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			continue
		}
		if says(v.Message(), "unit", unit) || says(v.Message(), "name", unit) {
			return true
		}
	}
	return false
}

func says(m protoreflect.Message, field protoreflect.Name, value string) bool {
	fd := m.Descriptor().Fields().ByName(field)
	return fd != nil && fd.Kind() == protoreflect.StringKind && !fd.IsList() && m.Get(fd).String() == value
}
