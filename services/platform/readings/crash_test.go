package readings

import (
	"bufio"
	"context"
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

// kills is how often the test kills its writer; COSO_TEST_KILLS asks for more.
func kills(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("COSO_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 15
}

// keepUntilKilled keeps readings in small files and says on stdout what was kept.
func keepUntilKilled(dir string) error {
	b := open(Options{Dir: dir, Service: service}, func(b *Book) { b.most = 20_000 })
	run := rand.Uint64()
	failed := make(chan error)
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%x-%d-%d", run, w, i)
				if err := b.Keep(context.Background(), shown("lan", id)); err != nil {
					failed <- err
					return
				}
				mu.Lock()
				_, err := fmt.Fprintln(os.Stdout, id)
				mu.Unlock()
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// INV-READINGS-FIRST: whatever was answered before a kill -9 is in the book afterwards, once, and the book is whole. (That it is on
// the disk and not only in the machine's memory is fdatasync's matter, not this test's.)
func TestKill9(t *testing.T) {
	dir := t.TempDir()
	answered := map[string]bool{}
	for range kills(t) {
		runAndKill(t, dir, time.Duration(rand.IntN(40))*time.Millisecond, answered)
		b := opened(t, dir, nil)
		if err := b.Healthy(); err != nil {
			t.Fatal(err)
		}
		there := map[string]int{}
		readings := all(t, b)
		for _, r := range readings {
			there[strings.TrimPrefix(r.GetResources()[0], "accounts/")]++
		}
		for id := range answered {
			if there[id] != 1 {
				t.Fatalf("%s was answered and is there %d times", id, there[id])
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		sound(t, dir, len(readings))
	}
	if len(answered) == 0 {
		t.Fatal("nothing was answered")
	}
	t.Logf("%d answered", len(answered))
}

// runAndKill lets a writer work for a while after its first answer and kills it.
func runAndKill(t *testing.T, dir string, after time.Duration, answered map[string]bool) {
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
	lines := bufio.NewReader(out)
	var once sync.Once
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that the kill cut does not count
		}
		once.Do(func() {
			time.AfterFunc(after, func() {
				if err := cmd.Process.Kill(); err != nil {
					t.Errorf("kill: %v", err)
				}
			})
		})
		answered[strings.TrimSpace(line)] = true
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the writer was not killed: %v", err)
	}
}
