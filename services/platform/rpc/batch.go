package rpc

import (
	"fmt"

	faultpb "coso/proto/gen/coso/fault/v1"
	"coso/services/platform/fault"
)

// NewNames answers the resource name that each request of a batch will create: the id it gives, or a new one. Call it
// outside the closure of an Update, which may run again. The collection ends with its slash: `organisations/`.
func NewNames[R any](collection string, requests []R, id func(R) string) []string {
	names := make([]string, len(requests))
	for i, r := range requests {
		names[i] = collection + NewID(id(r))
	}
	return names
}

// Each lets create do every request of a batch in order (AIP-231) and answers what it made. The first error ends it; its
// field says which request it is about. Only the batch may carry a request id, or say that it only checks.
func Each[R interface{ GetRequestId() string }, T any](requests []R, create func(i int, r R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(requests))
	for i, r := range requests {
		at := fmt.Sprintf("requests[%d]", i)
		if r.GetRequestId() != "" {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_REQUEST_ID_IN_BATCH, at+".requestId")
		}
		if v, ok := any(r).(interface{ GetValidateOnly() bool }); ok && v.GetValidateOnly() {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_VALIDATE_ONLY_IN_BATCH, at+".validateOnly")
		}
		made, err := create(i, r)
		if err != nil {
			return nil, fault.In(at, err)
		}
		out = append(out, made)
	}
	return out, nil
}
