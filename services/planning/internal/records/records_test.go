package records_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"coso/services/planning/internal/records"
	"coso/services/platform/access"
	"coso/services/platform/store"

	planningpb "coso/proto/gen/coso/planning/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func caller() context.Context {
	return access.With(context.Background(), access.Principal{Name: access.Local})
}

// failing is what a test and a property have in common.
type failing interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// open opens a store in dir; close checks its chain and closes it.
func open(t failing, dir string) (s *store.Store, closed func()) {
	t.Helper()
	s, err := store.Open(store.Options{
		Dir: dir, Service: "planning", Schema: records.Schema, Sources: []string{"registry", "membership"},
		Clock:  func() time.Time { return time.Date(2020, 12, 15, 8, 0, 0, 0, time.UTC) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), MapSize: 16 << 20,
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
