package readings

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"coso/services/platform/logfile"
	"coso/services/platform/store"

	readingpb "coso/proto/gen/coso/reading/v1"
)

// clock is set by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) at() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// kept is the model: what was kept, and when.
type kept struct {
	*readingpb.Reading

	moment time.Time
}

// A random script of readings, failures, restarts, torn ends and clocks that are set, held against a list: the book holds what the
// list holds, and answers every question as the list does.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		d, now := &disk{}, &clock{now: time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)}
		begin := func() *Book {
			return open(Options{Dir: dir, Service: service, Logger: slog.New(slog.DiscardHandler), Clock: now.at}, func(b *Book) {
				d.under(b)
				b.most, b.again = 900, time.Millisecond
			})
		}
		b := begin()
		defer func() { _ = b.Close() }() // Close's error is judged below
		var model []kept
		var moment time.Time
		rt.Repeat(map[string]func(*rapid.T){
			"keep": func(rt *rapid.T) {
				if next := now.at(); next.After(moment) {
					moment = next
				}
				var batch []*readingpb.Reading
				for range rapid.IntRange(1, 4).Draw(rt, "readings") {
					r := shown(rapid.SampledFrom([]string{"lan", "minh"}).Draw(rt, "by"), rapid.SampledFrom([]string{"hoa", "tuan"}).Draw(rt, "of"))
					r.Unit = rapid.SampledFrom([]string{"", "units/a", "units/b"}).Draw(rt, "unit")
					r.OnBehalfOf = rapid.SampledFrom([]string{"", "principals/lan"}).Draw(rt, "for")
					batch = append(batch, r)
					model = append(model, kept{proto.CloneOf(r), moment})
				}
				if err := b.Keep(t.Context(), batch...); err != nil {
					rt.Fatal(err)
				}
			},
			"fail": func(rt *rapid.T) {
				part := rapid.IntRange(0, 100).Draw(rt, "percent written")
				d.become(func(f *os.File, raw []byte, at int64) error {
					if _, err := f.WriteAt(raw[:len(raw)*part/100], at); err != nil {
						return err
					}
					return syscall.ENOSPC
				}, nil)
				if err := b.Keep(t.Context(), shown("lost", "hoa")); err == nil {
					rt.Fatal("kept on a full disk")
				}
				d.become(nil, nil)
				until(t, "it is back", func() bool { return b.Ready() == nil })
				if next := now.at(); next.After(moment) {
					moment = next // the probe's
				}
			},
			"clock": func(rt *rapid.T) {
				now.set(now.at().Add(time.Duration(rapid.IntRange(-5, 20).Draw(rt, "minutes")) * time.Minute))
			},
			"restart": func(rt *rapid.T) {
				if err := b.Close(); err != nil {
					rt.Fatal(err)
				}
				if len(model) > 0 {
					tear(rt, dir)
				}
				b = begin()
			},
			"": func(rt *rapid.T) {
				if err := b.Healthy(); err != nil {
					rt.Fatal(err)
				}
				agree(t, rt, b, model, now.at())
			},
		})
		if err := b.Close(); err != nil {
			rt.Fatal(err)
		}
		if found, err := Verify(t.Context(), dir, service, nil); err != nil || found.Readings != uint64(len(model)) {
			rt.Fatalf("%+v, %v; want %d", found, err, len(model))
		}
	})
}

// tear leaves the beginning of an entry at the end of the last file, as a kill does.
func tear(rt *rapid.T, dir string) {
	paths, err := filesOf(dir, service)
	if err != nil {
		rt.Fatal(err)
	}
	record := logfile.Append(nil, 1_000_000, []byte("an entry that was being written"))
	record = record[:rapid.IntRange(0, len(record)-1).Draw(rt, "torn")]
	f, err := os.OpenFile(filepath.Clean(paths[len(paths)-1]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		rt.Fatal(err)
	}
	if _, err := f.Write(record); err != nil {
		rt.Fatal(err)
	}
	if err := f.Close(); err != nil {
		rt.Fatal(err)
	}
}

// agree asks a random question of the book and of the model, page by page.
func agree(t *testing.T, rt *rapid.T, b *Book, model []kept, now time.Time) {
	t.Helper()
	q := Query{
		Principal: rapid.SampledFrom([]string{"", "principals/lan", "principals/none"}).Draw(rt, "principal"),
		Resource:  rapid.SampledFrom([]string{"", "accounts/hoa"}).Draw(rt, "resource"),
		Unit:      rapid.SampledFrom([]string{"", "units/a"}).Draw(rt, "in"),
		Scope:     rapid.SampledFrom([]store.Scope{{Everywhere: true}, store.ScopeOf([]string{"units/a"}), store.ScopeOf(nil)}).Draw(rt, "scope"),
		Size:      rapid.IntRange(1, 5).Draw(rt, "size"),
	}
	if rapid.Bool().Draw(rt, "limited") {
		q.From = now.Add(-time.Duration(rapid.IntRange(0, 60).Draw(rt, "from")) * time.Minute)
		q.To = q.From.Add(time.Duration(rapid.IntRange(0, 60).Draw(rt, "to")) * time.Minute)
	}
	var want, got []string
	for i, r := range slices.Backward(model) {
		in := q.Scope.Everywhere || r.GetUnit() != "" && q.Scope.Has(r.GetUnit())
		if in && (q.Principal == "" || r.GetPrincipal() == q.Principal || r.GetOnBehalfOf() == q.Principal) && (q.Unit == "" || r.GetUnit() == q.Unit) &&
			(q.Resource == "" || r.GetResources()[0] == q.Resource) && (q.From.IsZero() || !r.moment.Before(q.From) && r.moment.Before(q.To)) {
			want = append(want, fmt.Sprintf("services/identity/readings/%d %s %s", i+1, r.moment, r.GetPrincipal()))
		}
	}
	for {
		found, next, err := b.Find(t.Context(), q)
		if err != nil || len(found) > q.Size {
			rt.Fatalf("%d found, %v", len(found), err)
		}
		for _, r := range found {
			got = append(got, fmt.Sprintf("%s %s %s", r.GetName(), r.GetReadTime().AsTime(), r.GetPrincipal()))
		}
		if next == 0 {
			break
		}
		q.Below = next
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("found %v, want %v", got, want)
	}
}

// Many keep and look at once; nobody waits for ever, and nothing is lost.
func TestManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	b := opened(t, dir, func(b *Book) { b.most = 5000 })
	var g sync.WaitGroup
	for w := range 16 {
		g.Go(func() {
			for i := range 20 {
				if err := b.Keep(t.Context(), shown(fmt.Sprintf("p%d", w), fmt.Sprintf("a%d", i))); err != nil {
					t.Error(err)
				}
				q := Query{Principal: fmt.Sprintf("principals/p%d", w), Scope: store.Scope{Everywhere: true}, Size: 500}
				if found, _, err := b.Find(t.Context(), q); err != nil || len(found) != i+1 {
					t.Errorf("%d found of %d, %v", len(found), i+1, err)
				}
			}
		})
	}
	g.Wait()
	found := sound(t, dir, 320)
	t.Logf("%+v", found)
}

// BenchmarkKeep measures how many readings a second are on the disk.
func BenchmarkKeep(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("%d callers", callers), func(b *testing.B) {
			book := opened(b, b.TempDir(), nil)
			var g sync.WaitGroup
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			b.ResetTimer()
			for range callers {
				g.Go(func() {
					for range left {
						if err := book.Keep(b.Context(), shown("lan", "minh")); err != nil {
							b.Error(err)
						}
					}
				})
			}
			g.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "readings/s")
		})
	}
}
