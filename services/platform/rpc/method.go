package rpc

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"coso/services/platform/access"

	accesspb "coso/proto/gen/coso/access/v1"
)

// method is what the chain knows of a method before it is called.
type method struct {
	// full is `/coso.registry.v1.UnitService/GetUnit`; service and name are its halves. Of a method that nobody registered
	// both are `unknown`: counted by their names, callers could fill the memory with them.
	full, service, name string
	// declared is the permission that it declares.
	declared accesspb.Permission
	// personal: by the contract its answers can show personal data; own: of nobody but the caller.
	personal, own bool
	// reach says which narrowed tokens it takes; nil: whichever.
	reach *access.Reach
	// limit is how long a call may take, cost what it costs its caller.
	limit time.Duration
	cost  int
	// span is the name of its spans, spanOptions what they begin with.
	span        string
	spanOptions []trace.SpanStartOption
	// seen are the labels of its outcomes, by code, as they are met.
	seen *[codes.Unauthenticated + 1]atomic.Pointer[labels]

	// unary is how it is served, with serve around it, by impl; nil: it is a stream.
	unary *grpc.MethodDesc
	serve grpc.UnaryServerInterceptor
	impl  any
}

func newMethod(service, name string) *method {
	declared, reach := declaredBy(service, name)
	personal, own := declaresOf(service, name)
	return &method{
		declared: declared, reach: reach, personal: personal, own: own,
		full: "/" + service + "/" + name, service: service, name: name, limit: limitOf(name), cost: costOf(service, name), span: service + "/" + name,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", service), attribute.String("rpc.method", name))},
		seen: new([codes.Unauthenticated + 1]atomic.Pointer[labels]),
	}
}

// add makes a method known; desc is nil for a stream.
func (s *Server) add(m *method, desc *grpc.MethodDesc, impl any) {
	m.unary, m.serve, m.impl = desc, s.unary, impl
	if desc == nil {
		m.limit = streamLimit
	}
	s.methods[m.full] = m
}

// methodOf is the method of a full name.
func (s *Server) methodOf(full string) *method {
	if m, ok := s.methods[full]; ok {
		return m
	}
	m := *s.stranger
	m.full = full
	return &m
}
