package sheet

import (
	"context"
	"errors"
	"slices"
	"sync"

	"coso/deploy/internal/client"
	"coso/services/platform/store"
)

// Progress is told how work goes on: what is worked on, how many rows of it there are, and how many are done since the last
// call. It is not called from two goroutines at once.
type Progress func(what string, all, more int)

// Options say how to import.
type Options struct {
	// DryRun: the services check every row and nothing is recorded.
	DryRun bool
	// Atomic: all rows come in or none. For sheets of one noun with new records only, up to 200,000 rows.
	Atomic bool
	// Lang is the language of what Tell is told; empty: Vietnamese.
	Lang Lang
	// Tell may be nil.
	Tell Progress
	// Wait may be nil. It is told why nothing goes on, within 5 seconds, and again when the cause is another; nil when it goes
	// on. It is not called from two goroutines at once, nor while Tell is.
	Wait func(cause error)
}

func (o Options) words(vi, en string) string {
	if o.Lang == English {
		return en
	}
	return vi
}

// Outcome is what became of one sheet.
type Outcome struct {
	Sheet *Sheet
	// New rows were recorded, There were there already as they say.
	New, There int
	// Told rows say something that only a server knows, why it was corrected: that is passed over.
	Told int
	// Leaning rows were checked but for what they refer to: a row of the same import, which a dry run does not record.
	Leaning int
	// Waiting rows are recorded, but what they assign counts only when somebody else approves it; of those that say more, the
	// rest comes in when they are imported again after that.
	Waiting int
	// Refused are all errors, in order of lines; a row may have several.
	Refused []*Error
	// Rest is set if the import broke off, unless it was only a rehearsal.
	Rest *Rest
}

// Period is the one period of all rows; empty if they have several or none.
func (o *Outcome) Period() string {
	period := ""
	for i, r := range o.Sheet.Rows {
		if i > 0 && r.Cell("period") != period {
			return ""
		}
		period = r.Cell("period")
	}
	return period
}

// Bad is how many rows were refused.
func (o *Outcome) Bad() int {
	n := 0
	for i, e := range o.Refused {
		if i == 0 || o.Refused[i-1].Line != e.Line {
			n++
		}
	}
	return n
}

// fate is what became of a row, for the rows that refer to it.
type fate uint8

const (
	fateNew fate = iota + 1
	fateThere
	fateRefused
)

// item is a row on its way.
type item struct {
	sheet *Sheet
	row   Row
	// bundle is the number of the rows that go together with this one; 0: it may go alone.
	bundle int
}

func (i item) key() string { return name(i.sheet.noun.name, i.row.Cell("id")) }

// importer is one import.
type importer struct {
	c *client.Client
	o Options

	mu       sync.Mutex
	outcomes map[*Sheet]*Outcome
	// fates are of resource names; rows without an id have none.
	fates map[string]fate
	// exists remembers which names the server knows, for dry runs, and near what those may have been meant to be that it does not.
	exists map[string]bool
	near   map[string]string
	// passed and refused are the rows that are through, and those that have an error, in any phase.
	passed  map[place]fate
	refused map[place]bool
	// finished rows have had their steps; open ones may be recorded or not.
	finished map[place]bool
	open     []item
	// marks are how far each service was before this import.
	marks map[string]store.Position
	// reached: the server has answered.
	reached bool
	// causes are why nothing goes on, as far as they were told; ended: nobody listens any more.
	causes []string
	ended  bool
	meters map[*noun]*group
}

// place tells a row from all others of an import.
type place struct {
	sheet *Sheet
	line  int
}

// group is the rows of a noun, from one sheet or several.
type group struct {
	label string
	all   int
}

// Import sends the rows of sheets, whatever order they are in: what is referred to before what refers to it. A row that is
// refused hinders no other but those that refer to it. The outcomes are in the order of the sheets. An error says that the
// import broke off (no server, a service that stays unavailable, a cancelled context); what the outcomes count as new is
// recorded all the same, and importing the same sheets again goes on from there.
func Import(ctx context.Context, c *client.Client, sheets []*Sheet, o Options) ([]*Outcome, error) {
	im, out := newImporter(c, sheets, o)
	err := im.run(ctx, sheets)
	if err != nil && !o.DryRun {
		im.takeStock(ctx, sheets)
	}
	im.end()
	for _, one := range out {
		slices.SortStableFunc(one.Refused, func(a, b *Error) int { return a.Line - b.Line })
	}
	return out, err
}

func newImporter(c *client.Client, sheets []*Sheet, o Options) (*importer, []*Outcome) {
	im := &importer{
		c: c, o: o, outcomes: map[*Sheet]*Outcome{}, fates: map[string]fate{}, exists: map[string]bool{}, near: map[string]string{},
		passed: map[place]fate{}, refused: map[place]bool{}, finished: map[place]bool{}, meters: map[*noun]*group{}, marks: map[string]store.Position{},
	}
	out := make([]*Outcome, len(sheets))
	for i, s := range sheets {
		out[i] = &Outcome{Sheet: s, Told: s.told()}
		im.outcomes[s] = out[i]
	}
	return im, out
}

