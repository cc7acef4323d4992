package rpc

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/access"
	"coso/services/platform/fault"
)

var (
	errOtherType = errors.New("a message of another type than the method's")
	errOption    = errors.New("a call option that the way in memory does not have")
)

// conn is the way in from within the process. A call runs on its caller's goroutine: it needs no other one, since every
// handler minds its context. Its request is copied, for the chain changes it; its answer is handed over
// (INV-RPC-ANSWER-GIVEN). Streams go through a channel that copies every message.
type conn struct {
	methods map[string]*method
	streams *inprocgrpc.Channel
	// neighbour is the service that calls; zero: whoever the call says.
	neighbour access.Principal
}

// Invoke makes a call.
func (c conn) Invoke(ctx context.Context, name string, req, answer any, options ...grpc.CallOption) error {
	m, ok := c.methods[name]
	if !ok || m.unary == nil {
		return fault.ToStatus(unknownMethod(name), "").Err()
	}
	if err := understood(options); err != nil {
		return err
	}
	said := &saying{method: name}
	given, err := m.unary.Handler(m.impl, arriving(c.from(ctx), said), func(in any) error { return copied(in, req) }, m.serve)
	said.tell(options)
	if err != nil {
		return err
	}
	return handOver(answer, given)
}

// understood refuses an option that says who calls, which must not be passed over. Those that say how a call travels
// mean nothing here.
func understood(options []grpc.CallOption) error {
	for _, o := range options {
		if _, ok := o.(grpc.PerRPCCredsCallOption); ok {
			return fault.ToStatus(fault.Internal(fmt.Errorf("%w: %T", errOption, o)), "").Err()
		}
	}
	return nil
}

// NewStream opens a stream.
func (c conn) NewStream(ctx context.Context, desc *grpc.StreamDesc, name string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if _, ok := c.methods[name]; !ok {
		return nil, fault.ToStatus(unknownMethod(name), "").Err()
	}
	return c.streams.NewStream(c.from(ctx), desc, name, options...)
}

// from says who calls: nobody by what the caller's context happens to hold.
func (c conn) from(ctx context.Context) context.Context {
	if c.neighbour.IsZero() && ctx.Value(neighbourKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, neighbourKey{}, c.neighbour)
}

// arriving is the context in which a call arrives: what its caller sends is what it gets, as over the network. What else
// the caller's context holds is set anew by the chain.
func arriving(ctx context.Context, said *saying) context.Context {
	sent, ok := metadata.FromOutgoingContext(ctx)
	if ok {
		ctx = metadata.NewOutgoingContext(ctx, nil)
	}
	if _, ok := peer.FromContext(ctx); ok { // the caller's own caller, whose socket opens no other service
		ctx = peer.NewContext(ctx, &peer.Peer{})
	}
	return grpc.NewContextWithServerTransportStream(metadata.NewIncomingContext(ctx, sent), said)
}

// copied makes in, a message or an envelope around one, what the caller sends.
func copied(in, sent any) error {
	if e, ok := in.(*envelope); ok {
		in = e.message
	}
	to, ok := in.(proto.Message)
	from, ok2 := sent.(proto.Message)
	if !ok || !ok2 || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		return fault.Internal(fmt.Errorf("%w: %T for %T", errOtherType, sent, in))
	}
	proto.Merge(to, from)
	return nil
}

// handOver makes answer what the handler gave, which nobody else holds: a move, not a copy.
func handOver(answer, given any) error {
	to, from := reflect.ValueOf(answer), reflect.ValueOf(given)
	if to.Type() != from.Type() || to.Kind() != reflect.Pointer {
		return fault.ToStatus(fault.Internal(fmt.Errorf("%w: %T for %T", errOtherType, given, answer)), "").Err()
	}
	to.Elem().Set(from.Elem())
	return nil
}

// saying collects the metadata of an answer. It implements grpc.ServerTransportStream.
type saying struct {
	method string

	mu              sync.Mutex
	header, trailer metadata.MD
}

// Method is the full name of the method that answers.
func (s *saying) Method() string { return s.method }

// SetHeader adds to the header.
func (s *saying) SetHeader(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = joined(s.header, md)
	return nil
}

// SendHeader adds to the header; it leaves with the answer.
func (s *saying) SendHeader(md metadata.MD) error { return s.SetHeader(md) }

// SetTrailer adds to the trailer.
func (s *saying) SetTrailer(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trailer = joined(s.trailer, md)
	return nil
}

func joined(have, more metadata.MD) metadata.MD {
	if len(have) == 0 {
		return more
	}
	return metadata.Join(have, more)
}

// tell gives the caller the metadata that it asked for.
func (s *saying) tell(options []grpc.CallOption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range options {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = s.header
		case grpc.TrailerCallOption:
			*o.TrailerAddr = s.trailer
		}
	}
}
