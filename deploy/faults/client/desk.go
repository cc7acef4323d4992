package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/deploy/faults/check"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/store"
	"coso/services/platform/token"
)

const (
	// tryFor is how long one try may take.
	tryFor = 3 * time.Second
	// tokenFor is how long a token holds.
	tokenFor = 5 * time.Minute
	// service is whose positions count.
	service = "registry"
)

// Account is who asks; its principal is Principal.
const (
	Account   = "admin"
	Principal = "principals/" + Account
)

// Way is the way to one replica.
type Way struct {
	// Name is the replica's.
	Name string
	// Conn is a connection with the gateway's certificate.
	Conn grpc.ClientConnInterface
}

// answer is what came back.
type answer struct {
	outcome check.Outcome
	unit    *registrypb.Unit
	// position is what it carried.
	position store.Position
	// surprise is an error that no fault of the machines explains; code is the error's.
	surprise error
	code     codes.Code
}

// desk sends requests.
type desk struct{ signer *token.Signer }

// ask sends a request once.
func (d desk) ask(ctx context.Context, w Way, o check.Op, etag string, atLeast []store.Position) answer {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	compact, _, err := d.signer.Sign(Account, tokenFor, "")
	if err != nil {
		return answer{surprise: err}
	}
	ctx = metadata.AppendToOutgoingContext(ctx, token.Header, "Bearer "+compact)
	if len(atLeast) > 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, rpc.PositionHeader, store.FormatPositions(atLeast))
	}
	var said metadata.MD
	unit, err := send(ctx, registrypb.NewUnitServiceClient(w.Conn), o, etag, grpc.Header(&said))
	out := answer{outcome: check.Done, unit: unit}
	if err != nil {
		out = refusal(err)
	}
	if out.outcome == check.Unknown {
		return out
	}
	if out.position, err = position(said); err != nil {
		return answer{surprise: fmt.Errorf("the answer to %s, %s: %w", o.Kind, out.outcome, err)}
	}
	return out
}

// position is the service's in the headers of an answer, which carries one whether it refuses or not.
func position(said metadata.MD) (store.Position, error) {
	for _, header := range said.Get(rpc.PositionHeader) {
		positions, err := store.ParsePositions(header)
		if err != nil {
			return store.Position{}, err
		}
		for _, p := range positions {
			if p.Service == service {
				return p, nil
			}
		}
	}
	return store.Position{}, errNoPosition
}

var errNoPosition = errors.New("it carries no position")

// Heard answers nil if a replica answers the account as one that may ask.
func Heard(ctx context.Context, w Way, signer *token.Signer) error {
	a := desk{signer}.ask(ctx, w, check.Op{Kind: check.Read, Record: collection + "nobody"}, "", nil)
	if a.surprise == nil && a.outcome != check.Missing {
		a.surprise = fmt.Errorf("%s answers a read of what is not there with %s", w.Name, a.outcome)
	}
	return a.surprise
}

func send(ctx context.Context, c registrypb.UnitServiceClient, o check.Op, etag string, option grpc.CallOption) (*registrypb.Unit, error) {
	switch o.Kind {
	case check.Create:
		return c.CreateUnit(ctx, &registrypb.CreateUnitRequest{
			UnitId: o.Record[len(collection):], RequestId: o.RequestID,
			Unit: &registrypb.Unit{
				DisplayName: o.Value, Level: "DISTRICT_COMMITTEE", ValidFrom: firstDay,
				Placements: []*registrypb.Placement{{Tree: "party", FromDate: firstDay}},
			},
		}, option)
	case check.Update:
		return c.UpdateUnit(ctx, &registrypb.UpdateUnitRequest{
			Unit: &registrypb.Unit{Name: o.Record, DisplayName: o.Value, Etag: etag}, RequestId: o.RequestID,
		}, option)
	case check.Read:
	}
	return c.GetUnit(ctx, &registrypb.GetUnitRequest{Name: o.Record}, option)
}

const (
	collection = "units/"
	firstDay   = "2008-08-01"
)

// refusal is what an error says of the outcome.
func refusal(err error) answer {
	f := fault.FromStatus(status.Convert(err))
	switch fault.ReasonOf(f) { //nolint:exhaustive // the others say nothing of the outcome
	case faultpb.Reason_REASON_RESOURCE_EXISTS:
		return answer{outcome: check.Exists}
	case faultpb.Reason_REASON_ETAG_STALE:
		return answer{outcome: check.Stale}
	case faultpb.Reason_REASON_RESOURCE_NOT_FOUND:
		return answer{outcome: check.Missing}
	}
	switch code := status.Code(err); code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return answer{}
	default:
		return answer{surprise: f, code: code}
	}
}
