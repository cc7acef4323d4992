package position

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"coso/services/platform/rpc"
	"coso/services/platform/token"

	"coso/gateway/internal/caller"
	"coso/gateway/internal/exchange"
)

const journal = "registry=0198f0c2-0000-7000-8000-00000000000a:"

// INV-POSITION-BOUNDED
func TestSoManyAreRemembered(t *testing.T) {
	m := New(time.Now)
	m.note("often", "registry", word{event: journal + "7"}, true)
	var others sync.WaitGroup
	for part := range 4 {
		others.Go(func() {
			for i := range most {
				who := fmt.Sprint(part, "-", i)
				m.note(who, "registry", word{event: journal + "7"}, true)
				if m.known(who, "registry").positions == "" {
					t.Errorf("%s is forgotten at once", who)
				}
				if m.known("often", "registry").positions == "" {
					t.Error("who asks often is forgotten")
				}
			}
		})
	}
	others.Wait()
	if n := len(m.lately) + len(m.before); n > 2*most || n < most {
		t.Errorf("%d are remembered", n)
	}
	if m.known("0-0", "registry").positions != "" {
		t.Error("who asked long ago is remembered")
	}
}

// FuzzNote: whatever a service says of its positions, what is told next time can be read, and is no more than a position of each
// service.
func FuzzNote(f *testing.F) {
	for _, seed := range []string{"", journal + "7", journal + "7,planning=0198f0c2-0000-7000-8000-00000000000b:3", "registry=:1", "=:0", ",", journal + "18446744073709551616"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, said string) {
		m := New(time.Now)
		m.note("lan", "registry", word{event: journal + "7"}, false)
		m.note("lan", "registry", word{said, said}, false)
		again := New(time.Now)
		again.note("lan", "registry", word{event: m.known("lan", "planning").positions}, false)
		if got, want := again.known("lan", "planning"), m.known("lan", "planning"); got != want || want.positions == "" {
			t.Fatalf("after %q: %v is read as %v", said, want, got)
		}
	})
}

// INV-POSITION-OWN: a read that waits for another journal is made again without, before its own time is over; a change is not.
func TestReadsThatWaitAreMadeAgain(t *testing.T) {
	for _, reads := range []bool{true, false} {
		m := New(time.Now)
		m.patience = 20 * time.Millisecond
		m.note("lan", "registry", word{event: journal + "7"}, false)
		conn := &waiting{}
		served := false
		exchange.Handler(slog.New(slog.DiscardHandler), false, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), 200*time.Millisecond)
			defer cancel()
			err := m.Over("planning", conn).Invoke(caller.With(ctx, &caller.Caller{Claims: token.Claims{Principal: "lan"}}), "", nil, nil)
			if served = err == nil; served != reads {
				t.Errorf("reads %v: %v", reads, err)
			}
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), map[bool]string{true: "GET", false: "POST"}[reads], "/", http.NoBody))
		if want := map[bool]int{true: 2, false: 1}[served]; conn.calls != want {
			t.Errorf("reads %v: called %d times, want %d", reads, conn.calls, want)
		}
	}
}

// waiting answers who tells no positions; the others wait until their time is over.
type waiting struct {
	grpc.ClientConnInterface

	calls int
}

func (w *waiting) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	w.calls++
	if sent, _ := metadata.FromOutgoingContext(ctx); len(sent.Get(rpc.PositionHeader)) == 0 {
		return nil
	}
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}
