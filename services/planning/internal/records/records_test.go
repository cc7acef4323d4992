package records

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/access"
	"coso/services/platform/store"
	"coso/services/platform/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// theAtlas is shared by all stores of all tests: what it keeps must hold wherever it is used.
var theAtlas = NewAtlas()

func caller() context.Context {
	return access.With(context.Background(), access.Principal{Name: "principals/lan"})
}

// failing is what a test and a property have in common.
type failing interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// open opens a store in dir; close checks its chain and closes it.
func open(t failing, dir string, schema *store.Schema) (s *store.Store, closed func()) {
	t.Helper()
	return openWith(t, dir, schema, func() time.Time { return time.Date(2020, 12, 15, 8, 0, 0, 0, time.UTC) })
}

// openWith does the same with a clock of the test's own.
func openWith(t failing, dir string, schema *store.Schema, clock func() time.Time) (s *store.Store, closed func()) {
	t.Helper()
	s, err := store.Open(store.Options{
		Dir: dir, Service: "planning", Schema: schema, Sources: []string{"registry", "membership"},
		Clock:  clock,
		Logger: slog.New(slog.DiscardHandler), MapSize: 16 << 20,
		Timers: map[string]store.TimerHandler{TimerJudge: theAtlas.JudgeOn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() {
		t.Helper()
		if err := s.Verify(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// command runs one command.
func command(t failing, s *store.Store, fn func(tx *store.Tx) error) {
	t.Helper()
	_, err := store.Update(caller(), s, nil, func(tx *store.Tx) (*emptypb.Empty, error) {
		return &emptypb.Empty{}, fn(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read runs one view.
func read(t failing, s *store.Store, fn func(tx *store.ReadTx) error) {
	t.Helper()
	_, err := store.View(caller(), s, func(tx *store.ReadTx) (struct{}, error) { return struct{}{}, fn(tx) })
	if err != nil {
		t.Fatal(err)
	}
}

func event[T proto.Message](t failing, e store.Event, into T) T {
	t.Helper()
	if err := proto.Unmarshal(e.Data, into); err != nil {
		t.Fatal(err)
	}
	return into
}

const (
	founded = planningpb.Measure_MEASURE_ORGANISATIONS_FOUNDED
	members = planningpb.Measure_MEASURE_MEMBERS_ADMITTED
)

func TestSchemaIsGolden(t *testing.T) { storetest.Schema(t, Schema, *update) }

func TestIndexKeysAreGolden(t *testing.T) {
	target := &planningpb.Target{Unit: "units/u", Indicator: "indicators/i", Period: "periods/p"}
	var got []string
	for _, keys := range [][]store.Key{planOf(target), unitOf(target), periodOf(target)} {
		got = append(got, fmt.Sprintf("%q", keys))
	}
	want := []string{
		`["periods/p\x00\x01units/u\x00\x01indicators/i\x00\x01"]`, `["units/u\x00\x01"]`, `["periods/p\x00\x01"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
