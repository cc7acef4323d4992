package records

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"sync"

	faultpb "coso/proto/gen/coso/fault/v1"
	planningpb "coso/proto/gen/coso/planning/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/planning/internal/indicator"
	"coso/services/planning/internal/progress"
	"coso/services/planning/internal/unit"
	"coso/services/platform/civil"
	"coso/services/platform/dated"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// Atlas keeps what is needed for every figure and changes more seldom than it is asked for: the units and their trees, the
// catalogue of indicators, which unit has which targets, and the last results. All of it is kept under the stamps of the
// tables it was read from and read through the same transaction as the stamps, so it needs to be told of no change, and
// is right within a command that makes one.
// It is safe for concurrent use, also by several stores.
type Atlas struct {
	gazetteers shelf[store.Mark, *gazetteer]
	catalogues shelf[store.Mark, *catalogue]
	boards     shelf[boardKey, *board]
	results    shelf[resultKey, []int64]
}

// NewAtlas makes an empty one. It holds at most some ten megabytes, or what the two largest figures need.
func NewAtlas() *Atlas {
	return &Atlas{
		gazetteers: shelf[store.Mark, *gazetteer]{limit: 30_000},
		catalogues: shelf[store.Mark, *catalogue]{limit: 3},
		boards:     shelf[boardKey, *board]{limit: 30_000},
		results:    shelf[resultKey, []int64]{limit: 200_000},
	}
}

// catalogue is the indicators that are not withdrawn, in order of their names.
type catalogue struct {
	indicators []*planningpb.Indicator
	at         map[string]int
	// lines are what the indicators add up, in order.
	lines []lineUse
}

// lineUse says which indicators add up a measure and kind, by their places.
type lineUse struct {
	line       uint64
	indicators []int
}

func (a *Atlas) catalogue(r store.Reader) (*catalogue, error) {
	sum := indicatorStamp.Of(r, "")
	return a.catalogues.take(sum, func() (*catalogue, int, error) {
		c := &catalogue{at: map[string]int{}}
		if sum == (store.Mark{}) {
			return c, 1, nil
		}
		for in, err := range Indicators.All(r) {
			if err != nil {
				return nil, 0, err
			}
			if !indicator.Withdrawn(in) {
				c.add(in)
			}
		}
		return c, 1, nil
	})
}

func (c *catalogue) add(in *planningpb.Indicator) {
	c.at[in.GetName()] = len(c.indicators)
	for _, kind := range in.GetKinds() {
		c.use(lineOf(in.GetMeasure(), kind), len(c.indicators))
	}
	c.indicators = append(c.indicators, in)
}

func (c *catalogue) use(line uint64, indicator int) {
	i, there := slices.BinarySearchFunc(c.lines, line, func(u lineUse, line uint64) int { return cmp.Compare(u.line, line) })
	if !there {
		c.lines = slices.Insert(c.lines, i, lineUse{line: line})
	}
	c.lines[i].indicators = append(c.lines[i].indicators, indicator)
}

// gazetteer is all units, and their trees as they were asked for.
type gazetteer struct {
	units []*registrypb.Unit // in order of their keys
	keys  []string
	at    map[string]int32 // by key
	trees map[string]bool
	// turns are the days on which a tree may change, in order: between two of them all trees stay as they are.
	turns   func() []string
	forests shelf[forestKey, *forest]
	// ranks order the units by their display names.
	ranks func() []int
}

func (a *Atlas) gazetteer(r store.Reader) (*gazetteer, error) {
	sum := unitStamp.Of(r, "")
	return a.gazetteers.take(sum, func() (*gazetteer, int, error) {
		g := newGazetteer()
		if sum == (store.Mark{}) {
			return g, 0, nil
		}
		for u, err := range Units.All(r) {
			if err != nil {
				return nil, 0, err
			}
			g.add(u)
		}
		return g, len(g.units), nil
	})
}

func newGazetteer() *gazetteer {
	g := &gazetteer{at: map[string]int32{}, trees: map[string]bool{}, forests: shelf[forestKey, *forest]{limit: 8}}
	g.ranks = sync.OnceValue(func() []int { return progress.Ranks(g.units) })
	g.turns = sync.OnceValue(g.findTurns)
	return g
}

