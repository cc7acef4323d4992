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
	// Internal is an unexpected failure of the service itself; its inner text never leaves the service.
	Internal Kind = iota
	// InvalidArgument is a request that is wrong whatever the state of the data.
	InvalidArgument
	// NotFound is a resource that was asked for by name and does not exist.
	NotFound
	// AlreadyExists is a name, code or request id that is taken.
	AlreadyExists
	// FailedPrecondition is a request that the present data forbid.
	FailedPrecondition
	// Aborted is a change that rests on an older revision than the present one.
	Aborted
	// PermissionDenied is a proved principal that may not do this.
	PermissionDenied
	// Unauthenticated is a caller that did not prove who it is.
	Unauthenticated
	// ResourceExhausted is a limit that the request exceeds.
	ResourceExhausted
	// Unavailable is a service that cannot answer now; the same request may be sent again.
	Unavailable
	// DeadlineExceeded is an answer that did not come in time; the outcome is unknown.
	DeadlineExceeded
	// Cancelled is a caller that went away.
	Cancelled
	// Unimplemented is a method that does not exist.
	Unimplemented
	// DataLoss is stored data that is damaged.
	DataLoss
)

// Code returns the gRPC code of the kind.
func (k Kind) Code() codes.Code {
	switch k {
	case Internal:
		return codes.Internal
	case InvalidArgument:
		return codes.InvalidArgument
	case NotFound:
		return codes.NotFound
	case AlreadyExists:
		return codes.AlreadyExists
	case FailedPrecondition:
		return codes.FailedPrecondition
	case Aborted:
		return codes.Aborted
	case PermissionDenied:
		return codes.PermissionDenied
	case Unauthenticated:
		return codes.Unauthenticated
	case ResourceExhausted:
		return codes.ResourceExhausted
	case Unavailable:
		return codes.Unavailable
	case DeadlineExceeded:
		return codes.DeadlineExceeded
	case Cancelled:
		return codes.Canceled
	case Unimplemented:
		return codes.Unimplemented
	case DataLoss:
		return codes.DataLoss
	}
	return codes.Internal
}

// String returns the name of the kind's gRPC code, e.g. `InvalidArgument`.
func (k Kind) String() string { return k.Code().String() }

// kindOfCode is the reverse of Code; codes that no Kind has go to their nearest.
func kindOfCode(c codes.Code) Kind {
	if c == codes.OutOfRange {
		return InvalidArgument
	}
	for k := Internal; k <= DataLoss; k++ {
		if k.Code() == c {
			return k
		}
	}
	return Internal
}

// aboutRequest reports whether a refusal of this kind blames a part of the request, so that naming its field helps.
func (k Kind) aboutRequest() bool {
	switch k {
	case InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, Aborted, PermissionDenied, ResourceExhausted:
		return true
	case Internal, Unauthenticated, Unavailable, DeadlineExceeded, Cancelled, Unimplemented, DataLoss:
		return false
	}
	return false
}

// generalReason is the reason of a refusal of which only the kind is known; UNSPECIFIED where the kind says too little.
func (k Kind) generalReason() faultpb.Reason {
	switch k {
	case Internal:
		return faultpb.Reason_REASON_INTERNAL
	case NotFound:
		return faultpb.Reason_REASON_RESOURCE_NOT_FOUND
	case AlreadyExists:
		return faultpb.Reason_REASON_RESOURCE_EXISTS
	case ResourceExhausted:
		return faultpb.Reason_REASON_TOO_LARGE
	case Unavailable:
		return faultpb.Reason_REASON_SERVICE_UNAVAILABLE
	case DeadlineExceeded:
		return faultpb.Reason_REASON_DEADLINE_EXCEEDED
	case Cancelled:
		return faultpb.Reason_REASON_CANCELLED
	case Unimplemented:
		return faultpb.Reason_REASON_METHOD_UNKNOWN
	case DataLoss:
		return faultpb.Reason_REASON_DATA_DAMAGED
	case InvalidArgument, FailedPrecondition, Aborted, PermissionDenied, Unauthenticated:
		return faultpb.Reason_REASON_UNSPECIFIED
	}
	return faultpb.Reason_REASON_UNSPECIFIED
}
