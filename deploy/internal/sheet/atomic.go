package sheet

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"coso/services/platform/fault"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultpb "coso/proto/gen/coso/fault/v1"
	operationpb "coso/proto/gen/coso/operation/v1"
)

const (
	// maxStaged is how many rows an operation takes.
	maxStaged = 200_000
	// rounds is how often rows are checked anew that others changed between check and activation.
	rounds = 3
)

// atomic brings all rows in or none: they are put aside in an operation, which one small command activates. Everything is
// checked before, so that all bad rows are named. INV-SHEET-ATOMIC: whatever breaks off before the activation leaves nothing
// that anybody sees; the same sheets sent again go on in the same operation.
func (im *importer) atomic(ctx context.Context, sheets []*Sheet) error {
	if err := Whole(sheets); err != nil {
		return err
	}
	n := sheets[0].noun
	var refused error
	for range rounds {
		batches, err := im.rehearse(ctx, n, sheets)
		if err != nil || len(batches) == 0 {
			return err
		}
		if refused, err = im.load(ctx, n, batches); err != nil || refused == nil {
			return err
		}
	}
	return refused
}

// rehearse lets the service check all rows and takes over the outcome. It answers the batches of the rows to be put aside:
// none if a row is bad, all are there already, or this is but a dry run.
func (im *importer) rehearse(ctx context.Context, n *noun, sheets []*Sheet) ([][]ready, error) {
	o := im.o
	o.DryRun, o.Atomic = true, false
	if !im.o.DryRun && o.Tell != nil {
		o.Tell = func(what string, all, more int) { im.o.Tell(what+" "+o.words("(kiểm tra)", "(checking)"), all, more) }
	}
	r, outcomes := newImporter(im.c, sheets, o)
	items := bundled(n, r.gather(n, sheets))
	sound := make([]ready, 0, len(items))
	for _, i := range items {
		if one, ok := r.prepare(n, i); ok {
			sound = append(sound, one)
		}
	}
	defer r.end()
	batches := slices.Collect(cut(n, sound))
	if err := each(ctx, workers, batches, func(ctx context.Context, b []ready) error { return r.put(ctx, n, b) }); err != nil {
		return nil, err
	}
	im.reached = true
	for at, f := range r.passed {
		if f == fateThere {
			im.passed[at] = f
		}
	}
	bad := 0
	for _, o := range outcomes {
		mine := im.outcomes[o.Sheet]
		mine.Refused, mine.There, mine.New = o.Refused, o.There, 0
		if im.o.DryRun {
			mine.New = o.New
		}
		bad += len(o.Refused)
	}
	if bad > 0 || im.o.DryRun {
		return nil, nil
	}
	left := slices.DeleteFunc(sound, func(one ready) bool { return r.fateOf(one.key()) == fateThere })
	im.meters[n] = &group{label: r.meters[n].label, all: len(left)}
	return slices.Collect(cut(n, left)), nil
}

