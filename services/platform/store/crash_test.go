package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// crashDir, when set, turns the test binary into a writer that runs until it is killed.
const crashDir = "COSO_TEST_CRASH_DIR"

var errEnough = errors.New("enough was acknowledged")

// crashEnough, when set, ends the writer by itself after so many acknowledgements.
const crashEnough = "COSO_TEST_CRASH_ENOUGH"

// kills is how often the crash test kills its writer; COSO_TEST_KILLS asks for more.
func kills(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("COSO_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20
}

// writeUntilKilled creates enterprises and changes them, and says on stdout what was acknowledged.
func writeUntilKilled(dir string) error {
	sc := newSchema()
	s, err := Open(Options{Dir: dir, Service: "registry", Schema: sc.all})
	if err != nil {
		return err
	}
	b := &bench{schema: sc, Store: s}
	first := int(s.Head().GetEvents()) * 100
	enough, _ := strconv.Atoi(os.Getenv(crashEnough)) // without one, 0 is never reached
	said := 0
	failed := make(chan error)
	var mu sync.Mutex
	say := func(id int, revision int64) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := fmt.Fprintf(os.Stdout, "%d %d\n", id, revision); err != nil {
			panic(err)
		}
		if said++; said == enough {
			failed <- errEnough
		}
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := first + i*8 + w
				e, err := create(caller(), b, enterprise(id, "units/u", fmt.Sprint(id)), fmt.Sprintf("r-%d", id))
				if err != nil {
					failed <- err
					return
				}
				say(id, e.GetRevision())
				if e, err = rename(caller(), b, e.GetName(), "Đổi tên", e.GetEtag()); err != nil {
					failed <- err
					return
				}
				say(id, e.GetRevision())
			}
		}()
	}
	return <-failed
}

// INV-STORE-DURABLE: whatever was acknowledged before a kill -9 is there afterwards, once, in a whole chain with all its
// events in order. (That it is on the disk and not only in the machine's memory is fdatasync's matter, not this test's.)
func TestKill9(t *testing.T) {
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	acknowledged := map[int]int64{}
	for range kills(t) {
		runAndKill(t, dir, time.Duration(r.IntN(40))*time.Millisecond, acknowledged)
		checkAfterKill(t, dir, acknowledged)
	}
	if len(acknowledged) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	t.Logf("%d enterprises acknowledged", len(acknowledged))
}

// runAndKill lets a writer work for a while after its first acknowledgement and kills it.
func runAndKill(t *testing.T, dir string, after time.Duration, acknowledged map[int]int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var once sync.Once
	for lines.Scan() {
		once.Do(func() {
			time.AfterFunc(after, func() {
				if err := cmd.Process.Kill(); err != nil {
					t.Errorf("kill: %v", err)
				}
			})
		})
		id, revision, ok := strings.Cut(lines.Text(), " ")
		n, err1 := strconv.Atoi(id)
		rev, err2 := strconv.ParseInt(revision, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			continue // the line that the kill cut
		}
		acknowledged[n] = max(acknowledged[n], rev)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer was not killed: %v", err)
	}
}

func checkAfterKill(t *testing.T, dir string, acknowledged map[int]int64) {
	t.Helper()
	b := open(t, dir, func(o *Options) { o.Clock = nil })
	defer b.check(t)
	told := map[string]int64{}
	next := uint64(1)
	for {
		events, err := b.Events(context.Background(), next, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if e.Number != next {
				t.Fatalf("event %d follows event %d", e.Number, next-1)
			}
			next++
			told[e.Subject]++
		}
	}
	for id, revision := range acknowledged {
		e, err := get(b, fmt.Sprintf("enterprises/e%d", id))
		if err != nil || e.GetRevision() < revision {
			t.Errorf("enterprise %d was acknowledged at revision %d, there is %v (%v)", id, revision, e, err)
			continue
		}
		if told[e.GetName()] != e.GetRevision() {
			t.Errorf("enterprise %d at revision %d has %d events", id, e.GetRevision(), told[e.GetName()])
		}
		again, err := create(caller(), b, enterprise(id, "units/u", fmt.Sprint(id)), fmt.Sprintf("r-%d", id))
		if err != nil || again.GetRevision() != e.GetRevision() {
			t.Errorf("the repeated request for %d answers %v (%v)", id, again, err)
		}
	}
	if uint64(len(told)) == 0 || b.Head().GetEvents() != next-1 {
		t.Errorf("%d events read, the head counts %d", next-1, b.Head().GetEvents())
	}
}
