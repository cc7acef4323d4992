package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/mtls"
	"coso/services/platform/store"
	"coso/services/platform/token"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// ForwardedHeader names, in a call that one replica makes for its caller at another, the one that makes it.
const ForwardedHeader = "coso-forwarded"

// Forwarder makes calls at the other replicas of a service.
type Forwarder interface {
	// Forward makes a call at a replica and fills answer and the metadata that came with it. Unavailable, DeadlineExceeded and
	// DataLoss: nobody knows what has come of it.
	Forward(ctx context.Context, replica, method string, request, answer proto.Message) (metadata.MD, error)
}

// onForward lets a call whose commands another replica takes better be made there. Without an answer, or if that one's data are
// damaged or its writing has stopped, it is made here, with the same request id: whatever has come of it there, it takes effect
// once.
//
// Only calls by token are forwarded: the token proves there who calls. What services and operators do is done where they ask.
func (s *Server) onForward(ctx context.Context, c *call, next func(context.Context) error) error {
	if !s.mayForward(ctx, c) {
		return next(ctx)
	}
	err := next(store.Forwardable(ctx))
	var elsewhere *store.ElsewhereError
	if !errors.As(err, &elsewhere) {
		return err
	}
	again := named(c.request)
	answer, err := s.madeAt(ctx, c, elsewhere.Writer)
	switch code := status.Code(err); {
	case err == nil:
		c.forwarded = answer
		return nil
	case !unanswered(code):
		return fault.FromStatus(status.Convert(err))
	case ctx.Err() != nil:
		return ctx.Err()
	case !again:
		return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "").With(err)
	}
	s.logger.WarnContext(ctx, "the writer does not take the command; this replica writes", "method", c.full, "writer", elsewhere.Writer, "error", err)
	return next(ctx)
}

func (s *Server) mayForward(ctx context.Context, c *call) bool {
	return s.forward != nil && !c.stream && c.limit <= writeLimit && !onlyReads(c.name) &&
		len(metadata.ValueFromIncomingContext(ctx, token.Header)) == 1 && !s.forwardedTo(ctx)
}

// forwardedTo reports whether a call was forwarded by another replica of this service.
func (s *Server) forwardedTo(ctx context.Context) bool {
	name, ok := mtls.Caller(ctx)
	if neighbour, in := neighbourIn(ctx); in {
		name, ok = strings.TrimPrefix(neighbour.Name, access.Service("").Name), true
	}
	return ok && name == s.service && len(metadata.ValueFromIncomingContext(ctx, ForwardedHeader)) > 0
}

// unanswered says that nobody knows what has come of a call at another replica.
func unanswered(code codes.Code) bool {
	return code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.DataLoss
}

// madeAt makes the call at a replica.
func (s *Server) madeAt(ctx context.Context, c *call, replica string) (proto.Message, error) {
	answer, err := answerOf(c.method)
	if err != nil {
		return nil, fault.ToStatus(err, c.requestID).Err()
	}
	shown := strings.Join(metadata.ValueFromIncomingContext(ctx, token.Header), "") // there is one
	ctx = metadata.AppendToOutgoingContext(Outgoing(ctx), token.Header, shown)
	said, err := s.forward.Forward(ctx, replica, c.full, c.request, answer)
	if unanswered(status.Code(err)) {
		return nil, err // who makes the call then says where it stands
	}
	for _, header := range []string{PositionHeader, SeenHeader} { // a refusal carries them too
		for _, position := range said.Get(header) {
			if unsaid := c.say(ctx, header, position); err == nil {
				err = unsaid
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// named gives a request an id if it takes one and has none. false: it takes none, and must not be made twice.
func named(request proto.Message) bool {
	m := request.ProtoReflect()
	field := m.Descriptor().Fields().ByName("request_id")
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return false
	}
	if m.Get(field).String() == "" {
		m.Set(field, protoreflect.ValueOfString(NewID("")))
	}
	return true
}

// answerOf makes an empty answer of a method.
func answerOf(m *method) (proto.Message, error) {
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(m.service + "." + m.name))
	if err != nil {
		return nil, fault.Internal(err)
	}
	desc, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, fault.Internal(fmt.Errorf("%s is no method", m.full))
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(desc.Output().FullName())
	if err != nil {
		return nil, fault.Internal(err)
	}
	return output.New().Interface(), nil
}
