// Package approval approves what others have proposed to assign, through the public API: what waits is listed, and approved as it
// was listed. Of a target whose proposal has changed meanwhile nothing is approved.
package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strings"

	"coso/deploy/internal/client"

	planningpb "coso/proto/gen/coso/planning/v1"
)

// batch is how many targets are approved by one request, all or none.
const batch = 500

// Which targets are listed.
const (
	// Decidable are those that whoever asks may approve now.
	Decidable = "decidable"
	// Undecided are those of which something waits for approval.
	Undecided = "undecided"
)

// List lists the targets that a filter lets pass and a query names, in order of unit and name. Errors are the server's.
func List(ctx context.Context, c *client.Client, query url.Values, filter string) ([]*planningpb.Target, error) {
	q := url.Values{}
	maps.Copy(q, query)
	q.Set("pageSize", "500")
	q.Set(filter, "true")
	var all []*planningpb.Target
	for {
		page := &planningpb.ListTargetsResponse{}
		if err := c.Get(ctx, "/v1/targets", q, page); err != nil {
			return nil, err
		}
		all = append(all, page.GetTargets()...)
		if page.GetNextPageToken() == "" {
			break
		}
		q.Set("pageToken", page.GetNextPageToken())
	}
	slices.SortStableFunc(all, func(x, y *planningpb.Target) int {
		return strings.Compare(x.GetUnit()+" "+x.GetName(), y.GetUnit()+" "+y.GetName())
	})
	return all, nil
}

// Approve approves targets as they were listed, 500 at a time, or only has it checked, and answers how many are approved. Done
// again, it changes nothing. Errors are the server's.
func Approve(ctx context.Context, c *client.Client, targets []*planningpb.Target, check bool) (done int, err error) {
	for some := range slices.Chunk(targets, batch) {
		in := &planningpb.BatchApproveTargetsRequest{ValidateOnly: check}
		var seen strings.Builder
		for _, t := range some {
			in.Requests = append(in.Requests, &planningpb.ApproveTargetRequest{Name: t.GetName(), Etag: t.GetEtag()})
			seen.WriteString(t.GetName() + " " + t.GetEtag() + "\n")
		}
		if !check {
			hash := sha256.Sum256([]byte(seen.String()))
			in.RequestId = "approve-" + hex.EncodeToString(hash[:])
		}
		if err := c.Post(ctx, "/v1/targets:batchApprove", nil, in, nil); err != nil {
			return done, err
		}
		done += len(some)
	}
	return done, nil
}

// All approves everything that waits for whoever asks, and answers how many targets that were.
func All(ctx context.Context, c *client.Client) (int, error) {
	waiting, err := List(ctx, c, nil, Decidable)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	return Approve(ctx, c, waiting, false)
}
