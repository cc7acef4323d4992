package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"coso/deploy/demo"
	"coso/deploy/internal/single"
	"coso/deploy/internal/single/singletest"
	"coso/deploy/internal/trial"

	feedpb "coso/proto/gen/coso/feed/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// golden holds a text against a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if this is meant:\n%s", file, diff)
	}
}

// serve runs a coso on a folder until stop.
func serve(t *testing.T, dir string) (base string, stop func()) {
	t.Helper()
	return singletest.Start(t, single.Options{Dir: dir})
}

func TestFeedStatusOfWhatStopped(t *testing.T) {
	var out bytes.Buffer
	err := showFeed(&out, []*feedpb.FeedStatus{
		{Service: "registry", Relay: &feedpb.RelayStatus{JournalSequence: 1204, PublishedSequence: 1200, Alarm: "stream COSO_REGISTRY: it was made for another journal"}},
		{Service: "membership", Relay: &feedpb.RelayStatus{Rebuilds: 2}, Followers: []*feedpb.FollowerStatus{
			{Source: "registry", Sequence: 1204, HeadSequence: 1204, Age: durationpb.New(1300 * time.Millisecond)},
		}},
		{Service: "planning", Relay: &feedpb.RelayStatus{JournalSequence: 9, PublishedSequence: 9}, Followers: []*feedpb.FollowerStatus{
			{Source: "membership"},
			{
				Source: "registry", Sequence: 5, HeadSequence: 1204, Age: durationpb.New(6*time.Minute + 2*time.Second), StoppedAt: 6,
				Alarm: "Following registry stopped at event 6; the administrator must look at the log. (follow registry: event 6, coso.registry.v1.OrganisationFounded: no)",
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "feed-stopped.txt", out.String())
}

// The demo in a running coso: status, refusals of skip, and verify once it has stopped, with the data whole and damaged.
func TestFeedAndVerifyCommands(t *testing.T) {
	dir := t.TempDir()
	base, stop := serve(t, dir)
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	loadDemo(t, base)
	for deadline := time.Now().Add(30 * time.Second); ; {
		status, _, err := run(t, "feed", "--data", dir, "status")
		if err != nil {
			t.Fatal(err)
		}
		if whole(status) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled within 30 s:\n%s", status)
		}
	}
	t.Run("skip", func(t *testing.T) { skipRefusals(t, dir) })
	t.Run("verify while it runs", func(t *testing.T) {
		began := time.Now()
		if _, _, err := run(t, "verify", "--lang", "en", "--data", dir); err == nil || !strings.Contains(err.Error(), "used by a running coso; stop it") {
			t.Errorf("says %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s to say so", took)
		}
	})
	stop()
	stopped = true
	if _, _, err := run(t, "feed", "--data", dir, "status"); err == nil || !strings.Contains(err.Error(), "no coso runs on the data in "+dir) {
		t.Errorf("feed status on a stopped coso says %v", err)
	}
	out, _, err := run(t, "verify", "--lang", "en", "--data", dir)
	if err != nil || strings.Count(out, "OK\n") != 6 { // five journals, and who read personal data
		t.Errorf("verify says %v:\n%s", err, out)
	}
	damage(t, filepath.Join(dir, "registry.db"))
	out, _, err = run(t, "verify", "--lang", "en", "--data", dir)
	if err == nil || !strings.Contains(err.Error(), "1 of 5 journals are damaged") || strings.Count(out, "OK\n") != 5 || !strings.Contains(out, "DAMAGED at entry") {
		t.Errorf("verify of damaged data says %v:\n%s", err, out)
	}
	if err := os.Truncate(filepath.Join(dir, "award.db"), 40_000); err != nil {
		t.Fatal(err)
	}
	if out, _, err = run(t, "verify", "--lang", "en", "--data", dir); err == nil || !strings.Contains(err.Error(), "2 of 5 journals are damaged") {
		t.Errorf("verify of a file cut short says %v:\n%s", err, out)
	}
}

// loadDemo loads the demo, and answers the people there.
func loadDemo(t *testing.T, base string) *singletest.People {
	t.Helper()
	people := singletest.At(base)
	files, err := demo.Set("hanoi-2020")
	if err != nil {
		t.Fatal(err)
	}
	set, err := trial.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Load(t.Context(), people.Client(t), people.Lan(t).Client, func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	return people
}

// whole says whether every event was published and taken.
func whole(status string) bool {
	rows := regexp.MustCompile(`(?m)^\w+ +(?:[a-z]+ +)?(\d+) +(\d+) .*$`).FindAllStringSubmatch(status, -1)
	for _, r := range rows {
		if r[1] != r[2] || strings.Contains(r[0], "unknown") {
			return false
		}
	}
	return len(rows) == 11 // five relays, six followers
}

func skipRefusals(t *testing.T, dir string) {
	t.Helper()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"planning", "registry", "1"}, "--reason"},
		{[]string{"planning", "registry", "1", "--reason", "no need"}, "did not stop at event 1"},
		{[]string{"planing", "registry", "1", "--reason", "no need"}, "there are registry, membership, planning, award"},
		{[]string{"planning", "award", "1", "--reason", "no need"}, "award"},
		{[]string{"planning", "registry", "0", "--reason", "no need"}, "sequence"},
	} {
		_, _, err := run(t, append([]string{"feed", "--data", dir, "skip"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("skip %v says %v, want %s", c.args, err, c.want)
		}
	}
}

// damage changes one letter of a name, wherever it stands in the file.
func damage(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.ReplaceAll(raw, []byte("Quận ủy Cầu Giấy"), []byte("Quận ủy Cầu Giẫy"))
	if bytes.Equal(raw, changed) || len(raw) != len(changed) {
		t.Fatal("the name is not in the file")
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyWithoutData(t *testing.T) {
	if _, _, err := run(t, "verify", "--lang", "en", "--data", t.TempDir()); err == nil || !strings.Contains(err.Error(), "name the data folder with --data") {
		t.Errorf("says %v", err)
	}
	if _, _, err := run(t, "feed", "--data", "/"+strings.Repeat("d", 100), "status"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("says %v", err)
	}
}
