// Package trial loads a demo data set through the public API and holds what the server answers against what is known
// otherwise: the published figures, and an independent count of the sheets.
//
// It guarantees that a figure that differs, a unit too many or too few below plan, or a nomination too many or too few is
// an error that says which. It takes no figure from the services' own code: the count in this package rests on the sheets
// alone.
package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"

	"coso/deploy/internal/approval"
	"coso/deploy/internal/client"
	"coso/deploy/internal/report"
	"coso/deploy/internal/sheet"

	awardpb "coso/proto/gen/coso/award/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
)

// publishedFile holds the known figures; it is never loaded.
const publishedFile = "published.csv"

// Set is a demo data set, read.
type Set struct {
	sheets    []*sheet.Sheet
	published []figure
}

// Read reads the sheets of a data set.
func Read(set fs.FS) (*Set, error) {
	files, err := fs.Glob(set, "*.csv")
	if err != nil {
		return nil, err
	}
	s := &Set{}
	for _, f := range files {
		raw, err := fs.ReadFile(set, f)
		if err != nil {
			return nil, err
		}
		if f == publishedFile {
			if s.published, err = readPublished(raw); err != nil {
				return nil, fmt.Errorf("%s: %w", f, err)
			}
			continue
		}
		one, err := sheet.Parse(path.Base(f), raw)
		if err != nil {
			return nil, err
		}
		s.sheets = append(s.sheets, one)
	}
	if len(s.published) == 0 {
		return nil, fmt.Errorf("the data set has no %s", publishedFile)
	}
	sheet.Order(s.sheets)
	return s, nil
}

// Load sends the sheets, as somebody who may record everything, and lets another approve what is proposed with them. Done again, it
// changes nothing. Refused rows are an error, all of them joined.
func (s *Set) Load(ctx context.Context, c, approver *client.Client, tell sheet.Progress) error {
	if err := s.Send(ctx, c, tell); err != nil {
		return err
	}
	_, err := approval.All(ctx, approver)
	return err
}

// Send sends the sheets; what is proposed with them waits for approval by another. Errors are Load's.
func (s *Set) Send(ctx context.Context, c *client.Client, tell sheet.Progress) error {
	return sheet.Load(ctx, c, s.sheets, tell)
}

// Show prints the progress of the data set's first published unit, its units below plan and the nominations.
func (s *Set) Show(ctx context.Context, c *client.Client, w io.Writer) error {
	first := s.published[0]
	p, err := progress(ctx, c, first)
	if err != nil {
		return err
	}
	period := &planningpb.Period{}
	if err := c.Get(ctx, "/v1/periods/"+first.period, nil, period); err != nil {
		return err
	}
	if err := report.Progress(w, p, period.GetDisplayName()); err != nil {
		return err
	}
	list, err := nominations(ctx, c)
	if err != nil {
		return err
	}
	return report.Nominations(w, list)
}

// Verify reads everything back over HTTP and joins what differs: published figures, units below plan, nominations.
func (s *Set) Verify(ctx context.Context, c *client.Client) error {
	var wrong []error
	seen := map[figureKey]*planningpb.Progress{}
	for _, f := range s.published {
		p, ok := seen[f.key()]
		if !ok {
			var err error
			if p, err = progress(ctx, c, f); err != nil {
				return err
			}
			seen[f.key()] = p
		}
		wrong = append(wrong, f.differs(p))
	}
	for _, p := range seen {
		wrong = append(wrong, s.belowPlanDiffers(p))
	}
	list, err := nominations(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(append(wrong, s.nominationsDiffer(list))...)
}

func progress(ctx context.Context, c *client.Client, f figure) (*planningpb.Progress, error) {
	p := &planningpb.Progress{}
	q := url.Values{"period": {"periods/" + f.period}, "asOf": {f.asOf}}
	return p, c.Get(ctx, "/v1/units/"+f.unit+"/progress", q, p)
}

// nominations walks all pages of open nominations.
func nominations(ctx context.Context, c *client.Client) ([]*awardpb.Nomination, error) {
	var out []*awardpb.Nomination
	q := url.Values{"pageSize": {"500"}, "state": {awardpb.NominationState_NOMINATION_STATE_OPEN.String()}}
	for {
		page := &awardpb.ListNominationsResponse{}
		if err := c.Get(ctx, "/v1/nominations", q, page); err != nil {
			return nil, err
		}
		out = append(out, page.GetNominations()...)
		if page.GetNextPageToken() == "" {
			return out, nil
		}
		q.Set("pageToken", page.GetNextPageToken())
	}
}

// nominationsDiffer holds the open nominations against the targets that the sheets say were exceeded.
func (s *Set) nominationsDiffer(list []*awardpb.Nomination) error {
	want, err := s.exceeded()
	if err != nil {
		return err
	}
	var wrong []error
	for _, n := range list {
		id := path.Base(n.GetTarget())
		w, ok := want[id]
		if !ok {
			wrong = append(wrong, fmt.Errorf("nomination for %s, which the sheets do not exceed", id))
			continue
		}
		delete(want, id)
		f := n.GetEvidence().GetFigure()
		if f.GetAssignedValue() != w.assigned || f.GetActualValue() <= f.GetAssignedValue() {
			wrong = append(wrong, fmt.Errorf("nomination for %s rests on %s, the sheets say %d/%d",
				id, report.Fraction(f), w.actual, w.assigned))
		}
	}
	for id, w := range want {
		wrong = append(wrong, fmt.Errorf("no nomination for %s, which the sheets exceed with %d/%d", id, w.actual, w.assigned))
	}
	slices.SortFunc(wrong, func(a, b error) int { return compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}
