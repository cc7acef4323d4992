//go:build system

package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"coso/services/platform/fault"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// These tests need root, mounts and strace; `make test-system` runs them.

// traced runs a writer under strace until it has acknowledged enough or cannot go on, and answers what it acknowledged and
// the trace.
func traced(t *testing.T, dir string, enough int, injection string) (acknowledged map[int]int64, trace []traceCall) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-ttt", "-T", "-s", "40", "-o", log, "-y",
		"-e", "trace=fdatasync,write", "-e", "inject=fdatasync:"+injection, os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashEnough+"="+strconv.Itoa(enough))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged = map[int]int64{}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		id, revision, ok := strings.Cut(lines.Text(), " ")
		n, err1 := strconv.Atoi(id)
		rev, err2 := strconv.ParseInt(revision, 10, 64)
		if ok && err1 == nil && err2 == nil {
			acknowledged[n] = max(acknowledged[n], rev)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself without an error")
	}
	return acknowledged, readTrace(t, log)
}

// traceCall is one traced system call.
type traceCall struct {
	start, end time.Duration
	sync, ack  bool
	failed     bool
}

var (
	syncLine = regexp.MustCompile(`^\d+ +(\d+\.\d+) fdatasync\(\d+<[^>]*\.wal\d>\) += (-?\d+).*<(\d+\.\d+)>$`)
	syncOpen = regexp.MustCompile(`^(\d+) +(\d+\.\d+) fdatasync\(\d+<[^>]*\.wal\d> <unfinished \.\.\.>$`)
	syncDone = regexp.MustCompile(`^(\d+) +(\d+\.\d+) <\.\.\. fdatasync resumed>\) += (-?\d+).*$`)
	ackLine  = regexp.MustCompile(`^\d+ +(\d+\.\d+) write\(1<[^>]*>, "\d+ \d+\\n"`)
)

// readTrace reads the syncs of the log, and the acknowledgements, of a trace. (Checkpoints sync the data file, for which
// nobody waits.)
func readTrace(t *testing.T, log string) []traceCall {
	t.Helper()
	raw, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	moment := func(s string) time.Duration {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(f * float64(time.Second))
	}
	open := map[string]time.Duration{}
	var out []traceCall
	for line := range strings.SplitSeq(string(raw), "\n") {
		if m := syncLine.FindStringSubmatch(line); m != nil {
			out = append(out, traceCall{start: moment(m[1]), end: moment(m[1]) + moment(m[3]), sync: true, failed: m[2] != "0"})
		} else if m := syncOpen.FindStringSubmatch(line); m != nil {
			open[m[1]] = moment(m[2])
		} else if m := syncDone.FindStringSubmatch(line); m != nil && open[m[1]] != 0 {
			out = append(out, traceCall{start: open[m[1]], end: moment(m[2]), sync: true, failed: m[3] != "0"})
			delete(open, m[1])
		} else if m := ackLine.FindStringSubmatch(line); m != nil {
			out = append(out, traceCall{start: moment(m[1]), end: moment(m[1]), ack: true})
		}
	}
	return out
}

// lag is how long an acknowledgement may take from the end of its sync to the writer's output.
const lag = 150 * time.Millisecond

// While fdatasync is held, nobody is told anything.
func TestNothingIsAcknowledgedWhileTheSyncIsHeld(t *testing.T) {
	acknowledged, trace := traced(t, t.TempDir(), 300, "delay_enter=400000:when=8+")
	syncs, acks := 0, 0
	for _, c := range trace {
		switch {
		case c.ack:
			acks++
		case c.end-c.start > 2*lag:
			syncs++
			for _, a := range trace {
				if a.ack && a.start > c.start+lag && a.start < c.end {
					t.Fatalf("acknowledged at %s, while a sync was held from %s to %s", a.start, c.start, c.end)
				}
			}
		}
	}
	if syncs < 3 || acks < 100 || len(acknowledged) < 40 {
		t.Fatalf("the trace shows %d held syncs and %d acknowledgements: the test saw too little", syncs, acks)
	}
	t.Logf("%d held syncs, %d acknowledgements, none while held", syncs, acks)
}

// Once fdatasync fails, nothing is acknowledged any more, and what was before is there.
func TestNothingIsAcknowledgedAfterASyncFailed(t *testing.T) {
	dir := t.TempDir()
	acknowledged, trace := traced(t, dir, 1<<30, "error=EIO:when=60+")
	var first time.Duration
	for _, c := range trace {
		if c.sync && c.failed && (first == 0 || c.end < first) {
			first = c.end
		}
	}
	if first == 0 || len(acknowledged) == 0 {
		t.Fatalf("no sync failed, or nothing was acknowledged before: %d acknowledged", len(acknowledged))
	}
	for _, c := range trace {
		if c.ack && c.start > first+lag {
			t.Fatalf("acknowledged at %s, a sync had failed at %s", c.start, first)
		}
	}
	checkAfterKill(t, dir, acknowledged)
}

// A full disk is a clear refusal; when there is room again, writing goes on, and nothing acknowledged is lost.
func TestFullDiskForReal(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 50<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, filepath.Join(dir, "data"), func(o *Options) { o.Clock, o.MapSize = nil, 64<<20 })
	fill := func(i int) error {
		_, err := Update(caller(), b.Store, &registrypb.UpdateEnterpriseRequest{}, func(tx *Tx) (*registrypb.Enterprise, error) {
			e := enterprise(i, "units/u", fmt.Sprint(i))
			u := &registrypb.Unit{Name: fmt.Sprintf("units/%d", i), DisplayName: strings.Repeat("x", 30<<10)}
			if err := b.units.Put(tx, u); err != nil {
				return nil, err
			}
			return b.enterprises.Create(tx, e, &registrypb.EnterpriseCreated{})
		})
		return err
	}
	written := 0
	var err error
	for err == nil && written < 1000 {
		if err = fill(written); err == nil {
			written++
		}
	}
	if fault.KindOf(err) != fault.KindUnavailable || written == 0 {
		t.Fatalf("after %d records: %v", written, err)
	}
	if n := count(t, b); n != written {
		t.Errorf("%d records while the disk is full, %d were acknowledged", n, written)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "there is room again", func() bool { return fill(written) == nil })
	for i := range 9 {
		if err := fill(written + 1 + i); err != nil {
			t.Fatalf("with room again: %v", err)
		}
	}
	if n := count(t, b); n != written+10 {
		t.Errorf("%d records in the end, want %d", n, written+10)
	}
	b.check(t)
	t.Logf("%d records before the disk was full", written)
}
