package sheet

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"
)

// atomic brings all rows in or none: with one command, for only a command takes effect whole. Everything is checked
// before, so that all bad rows are named and not only the first.
func (im *importer) atomic(ctx context.Context, sheets []*Sheet) error {
	n, err := fitsOneCommand(sheets)
	if err != nil {
		return err
	}
	rehearsal, _ := newImporter(im.c, sheets, Options{DryRun: true})
	if err := rehearsal.run(ctx, sheets); err != nil {
		return err
	}
	bad := 0
	for _, s := range sheets {
		im.outcomes[s].Refused = rehearsal.outcomes[s].Refused
		bad += len(im.outcomes[s].Refused)
	}
	items := im.gather(n, sheets)
	if bad > 0 || im.o.DryRun {
		for _, s := range sheets {
			o := rehearsal.outcomes[s]
			im.outcomes[s].There = o.There
			if im.o.DryRun {
				im.outcomes[s].New, im.outcomes[s].Leaning = o.New, o.Leaning
			}
		}
		return nil
	}
	var rows []ready
	for _, i := range slices.Concat(levels(n, items)...) {
		if rehearsal.fateOf(i.key()) == fateThere {
			im.pass(fateThere, i)
			continue
		}
		one, _ := im.prepare(n, i)
		rows = append(rows, one)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := im.mark(ctx, n); err != nil {
		return err
	}
	became, err := im.post(ctx, n, rows)
	switch {
	case err == nil:
		im.pass(became, itemsOf(rows)...)
	case !aboutRows(err):
		return err
	default: // somebody changed what they refer to since they were checked
		at := append(rowsOf(err, len(rows)), 0)[0]
		im.refuse(rows[at].item, ofRow(err, at))
	}
	return nil
}

// fitsOneCommand says of which noun the sheets are, if all their rows fit into one command.
func fitsOneCommand(sheets []*Sheet) (*noun, error) {
	if len(sheets) == 0 {
		return nil, errors.New("no sheets")
	}
	n := sheets[0].noun
	rows, size := 0, 0
	var why error
	for _, s := range sheets {
		if s.noun != n {
			why = say("các tệp là bảng của nhiều loại khác nhau", "the files are sheets of different kinds")
		}
		for _, r := range s.Rows {
			rows++
			if n.steps != nil {
				if steps, _ := n.steps(r); len(steps) > 0 {
					why = say("dòng %[2]d của %[1]s cần thêm một yêu cầu thứ hai (giao, chuyển, giải thể, rút hoặc kết thúc)",
						"%[1]s:%[2]d needs a second request (an assignment, a move or an end)", s.File, r.Line)
				}
			}
			if req, _ := n.request(r); req != nil {
				size += proto.Size(req) + rowBytes
			}
		}
	}
	if n.batch == nil {
		why = say("bảng %s được ghi từng dòng một", "%s are recorded row by row", n.name)
	}
	if rows > chunkRows || size > batchBytes {
		why = say("các tệp có %d dòng, khoảng %d KB; một lệnh chỉ nhận %d dòng và %d KB",
			"the files have %d rows of about %d KB; one command takes %d rows and %d KB", rows, size>>10, chunkRows, batchBytes>>10)
	}
	if why != nil {
		p, _ := errors.AsType[*phrase](why)
		return nil, &phrase{
			vi: "không nhập kiểu tất cả hoặc không gì (--atomic) được: " + p.vi + "; hãy kiểm tra trước bằng --dry-run rồi nhập không kèm --atomic. Chưa ghi gì",
			en: "all or nothing (--atomic) is not possible: " + p.en + "; check with --dry-run first, then import without --atomic. Nothing was recorded",
		}
	}
	return n, nil
}
