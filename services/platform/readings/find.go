package readings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"coso/services/platform/logfile"
	"coso/services/platform/store"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// maxLook bounds how many readings one search looks at.
const maxLook = 20000

// Query says which readings are asked for.
type Query struct {
	// Principal, Resource and Unit narrow it; empty: any. A principal also counts where it stood in for, or was stood in for.
	Principal, Resource, Unit string
	// From and To are the first moment and the one behind the last; zero: open.
	From, To time.Time
	// Scope are the units whose readings may be shown; those of none are shown to who may see everything.
	Scope store.Scope
	// Below is the number below which to look; 0: all.
	Below uint64
	// Size is how many to find, at least 1.
	Size int
}

// Find answers readings, the latest first, with their names and moments, and below which number the search goes on; 0: it has
// come to its end. One search looks at 20,000 readings at most, so it may find fewer than there are. DataLoss names an entry that is
// damaged.
func (b *Book) Find(ctx context.Context, q Query) (found []*readingpb.Reading, next uint64, err error) {
	select {
	case b.searching <- struct{}{}:
		defer func() { <-b.searching }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	b.mu.RLock()
	files, size := slices.Clone(b.files), b.size
	b.mu.RUnlock()
	s := &search{Query: q, service: b.service}
	for i, f := range slices.Backward(files) {
		if f.first == 0 || q.Below > 0 && f.before+1 >= q.Below || !q.To.IsZero() && !f.from.Before(q.To) {
			continue
		}
		most := int64(-1)
		if i == len(files)-1 {
			most = size
		}
		if err := s.in(ctx, f, most); err != nil {
			return nil, 0, err
		}
		if s.ended {
			break
		}
	}
	return s.found, s.next, nil
}

// search is a search under way.
type search struct {
	Query

	service string
	found   []*readingpb.Reading
	looked  int
	next    uint64
	ended   bool
}

// in searches a file, up to a size; -1: all of it.
func (s *search) in(ctx context.Context, f file, size int64) error {
	payloads, err := payloadsOf(f, size)
	if err != nil {
		return err
	}
	for i, payload := range slices.Backward(payloads) {
		if err := ctx.Err(); err != nil {
			return err
		}
		entry, err := decode(payload)
		if err != nil {
			return damaged(f.path, f.first+uint64(i), err) //nolint:gosec // an index
		}
		if s.take(entry); s.ended {
			return nil
		}
	}
	return nil
}

// take looks at the readings of an entry, the last first.
func (s *search) take(entry *readingpb.Entry) {
	moment := entry.GetMoment().AsTime()
	if !s.From.IsZero() && moment.Before(s.From) {
		s.ended = true
		return
	}
	for i, r := range slices.Backward(entry.GetReadings()) {
		number := entry.GetReadingsBefore() + uint64(i) + 1 //nolint:gosec // an index
		if s.Below > 0 && number >= s.Below {
			continue
		}
		if s.looked == maxLook || len(s.found) == s.Size {
			s.next, s.ended = number+1, true
			return
		}
		s.looked++
		if s.matches(r) && (s.To.IsZero() || moment.Before(s.To)) {
			r.Name = "services/" + s.service + "/readings/" + strconv.FormatUint(number, 10)
			r.ReadTime = timestamppb.New(moment)
			s.found = append(s.found, r)
		}
	}
}

func (s *search) matches(r *readingpb.Reading) bool {
	switch {
	case r.GetUnit() == "" && !s.Scope.Everywhere, r.GetUnit() != "" && !s.Scope.Has(r.GetUnit()),
		s.Principal != "" && r.GetPrincipal() != s.Principal && r.GetOnBehalfOf() != s.Principal,
		s.Unit != "" && r.GetUnit() != s.Unit,
		s.Resource != "" && !slices.Contains(r.GetResources(), s.Resource):
		return false
	}
	return true
}

// payloadsOf are the bytes of a file's entries, which are not decoded yet.
func payloadsOf(f file, size int64) (out [][]byte, err error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the readings: %w", err)
	}
	var from io.Reader = in
	if size >= 0 {
		from = io.LimitReader(in, size)
	}
	raw, err := io.ReadAll(from)
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, fmt.Errorf("read the readings: %w", err)
	}
	for number := f.first; len(raw) > 0; number++ {
		r, ok := logfile.Cut(raw, maxRecord)
		if !ok || !r.Whole() {
			return nil, damaged(f.path, number, errChecksum)
		}
		out, raw = append(out, r.Payload), r.Rest
	}
	return out, nil
}
