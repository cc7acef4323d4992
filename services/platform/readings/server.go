package readings

import (
	"context"

	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

// Server implements coso.reading.v1.ReadingService over one service's book. It is safe for concurrent use.
type Server struct {
	readingpb.UnimplementedReadingServiceServer

	parent string
	store  *store.Store
	book   *Book
}

// NewServer shows the book of the service whose store, which knows who may see it, this is.
func NewServer(service string, s *store.Store, b *Book) *Server {
	return &Server{parent: "services/" + service, store: s, book: b}
}

// ListReadings answers who was shown personal data, the latest first, to auditors of the units that it belongs to. NotFound for
// another service's.
func (s *Server) ListReadings(ctx context.Context, req *readingpb.ListReadingsRequest) (*readingpb.ListReadingsResponse, error) {
	if req.GetParent() != s.parent {
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "parent", "name", req.GetParent())
	}
	q := Query{Principal: req.GetPrincipal(), Resource: req.GetResource(), Unit: req.GetUnit()}
	if req.GetStartTime() != nil {
		q.From = req.GetStartTime().AsTime()
	}
	if req.GetEndTime() != nil {
		q.To = req.GetEndTime().AsTime()
	}
	page, err := store.View(ctx, s.store, func(tx *store.ReadTx) (*store.Page, error) {
		var err error
		if q.Scope, err = tx.Within(access.ReadingsRead, req.GetUnit()); err != nil {
			return nil, err
		}
		return store.OpenPage(tx, req, "readings")
	})
	if err != nil {
		return nil, err
	}
	q.Size = page.Size()
	if from := page.From(); from != nil {
		below, ok := from.Split().Uint64()
		if !ok {
			return nil, fault.InvalidArgument(faultpb.Reason_REASON_PAGE_TOKEN_INVALID, "pageToken", "value", req.GetPageToken())
		}
		q.Below = below
	}
	found, next, err := s.book.Find(ctx, q)
	if err != nil {
		return nil, err
	}
	answer := &readingpb.ListReadingsResponse{Readings: found}
	if next > 0 {
		answer.NextPageToken = page.Token(store.Key{}.Uint64(next))
	}
	return answer, nil
}
