package sheet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/url"
	"slices"
	"strconv"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// chunkRows is how many rows a worker takes at once, and the most that a service takes in one batch.
	chunkRows = 500
	// fewRows is the same for nouns that are created one by one.
	fewRows = 16
	// dryRows is the same in a dry run, in which many rows go alone.
	dryRows = 100
	// batchBytes is how large a batch's records may become, by estimate: a service takes 256 KiB.
	batchBytes = 180 << 10
	// rowBytes is what a row costs beside its request: revision, etag, moments, keys, its event.
	rowBytes = 350
	// workers is how many requests are under way at once.
	workers = 4
	// patience is how often a batch is sent again without the rows it was refused for, before it is halved.
	patience = 3
)

// ready is a row with its request.
type ready struct {
	item
	req proto.Message
}

// create sends the rows of a noun, level by level.
func (im *importer) create(ctx context.Context, n *noun, items []item) error {
	size := chunkRows
	switch {
	case n.batch == nil:
		size = fewRows
	case im.o.DryRun:
		size = dryRows
	}
	if len(items) > 0 {
		if err := im.mark(ctx, n); err != nil {
			return err
		}
	}
	for _, level := range levels(n, items) {
		chunks := slices.Collect(slices.Chunk(level, size))
		if err := each(ctx, workers, chunks, func(ctx context.Context, chunk []item) error { return im.createChunk(ctx, n, chunk) }); err != nil {
			return err
		}
	}
	return nil
}

// createChunk makes the requests of some rows and sends them in batches that fit.
func (im *importer) createChunk(ctx context.Context, n *noun, chunk []item) error {
	sound := make([]ready, 0, len(chunk))
	for _, i := range chunk {
		one, ok := im.prepare(n, i)
		switch {
		case !ok:
		case im.o.DryRun && im.leans(n, i):
			if err := im.lean(ctx, n, one); err != nil {
				return err
			}
		default:
			sound = append(sound, one)
		}
	}
	for batch := range cut(n, sound) {
		if err := im.put(ctx, n, batch); err != nil {
			return err
		}
	}
	return nil
}

// cut puts rows into batches that a service takes; bundles stay whole.
func cut(n *noun, rows []ready) iter.Seq[[]ready] {
	return func(yield func([]ready) bool) {
		from, at, size := 0, 0, 0
		for b := range together(rows) {
			w := weight(b)
			if at > from && (n.batch == nil || size+w > batchBytes || at+len(b)-from > chunkRows) {
				if !yield(rows[from:at]) {
					return
				}
				from, size = at, 0
			}
			at, size = at+len(b), size+w
		}
		if from < len(rows) {
			yield(rows[from:])
		}
	}
}

// Batches are the create requests of the sheet's sound rows, cut as Import cuts them: for measuring.
func (s *Sheet) Batches() iter.Seq[[]proto.Message] {
	return func(yield func([]proto.Message) bool) {
		im, _ := newImporter(nil, []*Sheet{s}, Options{})
		for _, level := range levels(s.noun, im.gather(s.noun, []*Sheet{s})) {
			for chunk := range slices.Chunk(level, chunkRows) {
				var sound []ready
				for _, i := range chunk {
					if one, ok := im.prepare(s.noun, i); ok {
						sound = append(sound, one)
					}
				}
				for batch := range cut(s.noun, sound) {
					requests := make([]proto.Message, len(batch))
					for k, r := range batch {
						requests[k] = r.req
					}
					if !yield(requests) {
						return
					}
				}
			}
		}
	}
}

// prepare makes the request of a row, or refuses it for its form. What follows its creation must be sound too.
func (im *importer) prepare(n *noun, i item) (ready, bool) {
	req, wrong := n.request(i.row)
	if n.steps != nil && i.row.unfit == nil {
		steps, errs := n.steps(i.row)
		for _, err := range errs {
			if !names(wrong, err.column) {
				wrong = append(wrong, err)
			}
		}
		for _, s := range steps {
			wrong = append(wrong, n.unnamed(wrong, fault.Validate(s.in))...)
		}
	}
	if len(wrong) > 0 {
		im.refuse(i, wrong...)
		return ready{}, false
	}
	return ready{i, req}, true
}

// put sends rows together. What a refusal names is refused, and the others go again; so every bad row is found, and every
// good one comes in.
func (im *importer) put(ctx context.Context, n *noun, rows []ready) error {
	for round := 0; len(rows) > 0; round++ {
		became, err := im.post(ctx, n, rows)
		if err == nil {
			im.pass(became, itemsOf(rows)...)
			return nil
		}
		if !aboutRows(err) {
			im.doubt(err, itemsOf(rows)...)
			return err
		}
		if fault.ReasonOf(err) == faultpb.Reason_REASON_RESOURCE_EXISTS {
			left, err := im.settle(ctx, n, rows)
			if err != nil {
				return err
			}
			if len(left) < len(rows) {
				rows = left
				continue
			}
		}
		bad := rowsOf(err, len(rows))
		if len(rows) == 1 {
			bad = []int{0}
		}
		if half := middle(rows); half > 0 && (len(bad) == 0 || round >= patience) {
			if err := im.put(ctx, n, rows[:half]); err != nil {
				return err
			}
			rows, round = rows[half:], -1
			continue
		}
		if len(bad) == 0 { // together they are too much
			for at := range rows {
				bad = append(bad, at)
			}
		}
		for _, at := range bad {
			im.refuse(rows[at].item, im.explained(n, rows[at].item, ofRow(err, at)))
		}
		rows = without(rows, bad)
	}
	return nil
}

