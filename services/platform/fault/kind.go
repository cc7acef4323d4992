package fault

import (
	"google.golang.org/grpc/codes"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// Kind is what sort of refusal an error is; it alone decides the gRPC code. The zero Kind is Internal, so that an error
// nobody classified is never shown as the caller's mistake.
type Kind uint8

// The kinds of refusal.
const (
	// KindInternal is an unexpected failure of the service itself; its inner text never leaves the service.
	KindInternal Kind = iota
	// KindInvalidArgument is a request that is wrong whatever the state of the data.
	KindInvalidArgument
	// KindNotFound is a resource that was asked for by name and does not exist.
	KindNotFound
	// KindAlreadyExists is a name, code or request id that is taken.
	KindAlreadyExists
	// KindFailedPrecondition is a request that the present data forbid.
	KindFailedPrecondition
	// KindAborted is a change that rests on an older revision than the present one.
	KindAborted
	// KindPermissionDenied is a proved principal that may not do this.
	KindPermissionDenied
	// KindUnauthenticated is a caller that did not prove who it is.
	KindUnauthenticated
	// KindResourceExhausted is a limit that the request exceeds.
	KindResourceExhausted
	// KindUnavailable is a service that cannot answer now; the same request may be sent again.
	KindUnavailable
	// KindDeadlineExceeded is an answer that did not come in time; the outcome is unknown.
	KindDeadlineExceeded
	// KindCancelled is a caller that went away.
	KindCancelled
	// KindUnimplemented is a method that does not exist.
	KindUnimplemented
	// KindDataLoss is stored data that is damaged.
	KindDataLoss
)

// Code returns the gRPC code of the kind.
func (k Kind) Code() codes.Code {
	switch k {
	case KindInternal:
		return codes.Internal
	case KindInvalidArgument:
		return codes.InvalidArgument
	case KindNotFound:
		return codes.NotFound
	case KindAlreadyExists:
		return codes.AlreadyExists
	case KindFailedPrecondition:
		return codes.FailedPrecondition
	case KindAborted:
		return codes.Aborted
	case KindPermissionDenied:
		return codes.PermissionDenied
	case KindUnauthenticated:
		return codes.Unauthenticated
	case KindResourceExhausted:
		return codes.ResourceExhausted
	case KindUnavailable:
		return codes.Unavailable
	case KindDeadlineExceeded:
		return codes.DeadlineExceeded
	case KindCancelled:
		return codes.Canceled
	case KindUnimplemented:
		return codes.Unimplemented
	case KindDataLoss:
		return codes.DataLoss
	}
	return codes.Internal
}

// String returns the name of the kind's gRPC code, e.g. `InvalidArgument`.
func (k Kind) String() string { return k.Code().String() }

// kindOfCode is the reverse of Code; codes that no Kind has go to their nearest.
func kindOfCode(c codes.Code) Kind {
	if c == codes.OutOfRange {
		return KindInvalidArgument
	}
	for k := KindInternal; k <= KindDataLoss; k++ {
		if k.Code() == c {
			return k
		}
	}
	return KindInternal
}

// aboutRequest reports whether a refusal of this kind blames a part of the request, so that naming its field helps.
func (k Kind) aboutRequest() bool {
	switch k {
	case KindInvalidArgument, KindNotFound, KindAlreadyExists, KindFailedPrecondition, KindAborted, KindPermissionDenied, KindResourceExhausted:
		return true
	case KindInternal, KindUnauthenticated, KindUnavailable, KindDeadlineExceeded, KindCancelled, KindUnimplemented, KindDataLoss:
		return false
	}
	return false
}

// generalReason is the reason of a refusal of which only the kind is known; UNSPECIFIED where the kind says too little.
func (k Kind) generalReason() faultpb.Reason {
	switch k {
	case KindInternal:
		return faultpb.Reason_REASON_INTERNAL
	case KindNotFound:
		return faultpb.Reason_REASON_RESOURCE_NOT_FOUND
	case KindAlreadyExists:
		return faultpb.Reason_REASON_RESOURCE_EXISTS
	case KindResourceExhausted:
		return faultpb.Reason_REASON_TOO_LARGE
	case KindUnavailable:
		return faultpb.Reason_REASON_SERVICE_UNAVAILABLE
	case KindDeadlineExceeded:
		return faultpb.Reason_REASON_DEADLINE_EXCEEDED
	case KindCancelled:
		return faultpb.Reason_REASON_CANCELLED
	case KindUnimplemented:
		return faultpb.Reason_REASON_METHOD_UNKNOWN
	case KindDataLoss:
		return faultpb.Reason_REASON_DATA_DAMAGED
	case KindInvalidArgument, KindFailedPrecondition, KindAborted, KindPermissionDenied, KindUnauthenticated:
		return faultpb.Reason_REASON_UNSPECIFIED
	}
	return faultpb.Reason_REASON_UNSPECIFIED
}
