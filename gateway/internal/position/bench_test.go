package position_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"coso/services/platform/rpc"
	"coso/services/platform/token"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/position"
)

// bare answers at once and says where it stands.
type bare struct {
	grpc.ClientConnInterface

	says metadata.MD
}

func (b bare) Invoke(ctx context.Context, _ string, _, _ any, options ...grpc.CallOption) error {
	_, _ = metadata.FromOutgoingContext(ctx)
	for _, o := range options {
		if h, ok := o.(grpc.HeaderCallOption); ok {
			*h.HeaderAddr = b.says
		}
	}
	return nil
}

// What remembering costs a call: the difference.
func BenchmarkInvoke(b *testing.B) {
	conn := bare{says: metadata.Pairs(rpc.PositionHeader, "registry=0198f0c2-0000-7000-8000-00000000000a:1042")}
	ctx := caller.With(b.Context(), &caller.Caller{Claims: token.Claims{Principal: "principals/lan"}})
	ctx = metadata.NewOutgoingContext(ctx, metadata.Pairs("authorization", "Bearer x", "x-request-id", "1", "accept-language", "vi"))
	for name, way := range map[string]grpc.ClientConnInterface{"bare": conn, "remembering": position.New(time.Now).Over("registry", conn)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := way.Invoke(ctx, "", nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
