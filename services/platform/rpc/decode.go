package rpc

import (
	"context"
	"slices"
	"strings"

	"github.com/fullstorydev/grpchan/inprocgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	grpcproto "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// The library decodes a request before any interceptor runs, and answers by itself what it cannot decode. An envelope
// around the message lets decoding succeed and keeps the error for the chain.

// envelope is a message about to be decoded, and why it could not be.
type envelope struct {
	message any
	err     error
}

type undecodedKey struct{}

// tolerant is the service with methods that bring an undecodable request to the chain.
func tolerant(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	out := *desc
	out.Methods = slices.Clone(desc.Methods)
	for i, m := range out.Methods {
		out.Methods[i].Handler = tolerantMethod(m.Handler)
	}
	return &out
}

func tolerantMethod(handle grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, chain grpc.UnaryServerInterceptor) (any, error) {
		var e envelope
		open := func(m any) error {
			e.message = m
			if err := decode(&e); err != nil {
				e.err = fromLibrary(err)
			}
			return nil
		}
		return handle(srv, ctx, open, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			if e.err != nil {
				ctx = context.WithValue(ctx, undecodedKey{}, e.err)
			}
			return chain(ctx, req, info, h)
		})
	}
}

// codec is protobuf's on TCP, and knows envelopes.
type codec struct{}

// Name is the content subtype.
func (codec) Name() string { return grpcproto.Name }

// Marshal encodes an answer.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	return encoding.GetCodecV2(grpcproto.Name).Marshal(v)
}

// Unmarshal decodes a request; of an envelope the error stays inside.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	e, ok := v.(*envelope)
	if !ok {
		return encoding.GetCodecV2(grpcproto.Name).Unmarshal(data, v)
	}
	if data.Len() > maxRequest {
		e.err = tooLarge()
		return nil
	}
	if err := encoding.GetCodecV2(grpcproto.Name).Unmarshal(data, e.message); err != nil {
		e.err = undecodable(e.message, err)
	}
	return nil
}

// undecodable says what is wrong with a request that is no message of its type. The protobuf library tells broken text
// from broken bytes by its wording only.
func undecodable(m any, err error) error {
	if strings.Contains(err.Error(), "UTF-8") {
		return fault.InvalidArgument(faultpb.Reason_REASON_TEXT_INVALID, "").With(err)
	}
	name := ""
	if pm, ok := m.(proto.Message); ok {
		name = string(pm.ProtoReflect().Descriptor().FullName())
	}
	return fault.InvalidArgument(faultpb.Reason_REASON_BODY_INVALID, "", "value", name, "form", fault.FormDocumented).With(err)
}

// cloner copies messages in memory, and knows envelopes.
type cloner struct{ inprocgrpc.ProtoCloner }

// Copy makes out what in is.
func (c cloner) Copy(out, in any) error {
	if e, ok := out.(*envelope); ok {
		out = e.message
	}
	return c.ProtoCloner.Copy(out, in)
}