func (g *gazetteer) add(u *registrypb.Unit) {
	key := string(store.Text(u.GetName()))
	g.at[key] = int32(len(g.units)) //nolint:gosec // not so many units
	g.units, g.keys = append(g.units, u), append(g.keys, key)
	for _, p := range u.GetPlacements() {
		g.trees[p.GetTree()] = true
	}
}

func (g *gazetteer) findTurns() []string {
	var days []string
	for _, u := range g.units {
		days = append(days, u.GetValidFrom(), u.GetClosedOn())
		for _, p := range u.GetPlacements() {
			days = append(days, p.GetFromDate())
		}
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// has says whether a unit has, had or will have a place in a tree. The Party's is there before any unit.
func (g *gazetteer) has(tree string) bool {
	return tree == unit.PartyTree || g.trees[tree] || len(g.units) == 0
}

// gazetteerWith is the gazetteer, if it has a tree; else InvalidArgument.
func (a *Atlas) gazetteerWith(r store.Reader, tree string) (*gazetteer, error) {
	g, err := a.gazetteer(r)
	if err == nil && !g.has(tree) {
		err = fault.InvalidArgument(faultpb.Reason_REASON_ENUM_UNKNOWN, "tree",
			append(fault.FormOfWord(tree, slices.Sorted(maps.Keys(g.trees))).Params(), "value", tree)...)
	}
	return g, err
}

// turn numbers the time between two changes of a tree.
func (g *gazetteer) turn(day civil.Date) int {
	on := day.String() // dates compare as their strings do
	turns := g.turns()
	return sort.Search(len(turns), func(i int) bool { return turns[i] > on })
}

// forest is what lies below what in a tree between two turns.
type forest struct {
	// The units below unit i are below[first[i]:first[i+1]].
	first, below []int32
	// closed says that a unit is no more.
	closed []bool
}

type forestKey struct {
	tree string
	turn int
}

func (g *gazetteer) forest(tree string, day civil.Date) (*forest, error) {
	return g.forests.take(forestKey{tree, g.turn(day)}, func() (*forest, int, error) {
		f := &forest{first: make([]int32, len(g.units)+2), closed: make([]bool, len(g.units))}
		above := make([]int32, len(g.units))
		for i, u := range g.units {
			last, err := unit.LastDay(u, day)
			if err != nil {
				return nil, 0, fault.Internal(err)
			}
			f.closed[i], above[i] = last != day, -1
			placed := dated.Placed(u, tree, last.String())
			if placed == nil || !dated.InForce(u, last.String()) {
				continue
			}
			if at, known := g.at[string(store.Text(placed.GetParent()))]; known {
				above[i] = at
				f.first[at+2]++
			}
		}
		for i := range g.units {
			f.first[i+2] += f.first[i+1]
		}
		f.below = make([]int32, f.first[len(g.units)+1])
		for i, at := range above {
			if at >= 0 {
				f.below[f.first[at+1]] = int32(i)
				f.first[at+1]++
			}
		}
		return f, 1, nil
	})
}

// subtree is a unit and all units below it in a tree on a day: the unit first, each other one after the one above it.
//
// A unit that is closed by then stays where it was on its last day: what it founded was founded under the unit above it,
// and closing the districts of a province must not take a year's results away. Units that do not exist yet are left out;
// the first is taken as it is.
type subtree struct {
	g *gazetteer
	// units are places in the gazetteer, parents places in units; the first parent means nothing.
	units, parents []int32
	// closed says that a unit is no more on the day: what it reached still counts, what it was to reach does not.
	closed []bool
}

func (g *gazetteer) subtree(root, tree string, day civil.Date) (*subtree, error) {
	s := &subtree{g: g}
	at, known := g.at[string(store.Text(root))]
	if !known {
		return s, nil
	}
	f, err := g.forest(tree, day)
	if err != nil {
		return nil, err
	}
	s.units, s.parents = []int32{at}, []int32{0}
	for i := 0; i < len(s.units); i++ {
		u := s.units[i]
		for _, below := range f.below[f.first[u]:f.first[u+1]] {
			if below != at { // registry allows no circles; a walk must end whatever it is told
				s.units, s.parents = append(s.units, below), append(s.parents, int32(i))
			}
		}
	}
	s.closed = make([]bool, len(s.units))
	for i, u := range s.units {
		s.closed[i] = f.closed[u] && i > 0
	}
	return s, nil
}
