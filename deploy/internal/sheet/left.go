package sheet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lastLook is how long it may take, after an import broke off, to see which of the last rows came in.
const lastLook = 5 * time.Second

// Rest is what became of the rows of a sheet whose import broke off, by their lines. Refused rows are in none of them.
type Rest struct {
	// In are the lines of the rows that are recorded, now or before.
	In []int
	// Half are recorded, but what follows (an assignment, an end) is not done.
	Half []int
	// Unsure were sent, and no answer came that says whether they are recorded.
	Unsure []int
	// Out are not recorded.
	Out []int

	rows []*Error
}

var (
	errOut  = say("chưa ghi vì việc nhập bị ngắt; hãy nhập lại", "not recorded, for the import broke off; import it again")
	errOpen = say("chưa rõ đã ghi hay chưa vì máy chủ không trả lời dứt khoát; hãy nhập lại, dòng đã ghi không bị ghi lần nữa",
		"it is not known whether it was recorded, for the server gave no clear answer; import it again, what is recorded is not recorded twice")
	errHalf = say("đã ghi, nhưng bước tiếp theo (giao, chuyển, giải thể, rút hoặc kết thúc) chưa làm; hãy nhập lại",
		"recorded, but what follows (an assignment, a move or an end) is not done; import it again")
)

// doubt notes rows that may be recorded or not.
func (im *importer) doubt(err error, items ...item) {
	if _, open := errors.AsType[*unsure](err); !open {
		return
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.open = append(im.open, items...)
}

// takeStock says of every row what became of it, when an import broke off.
func (im *importer) takeStock(ctx context.Context, sheets []*Sheet) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLook)
	defer cancel()
	open := map[place]bool{}
	for _, i := range im.open {
		if open[i.place()] = im.passed[i.place()] == 0; open[i.place()] && im.lookUp(ctx, i) {
			delete(open, i.place())
		}
	}
	for _, s := range sheets {
		rest := &Rest{}
		for _, r := range s.Rows {
			i := item{sheet: s, row: r}
			switch {
			case im.refused[i.place()]:
			case open[i.place()]:
				rest.add(&rest.Unsure, i, errOpen)
			case im.passed[i.place()] == 0:
				rest.add(&rest.Out, i, errOut)
			case im.isHalf(i):
				rest.add(&rest.Half, i, errHalf)
			default:
				rest.In = append(rest.In, r.Line)
			}
		}
		im.outcomes[s].Rest = rest
	}
}

func (r *Rest) add(to *[]int, i item, why error) {
	*to = append(*to, i.row.Line)
	r.rows = append(r.rows, i.sheet.at(i.row, why)...)
}

// lookUp says whether a row is through after all: a row that is there counts as new, for it was sent in this import. What is
// not there may yet come.
func (im *importer) lookUp(ctx context.Context, i item) bool {
	n := i.sheet.noun
	if im.o.Atomic || n.create == nil || i.key() == "" || ctx.Err() != nil {
		return false
	}
	req, _ := n.request(i.row)
	now := n.resource.ProtoReflect().New().Interface()
	if req == nil || im.c.Get(ctx, n.path(i.key()), nil, now) != nil || n.differs(ready{i, req}, now.ProtoReflect()) != nil {
		return false
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	im.note(fateNew, i)
	return true
}

// isHalf says of a recorded row that its steps are not done.
func (im *importer) isHalf(i item) bool {
	n := i.sheet.noun
	if n.create == nil || n.steps == nil || im.finished[i.place()] {
		return false
	}
	steps, _ := n.steps(i.row)
	return len(steps) > 0
}

func (i item) place() place { return place{i.sheet, i.row.Line} }

// maxRanges is how many runs of lines a text names.
const maxRanges = 20

// Lines names rows of the sheet by their lines, which are in order: `2–501, 503`.
func (s *Sheet) Lines(lines []int) string {
	var runs []string
	for k := 0; k < len(s.Rows); {
		if !has(lines, s.Rows[k].Line) {
			k++
			continue
		}
		first := k
		for k < len(s.Rows) && has(lines, s.Rows[k].Line) {
			k++
		}
		run := strconv.Itoa(s.Rows[first].Line)
		if last := s.Rows[k-1].Line; last != s.Rows[first].Line {
			run += "–" + strconv.Itoa(last)
		}
		if len(runs) == maxRanges {
			return strings.Join(append(runs, "…"), ", ")
		}
		runs = append(runs, run)
	}
	return strings.Join(runs, ", ")
}

func has(sorted []int, line int) bool {
	_, found := slices.BinarySearch(sorted, line)
	return found
}
