package readings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"
	"coso/services/platform/store"

	faultpb "coso/proto/gen/coso/fault/v1"
	readingpb "coso/proto/gen/coso/reading/v1"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := keepUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const service = "identity"

// opened opens a book that is closed, and holds together, at the end of the test.
func opened(t testing.TB, dir string, set func(*Book)) *Book {
	t.Helper()
	b := open(Options{Dir: dir, Service: service, Logger: slog.New(slog.DiscardHandler)}, func(b *Book) {
		b.again = 5 * time.Millisecond
		if set != nil {
			set(b)
		}
	})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// shown is a reading of one account by another.
func shown(by string, of ...string) *readingpb.Reading {
	r := &readingpb.Reading{
		Principal: "principals/" + by, Method: "/coso.identity.v1.AccountService/GetAccount", RequestId: "0198f0c2", ShownCount: int32(len(of)),
	}
	for _, id := range of {
		r.Resources = append(r.Resources, "accounts/"+id)
	}
	return r
}

func keep(t testing.TB, b *Book, all ...*readingpb.Reading) {
	t.Helper()
	if err := b.Keep(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
}

// all are the readings of a book, the first first.
func all(t testing.TB, b *Book) []*readingpb.Reading {
	t.Helper()
	var out []*readingpb.Reading
	q := Query{Scope: store.Scope{Everywhere: true}, Size: 500}
	for {
		found, next, err := b.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
		if next == 0 {
			slices.Reverse(out)
			return out
		}
		q.Below = next
	}
}

// sound verifies the files, which hold so many readings.
func sound(t testing.TB, dir string, readings int) Verified {
	t.Helper()
	found, err := Verify(t.Context(), dir, service, nil)
	if err != nil || found.Readings != uint64(readings) {
		t.Fatalf("%+v, %v; want %d readings", found, err, readings)
	}
	return found
}

func wantReason(t testing.TB, err error, kind fault.Kind, reason faultpb.Reason) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Fatalf("%v, want %v %v", err, kind, reason)
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 10 seconds: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// INV-READINGS-FIRST: what was kept is there, in order, numbered, in a chain, whenever the book is opened again and however many
// files it takes.
func TestWhatWasKeptIsThere(t *testing.T) {
	dir := t.TempDir()
	var want []*readingpb.Reading
	for round := range 5 {
		b := opened(t, dir, func(b *Book) { b.most = 1000 })
		for i := range 7 {
			r := shown(fmt.Sprintf("p%d-%d", round, i), "lan", "minh")
			want = append(want, proto.CloneOf(r))
			keep(t, b, r)
		}
		got := all(t, b)
		for i, r := range got {
			if r.GetName() != fmt.Sprintf("services/identity/readings/%d", i+1) || r.GetReadTime() == nil {
				t.Errorf("reading %d is %s of %v", i+1, r.GetName(), r.GetReadTime())
			}
			r.Name, r.ReadTime = "", nil
		}
		if !slices.EqualFunc(got, want, func(a, b *readingpb.Reading) bool { return proto.Equal(a, b) }) {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := b.Keep(t.Context(), shown("late", "lan")); fault.ReasonOf(err) != faultpb.Reason_REASON_SERVICE_UNAVAILABLE {
			t.Errorf("a closed book: %v", err)
		}
	}
	if found := sound(t, dir, 35); found.Files < 5 || found.Entries != 35 {
		t.Errorf("%+v", found)
	}
}

// A book without readings has no files.
func TestAnEmptyBook(t *testing.T) {
	dir := t.TempDir()
	b := opened(t, dir, nil)
	keep(t, b)
	if got := all(t, b); len(got) > 0 || b.Healthy() != nil {
		t.Errorf("%v, %v", got, b.Healthy())
	}
	if found := sound(t, dir, 0); found != (Verified{}) {
		t.Errorf("%+v", found)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

// Readings that are too large are refused, many are kept in several entries.
func TestSizes(t *testing.T) {
	dir := t.TempDir()
	b := opened(t, dir, nil)
	large := shown("lan", strings.Repeat("x", maxReading))
	wantReason(t, b.Keep(t.Context(), large), fault.KindInternal, faultpb.Reason_REASON_INTERNAL)
	var many []*readingpb.Reading
	for range 100 {
		many = append(many, shown("lan", strings.Repeat("x", maxReading-200)))
	}
	keep(t, b, many...)
	if found := sound(t, dir, 100); found.Entries < 6 {
		t.Errorf("%+v", found)
	}
}

// Whoever goes away waits no longer.
func TestWhoGoesAway(t *testing.T) {
	var held sync.Mutex
	b := opened(t, t.TempDir(), func(b *Book) {
		b.sync = func(f *os.File) error { held.Lock(); defer held.Unlock(); return logfile.Sync(f) }
	})
	held.Lock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Keep(ctx, shown("lan", "minh")); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	held.Unlock()
	keep(t, b, shown("lan", "hoa"))
	if got := all(t, b); len(got) != 2 {
		t.Errorf("%v", got)
	}
}
