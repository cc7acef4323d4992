package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/limit"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// call is one call on its way through the chain.
type call struct {
	*method

	// stream: messages come and go while the handler runs. request is nil then.
	stream  bool
	request proto.Message
	// undecoded is why the request could not be read; nil: it could.
	undecoded error
	// requestID, principal, asked and recorder are set by the steps.
	requestID string
	principal access.Principal
	// asked are the positions the caller wants to see; recorder notes those the call reaches.
	asked    []store.Position
	recorder *store.Recorder
	// who is as whom the caller is counted; paid is up to which row of those that it has read a stream has paid.
	who  limit.Who
	paid int
	// forwarded is what another replica answered; nil: the call was made here.
	forwarded proto.Message
	// said is the metadata of the answer, keys and values in turn.
	said []string
}

var errNoAnswer = errors.New("the handler gave neither an answer nor an error")

// step is one part of the chain: it may refuse, change the context or the call, and see what the rest answered.
type step func(ctx context.Context, c *call, next func(context.Context) error) error

// chain is the way of every call, outermost first. Statuses are made outside of everything that can fail; the log sees
// the cause of a refusal, and panics as errors; what can be refused without the store is refused before waiting for it.
func (s *Server) chain() []step {
	return []step{answerStatus, nameRequest, s.observe, recoverPanic, s.gate.pass, limitTime, s.identify, s.limitCaller, admitRequest, s.onCopies, s.ableToRecord, s.atPosition, s.onForward}
}

// way is where a call is in the chain.
type way struct {
	steps  []step
	c      *call
	handle func(context.Context) error
	on     func(context.Context) error
}

// goOn takes the next step; every step goes on once at most.
func (w *way) goOn(ctx context.Context) error {
	if len(w.steps) == 0 {
		return w.handle(ctx)
	}
	next := w.steps[0]
	w.steps = w.steps[1:]
	return next(ctx, w.c, w.on)
}

func (s *Server) run(ctx context.Context, c *call, handle func(context.Context) error) error {
	w := &way{steps: s.steps, c: c, handle: handle}
	w.on = w.goOn
	return w.goOn(ctx)
}

func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	c := &call{method: s.methodOf(info.FullMethod)}
	c.undecoded, _ = ctx.Value(undecodedKey{}).(error)
	request, ok := req.(proto.Message)
	if !ok && c.undecoded == nil {
		c.undecoded = fault.Internal(fmt.Errorf("a request of type %T", req))
	}
	c.request = request
	var answer any
	err := s.run(ctx, c, func(ctx context.Context) (err error) {
		if answer, err = handle(ctx, req); err != nil {
			return err
		}
		m, ok := answer.(proto.Message)
		if !ok || !m.ProtoReflect().IsValid() {
			return fault.Internal(errNoAnswer)
		}
		return s.recordShown(ctx, c, c.request, m)
	})
	switch {
	case err != nil:
		return nil, err
	case c.forwarded != nil:
		return c.forwarded, nil
	}
	return answer, nil
}

func (s *Server) streaming(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	c := &call{method: s.methodOf(info.FullMethod), stream: true}
	return s.run(ss.Context(), c, func(ctx context.Context) error {
		return handle(srv, &stream{
			ServerStream: ss, ctx: ctx, pace: func() error { return s.pace(ctx, c) },
			record: func(asked, m proto.Message) error { return s.recordShown(ctx, c, asked, m) },
		})
	})
}

// answerStatus is where refusals become statuses.
func answerStatus(ctx context.Context, c *call, next func(context.Context) error) error {
	return fault.ToStatus(next(ctx), c.requestID).Err()
}

func admitRequest(ctx context.Context, c *call, next func(context.Context) error) error {
	if c.undecoded != nil {
		return c.undecoded
	}
	if !c.stream {
		if err := admit(c.request); err != nil {
			return err
		}
	}
	return next(ctx)
}

// admit refuses a message that is too large or breaks the rules of its proto file, and prepares it otherwise.
func admit(m proto.Message) error {
	if proto.Size(m) > maxRequest {
		return tooLarge()
	}
	prepare(m.ProtoReflect())
	return fault.Validate(m)
}

// unknown answers calls of methods that nobody registered.
func unknown(_ any, ss grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(ss)
	return unknownMethod(method)
}

func unknownMethod(method string) error {
	return fault.Unimplemented(faultpb.Reason_REASON_METHOD_UNKNOWN, "", "value", method)
}

// stream treats the messages of a stream as the chain treats a request.
type stream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a stream carries its context
	// heard is what the stream asks for; record records what a message shows; pace waits until what was read is paid.
	heard  heard
	record func(asked, m proto.Message) error
	pace   func() error
}

// Context is the call's, as the chain made it.
func (s *stream) Context() context.Context { return s.ctx }

// RecvMsg reads and admits the next message.
func (s *stream) RecvMsg(m any) error {
	e := &envelope{message: m}
	if err := fromLibrary(s.ServerStream.RecvMsg(e)); err != nil {
		return err
	}
	if e.err != nil {
		return e.err
	}
	message, ok := m.(proto.Message)
	if !ok {
		return nil
	}
	s.heard.note(message)
	return admit(message)
}

// SendMsg sends an answer, as soon as what was read for it is paid and what it shows is recorded.
func (s *stream) SendMsg(m any) error {
	if err := s.pace(); err != nil {
		return err
	}
	if message, ok := m.(proto.Message); ok {
		if err := s.record(s.heard.asked(), message); err != nil {
			return err
		}
	}
	return fromLibrary(s.ServerStream.SendMsg(m))
}

// fromLibrary classifies what the gRPC library says about a stream; io.EOF is its ordinary end.
func fromLibrary(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fault.FromStatus(status.Convert(err))
}