// load puts the rows aside and activates them. refused is why a service did not take one of them, though it was sound a
// moment before; the operation is given up then.
func (im *importer) load(ctx context.Context, n *noun, batches [][]ready) (refused, broken error) {
	op, err := im.begin(ctx, n, itemsOf(slices.Concat(batches...)))
	if err != nil {
		return nil, err
	}
	became := fateNew
	if op.GetState() == operationpb.OperationState_OPERATION_STATE_ACTIVE {
		became = fateThere // somebody sent the same rows at the same time
	} else if err := im.stage(ctx, n, op.GetName(), batches); err != nil {
		if !aboutRows(err) {
			return nil, err
		}
		return err, im.abandon(ctx, op.GetName())
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, b := range batches {
		for _, r := range b {
			im.note(became, r.item)
		}
	}
	return nil, nil
}

// begin opens the operation of some rows, or finds it again: its id is made from what they say.
func (im *importer) begin(ctx context.Context, n *noun, rows []item) (*operationpb.Operation, error) {
	in := &operationpb.BeginOperationRequest{Parent: "services/" + n.service()}
	id := requestID(n, "load", rows...)
	for attempt := 1; ; attempt++ {
		in.OperationId = id
		if attempt > 1 {
			in.OperationId += "-" + strconv.Itoa(attempt)
		}
		op := &operationpb.Operation{}
		err := im.call(ctx, func() error { return im.c.Post(ctx, "/v1/"+in.GetParent()+"/operations", nil, in, op) })
		if err == nil {
			return op, nil
		}
		if fault.ReasonOf(err) != faultpb.Reason_REASON_RESOURCE_EXISTS {
			return nil, err
		}
		err = im.call(ctx, func() error { return im.c.Get(ctx, "/v1/"+in.GetParent()+"/operations/"+in.GetOperationId(), nil, op) })
		if err != nil || op.GetState() != operationpb.OperationState_OPERATION_STATE_ABANDONED {
			return op, err
		}
	}
}

// stage puts batches aside, one after the other, and activates the operation. A batch that was put aside before has the
// same request id, and takes no second effect.
func (im *importer) stage(ctx context.Context, n *noun, op string, batches [][]ready) error {
	im.mu.Lock()
	im.tell(n, 0)
	im.mu.Unlock()
	for _, b := range batches {
		in := n.batchOf(b)
		m := in.ProtoReflect()
		m.Set(m.Descriptor().Fields().ByName("operation"), protoreflect.ValueOfString(op))
		m.Set(m.Descriptor().Fields().ByName("request_id"), protoreflect.ValueOfString(requestID(n, op, itemsOf(b)...)))
		if err := im.call(ctx, func() error { return im.c.Post(ctx, "/v1/"+n.name+":batchCreate", nil, in, nil) }); err != nil {
			return err
		}
		im.mu.Lock()
		im.tell(n, len(b))
		im.mu.Unlock()
	}
	in := &operationpb.ActivateOperationRequest{Name: op, RequestId: "activate-" + bare(op)}
	err := im.call(ctx, func() error { return im.c.Post(ctx, "/v1/"+op+":activate", nil, in, nil) })
	if _, open := errors.AsType[*unsure](err); !open {
		return err
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	now := &operationpb.Operation{}
	if im.c.Get(look, "/v1/"+op, nil, now) == nil && now.GetState() == operationpb.OperationState_OPERATION_STATE_ACTIVE {
		return nil
	}
	im.doubt(err, itemsOf(slices.Concat(batches...))...)
	return err
}

// abandon gives an operation up, unless it has ended.
func (im *importer) abandon(ctx context.Context, op string) error {
	in := &operationpb.AbandonOperationRequest{Name: op}
	err := im.call(ctx, func() error { return im.c.Post(ctx, "/v1/"+op+":abandon", nil, in, nil) })
	if fault.ReasonOf(err) == faultpb.Reason_REASON_OPERATION_ENDED {
		return nil
	}
	return err
}

// service is the service that keeps what the noun's rows become.
func (n *noun) service() string {
	return strings.Split(string(n.resource.ProtoReflect().Descriptor().FullName()), ".")[1]
}

// bundled puts rows that refer to each other into bundles, each row behind those it refers to.
func bundled(n *noun, items []item) []item {
	if n.self == "" {
		return items
	}
	at := map[string]int{}
	var bundles [][]item
	for _, i := range slices.Concat(levels(n, items)...) {
		bundle, known := at[i.row.Cell(n.self)]
		if !known {
			bundles = append(bundles, nil)
			bundle = len(bundles) - 1
		}
		i.bundle = bundle + 1
		bundles[bundle] = append(bundles[bundle], i)
		if id := i.row.Cell("id"); id != "" {
			at[id] = bundle
		}
	}
	return slices.Concat(bundles...)
}

// together walks the bundles of rows.
func together(rows []ready) iter.Seq[[]ready] {
	return func(yield func([]ready) bool) {
		from := 0
		for to := 1; to <= len(rows); to++ {
			if to < len(rows) && rows[to].bundle != 0 && rows[to].bundle == rows[from].bundle {
				continue
			}
			if !yield(rows[from:to]) {
				return
			}
			from = to
		}
	}
}

// middle is where rows may be halved without cutting a bundle; 0: nowhere.
func middle(rows []ready) int {
	at := 0
	for b := range together(rows) {
		if at > 0 && at+len(b) > len(rows)/2 {
			return at
		}
		at += len(b)
	}
	if at == len(rows) {
		return 0
	}
	return at
}

func weight(rows []ready) int {
	size := 0
	for _, r := range rows {
		size += proto.Size(r.req) + rowBytes
	}
	return size
}

// Whole says why sheets cannot come in as all or nothing; nil if they can. It asks no server.
func Whole(sheets []*Sheet) error {
	if len(sheets) == 0 {
		return errors.New("no sheets")
	}
	why := sheets[0].noun.unfitForOperation(sheets)
	if why == nil {
		return nil
	}
	p, _ := errors.AsType[*phrase](why)
	return &phrase{
		vi: "không nhập kiểu tất cả hoặc không gì (--atomic) được: " + p.vi + "; hãy kiểm tra trước bằng --dry-run rồi nhập không kèm --atomic. Chưa gửi gì",
		en: "all or nothing (--atomic) is not possible: " + p.en + "; check with --dry-run first, then import without --atomic. Nothing was sent",
	}
}

func (n *noun) unfitForOperation(sheets []*Sheet) error {
	rows := 0
	for _, s := range sheets {
		if s.noun != n {
			return say("các tệp là bảng của nhiều loại khác nhau; mỗi lần chỉ nhập trọn một loại", "the files are sheets of different kinds; only one kind comes in whole")
		}
		rows += len(s.Rows)
	}
	switch {
	case n.batch == nil:
		return say("bảng %s được ghi từng dòng một", "%s are recorded row by row", n.name)
	case rows > maxStaged:
		return say("các tệp có %d dòng, mà một lần nhập trọn nhận nhiều nhất %d dòng", "the files have %d rows, and %d can come in whole", rows, maxStaged)
	}
	for _, s := range sheets {
		for _, r := range s.Rows {
			if n.steps == nil {
				break
			}
			if steps, _ := n.steps(r); len(steps) > 0 {
				return say("chỉ nhập trọn được bản ghi mới, còn dòng %[2]d của %[1]s cần thêm một yêu cầu thứ hai (giao, chuyển, giải thể, rút hoặc kết thúc)",
					"only new records come in whole, and %[1]s:%[2]d needs a second request (an assignment, a move or an end)", s.File, r.Line)
			}
		}
	}
	return n.tooLargeABundle(sheets)
}

// tooLargeABundle says of rows that refer to each other that they are more than one batch takes.
func (n *noun) tooLargeABundle(sheets []*Sheet) error {
	if n.self == "" {
		return nil
	}
	im, _ := newImporter(nil, sheets, Options{})
	var rows []ready
	for _, i := range bundled(n, im.gather(n, sheets)) {
		if req, _ := n.request(i.row); req != nil {
			rows = append(rows, ready{i, req})
		}
	}
	for b := range together(rows) {
		if size := weight(b); len(b) > chunkRows || len(b) > 1 && size > batchBytes {
			first := b[0].item
			return say("dòng %[2]d của %[1]s và các dòng nằm dưới nó (cột %[3]s) gồm %[4]d dòng, khoảng %[5]d KB, phải gửi cùng nhau, mà một lô chỉ nhận %[6]d dòng và %[7]d KB; hãy nhập trước các dòng cấp trên",
				"%[1]s:%[2]d and the rows below it (column %[3]s) are %[4]d rows of about %[5]d KB that must be sent together, and a batch takes %[6]d rows and %[7]d KB; import the rows above first",
				first.sheet.File, first.row.Line, n.self, len(b), size>>10, chunkRows, batchBytes>>10)
		}
	}
	return nil
}
