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
		{30, says(60), 60, 0, "it holds all"},
		{32, says(70), 60, 2, "it lags"},
		{34, says(60), 60, 4, "a replica of the source that is cut off knows nothing of what is missing"},
		{36, says(80), 60, 6, "nor is it forgotten"},
		{38, says(75), 75, 6, "it holds what there was at 32, and no answer that is behind another"},
		{40, says(80), 80, 0, "it holds all"},
	} {
		w.note(at(step.asked), step.head, &journalpb.Cursor{Incarnation: journal[:], Sequence: step.stood})
		if age, known := w.age(at(step.asked)); !known || age != time.Duration(step.age)*time.Second {
			t.Errorf("step %d (%s): %s old, want %d s", i, step.why, age, step.age)
		}
	}
}

// INV-FEED-AGE: a copy that gets nothing becomes too old, however often a replica of the source that is cut off says that there is
// nothing new.
func TestACutOffSourceKeepsNoCopyYoung(t *testing.T) {
	const asks = 200 // ten minutes
	journal := uuid.New()
	began := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	w, at := newWatch(Follower{}), &journalpb.Cursor{Incarnation: journal[:], Sequence: 10}
	w.begin(began)
	for i := range uint64(asks) {
		head := &feedpb.FeedHead{Incarnation: journal.String(), Sequence: 11 + i}
		if i%3 == 2 {
			head.Sequence = 10
		}
		w.note(began.Add(time.Duration(i)*askEvery), head, at)
	}
	if age, known := w.age(began.Add(asks * askEvery)); !known || age != asks*askEvery {
		t.Errorf("it is %s old", age)
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