func itemsOf(rows []ready) []item {
	out := make([]item, len(rows))
	for k, r := range rows {
		out[k] = r.item
	}
	return out
}

func without(rows []ready, bad []int) []ready {
	out := make([]ready, 0, len(rows))
	for k, r := range rows {
		if !slices.Contains(bad, k) {
			out = append(out, r)
		}
	}
	return out
}

// ofRow is the part of a batch's refusal that is about one of its requests.
func ofRow(err error, at int) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Violations) == 0 {
		return err
	}
	part := *f
	part.Violations = slices.DeleteFunc(slices.Clone(f.Violations), func(v fault.Violation) bool {
		rows := rowsOf(&fault.Error{Field: v.Field}, at+1)
		return len(rows) > 0 && rows[0] != at
	})
	if len(part.Violations) == 0 {
		return err
	}
	first := part.Violations[0]
	part.Field, part.Reason, part.Msg, part.MsgVi = first.Field, first.Reason, first.Msg, first.MsgVi
	return &part
}

// aboutRows says whether an error is a service's word on what was sent, not on whether it can be reached.
func aboutRows(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return false
	}
	switch f.Kind {
	case fault.KindResourceExhausted:
		return !tooFast(f)
	case fault.KindInvalidArgument, fault.KindNotFound, fault.KindAlreadyExists, fault.KindFailedPrecondition,
		fault.KindPermissionDenied, fault.KindInternal:
		return true
	case fault.KindAborted, fault.KindUnauthenticated, fault.KindUnavailable, fault.KindDeadlineExceeded,
		fault.KindCancelled, fault.KindUnimplemented, fault.KindDataLoss:
		return false
	}
	return false
}

// explained adds to a refusal for what a row refers to that this import was to bring it.
func (im *importer) explained(n *noun, i item, err error) error {
	for _, c := range n.columns {
		if value := i.row.Cell(c.name); c.to != "" && value != "" && im.fateOf(name(c.to, value)) == fateRefused {
			return &columnError{column: c.name, value: value, err: say(
				"dòng của %[1]s trong lần nhập này bị từ chối nên dòng này chưa nhập được; hãy sửa dòng kia rồi nhập lại cả hai",
				"the row of %[1]s in this import was refused, so this one cannot come in yet; mend that row and import both again", name(c.to, value))}
		}
	}
	return err
}

// post sends a create request: a batch, or a single one. It answers whether that took effect now or before.
func (im *importer) post(ctx context.Context, n *noun, rows []ready) (fate, error) {
	if n.batch == nil {
		m := rows[0].req.ProtoReflect()
		body := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(n.field))).Message().Interface()
		query := url.Values{lowerCamel(n.field + "_id"): {rows[0].row.Cell("id")}}
		if im.o.DryRun {
			query.Set("validateOnly", strconv.FormatBool(true))
		} else {
			query.Set("requestId", requestID(n, "create", itemsOf(rows)...))
		}
		return im.write(ctx, "/v1/"+n.name, query, body)
	}
	in := n.batchOf(rows)
	im.sign(in, n, "create", itemsOf(rows)...)
	return im.write(ctx, "/v1/"+n.name+":batchCreate", nil, in)
}

// batchOf is a batch request of rows.
func (n *noun) batchOf(rows []ready) proto.Message {
	batch := n.batch.ProtoReflect().New()
	list := batch.Mutable(batch.Descriptor().Fields().ByName("requests")).List()
	for _, r := range rows {
		list.Append(protoreflect.ValueOfMessage(r.req.ProtoReflect()))
	}
	return batch.Interface()
}

// sign gives a request its request id, or says that it only checks.
func (im *importer) sign(in proto.Message, n *noun, act string, items ...item) {
	m := in.ProtoReflect()
	if im.o.DryRun {
		m.Set(m.Descriptor().Fields().ByName("validate_only"), protoreflect.ValueOfBool(true))
		return
	}
	m.Set(m.Descriptor().Fields().ByName("request_id"), protoreflect.ValueOfString(requestID(n, act, items...)))
}

// requestID is made from what the rows say, so that the same rows sent again take no second effect.
func requestID(n *noun, act string, items ...item) string {
	h := sha256.New()
	for _, part := range []string{n.name, act} {
		_, _ = io.WriteString(h, part+"\n")
	}
	for _, i := range items {
		for _, c := range n.columns {
			if c.told {
				continue
			}
			_, _ = io.WriteString(h, strconv.Quote(i.row.Cell(c.name))+",")
		}
		_, _ = io.WriteString(h, "\n")
	}
	return "sheet-" + hex.EncodeToString(h.Sum(nil)[:16])
}