func (im *importer) run(ctx context.Context, sheets []*Sheet) error {
	if im.o.Atomic {
		return im.atomic(ctx, sheets)
	}
	items := map[*noun][]item{}
	for _, n := range nouns {
		items[n] = im.gather(n, sheets)
	}
	for _, n := range nouns {
		var err error
		if n.create != nil {
			if items[n], err = im.makeRoom(ctx, n, items[n]); err == nil {
				err = im.create(ctx, n, items[n])
			}
		} else {
			err = im.follow(ctx, n, items[n])
		}
		if err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(nouns) {
		if n.create == nil || n.steps == nil {
			continue
		}
		if err := im.follow(ctx, n, items[n]); err != nil {
			return err
		}
	}
	return nil
}

// makeRoom brings in the rows that end before others with the same unique columns begin, each with its end, and answers the
// others. Of several with the same columns one goes after the other. What is there is looked up first: the service may
// refuse to begin anew what has ended since.
func (im *importer) makeRoom(ctx context.Context, n *noun, items []item) (others []item, err error) {
	if n.room == nil {
		return items, nil
	}
	var rounds [][]item
	met := map[string]int{}
	for _, i := range items {
		if !n.room(i.row) {
			others = append(others, i)
			continue
		}
		key, _ := joined(i.row, n.unique[0])
		if met[key] == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[met[key]] = append(rounds[met[key]], i)
		met[key]++
	}
	for _, round := range rounds {
		var sound []ready
		for _, i := range round {
			if one, ok := im.prepare(n, i); ok {
				sound = append(sound, one)
			}
		}
		left, err := im.settle(ctx, n, sound)
		if err != nil {
			return nil, err
		}
		if err := im.create(ctx, n, itemsOf(left)); err != nil {
			return nil, err
		}
		if err := im.follow(ctx, n, round); err != nil {
			return nil, err
		}
	}
	return others, nil
}

// told is how many rows say what only a server knows.
func (s *Sheet) told() (rows int) {
	for _, r := range s.Rows {
		if slices.ContainsFunc(s.noun.columns, func(c column) bool { return c.told && r.Cell(c.name) != "" }) {
			rows++
		}
	}
	return rows
}

// Send imports one sheet; done is told how many rows are through. Every refused row is one of the joined errors.
func (s *Sheet) Send(ctx context.Context, c *client.Client, done func(rows int)) error {
	return Load(ctx, c, []*Sheet{s}, func(_ string, _, more int) {
		if done != nil && more > 0 {
			done(more)
		}
	})
}

// Load imports sheets that should all be good: refused rows are an error, all of them joined.
func Load(ctx context.Context, c *client.Client, sheets []*Sheet, tell Progress) error {
	outcomes, err := Import(ctx, c, sheets, Options{Tell: tell})
	wrong := []error{}
	for _, o := range outcomes {
		for _, e := range o.Refused {
			wrong = append(wrong, e)
		}
	}
	return errors.Join(append(wrong, err)...)
}

// refuse notes what is wrong with a row.
func (im *importer) refuse(i item, errs ...error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	o := im.outcomes[i.sheet]
	for _, err := range errs {
		o.Refused = append(o.Refused, i.sheet.at(i.row, err)...)
	}
	at := place{i.sheet, i.row.Line}
	if im.refused[at] {
		return
	}
	im.refused[at] = true
	switch im.passed[at] {
	case fateNew: // what follows its creation was refused
		o.New--
	case fateThere:
		o.There--
	default:
		if k := i.key(); k != "" && im.fates[k] == 0 {
			im.fates[k] = fateRefused
		}
		im.tell(i.sheet.noun, 1)
	}
}

// pass notes rows that are through.
func (im *importer) pass(f fate, items ...item) {
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, i := range items {
		im.note(f, i)
		im.tell(i.sheet.noun, 1)
	}
}

// note is called with mu held.
func (im *importer) note(f fate, i item) {
	o := im.outcomes[i.sheet]
	if f == fateNew {
		o.New++
	} else {
		o.There++
	}
	im.passed[place{i.sheet, i.row.Line}] = f
	if k := i.key(); k != "" {
		im.fates[k] = f
	}
}

func (im *importer) isRefused(i item) bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.refused[place{i.sheet, i.row.Line}]
}

func (im *importer) fateOf(key string) fate {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.fates[key]
}

// tell is called with mu held.
func (im *importer) tell(n *noun, more int) {
	if g := im.meters[n]; im.o.Tell != nil && g != nil {
		im.o.Tell(g.label, g.all, more)
	}
}

// each lets workers take the items of a list, in no order; the first error ends it.
func each[T any](ctx context.Context, workers int, list []T, work func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan T)
	var wg sync.WaitGroup
	for range min(workers, len(list)) {
		wg.Go(func() {
			for one := range next {
				if err := work(ctx, one); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, one := range list {
		if ctx.Err() != nil {
			break
		}
		select {
		case next <- one:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
