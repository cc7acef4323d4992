package feed

import (
	"testing"
	"time"

	"github.com/google/uuid"

	feedpb "coso/proto/gen/coso/feed/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// INV-FEED-AGE, answer by answer: who asked when, what the source said, where the copy stood, and how old it is then.
func TestAgeOfACopy(t *testing.T) {
	journal, other := uuid.New(), uuid.New()
	at := func(s int) time.Time { return time.Date(2026, 3, 1, 8, 0, s, 0, time.UTC) }
	says := func(sequence uint64) *feedpb.FeedHead {
		return &feedpb.FeedHead{Incarnation: journal.String(), Sequence: sequence}
	}
	foreign := &feedpb.FeedHead{Incarnation: other.String(), Sequence: 1}
	w := newWatch(Follower{})
	if _, known := w.age(at(0)); known {
		t.Fatal("a source that nobody asks has a copy of known age")
	}
	w.begin(at(0))
	for i, step := range []struct {
		asked int
		head  *feedpb.FeedHead
		stood uint64
		age   int
		why   string
	}{
		{2, says(0), 0, 0, "nothing there, nothing missing"},
		{5, nil, 0, 3, "no answer"},
		{7, nil, 0, 5, "still none"},
		{8, says(10), 4, 6, "the copy lags"},
		{10, says(20), 9, 8, "and lags on"},
		{12, says(30), 15, 4, "it holds what there was at 8, though the source went on"},
		{14, says(40), 30, 2, "it holds what there was at 12"},
		{16, says(40), 40, 0, "it holds all"},
		{18, foreign, 40, 2, "another journal is no news"},
		{20, foreign, 50, 4, "however far the copy is"},
		{22, says(50), 50, 0, "the source is itself again"},
		{24, says(60), 50, 2, "it lags"},
		{26, nil, 60, 2, "no answer, but the events came: it holds what there was at 24"},
		{28, nil, 60, 4, "it ages"},
	} {
		w.note(at(step.asked), step.head, &journalpb.Cursor{Incarnation: journal[:], Sequence: step.stood})
		if age, known := w.age(at(step.asked)); !known || age != time.Duration(step.age)*time.Second {
			t.Errorf("step %d (%s): %s old, want %d s", i, step.why, age, step.age)
		}
	}
}

func TestNounOf(t *testing.T) {
	for typ, want := range map[string]string{
		"coso.registry.v1.UnitCreated":           "unit",
		"coso.registry.v2.UnitReparented":        "unit",
		"coso.registry.v1.GrantGiven":            "grant",
		"coso.registry.v1.OrganisationFounded":   "organisation",
		"coso.planning.v1.TargetExcessWithdrawn": "target",
		"coso.registry.v1.Unit":                  "",
		"stranger.registry.v1.UnitCreated":       "",
		"":                                       "",
	} {
		if got := nounOf(typ); got != want {
			t.Errorf("nounOf(%q) = %q, want %q", typ, got, want)
		}
	}
}
