//go:build system

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	planningpb "coso/proto/gen/coso/planning/v1"
	"coso/services/platform/store"

	"coso/deploy/internal/single"
)

// These tests need root and mounts, or a minute and more; `make test-system` runs them.

// smallDisk is a folder on a disk of its own, of a size as mount has it.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.Background(), "umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// fill leaves no room on a disk; it answers the file that takes it.
func fill(t *testing.T, disk string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(disk, "ballast")
	file, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 512; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	var left syscall.Statfs_t
	if err := syscall.Statfs(disk, &left); err != nil || left.Bavail > 0 {
		t.Fatalf("%d blocks are free, %v", left.Bavail, err)
	}
	return ballast
}

// batch is the path and body of a request that founds 20 organisations, and their ids.
func batch(n int) (path, body string, ids []string) {
	var rows []string
	for i := range 20 {
		id := fmt.Sprintf("d%d-%d", n, i)
		ids = append(ids, id)
		rows = append(rows, fmt.Sprintf(`{"organisationId":%q,"organisation":{"displayName":%q,"kind":"ORGANISATION_KIND_BASE_CELL","enterprise":"enterprises/tay-ho","unit":"units/tay-ho","foundedOn":"2020-05-05"}}`,
			id, "Chi bộ "+strings.Repeat("đầy ", 60)+id))
	}
	return "/v1/organisations:batchCreate", fmt.Sprintf(`{"requestId":"batch-%d","requests":[%s]}`, n, strings.Join(rows, ",")), ids
}

// The disk under all processes is full. What cannot be kept is refused, by name and in both languages, and is not there;
// what is there is read; readiness says why. With room again the refused request takes effect, once, and what follows from
// all of it is a recount's.
func TestFullDiskUnderAllProcesses(t *testing.T) {
	disk := smallDisk(t, "96m")
	dir := filepath.Join(disk, "data")
	f := newFleet(t, dir)
	f.up(names()...)
	f.ready(names()...)
	s, c := f.server, f.server.client(t)
	plan(t, f.server)
	told := &ledger{all: map[string]founding{}}
	send := func(n int) answer {
		path, body, ids := batch(n)
		a := s.call(t, "POST", path, body)
		if a.code == http.StatusOK {
			for _, id := range ids {
				told.note(id, founding{unit: "tay-ho"})
			}
		}
		return a
	}
	if a := send(0); a.code != http.StatusOK {
		t.Fatal(a.raw)
	}
	ballast := fill(t, disk)
	n, a := 0, answer{code: http.StatusOK}
	for a.code == http.StatusOK && n < 1000 {
		n++
		a = send(n)
	}
	mustRefuse(t, a, http.StatusServiceUnavailable, "DISK_FULL")
	f.says("registryd", "The server's disk is full")
	there(t, f.server.client(t), told)
	mustRefuse(t, send(n), http.StatusServiceUnavailable, "DISK_FULL")
	there(t, f.server.client(t), told)
	t.Logf("%d organisations founded until the disk was full", len(told.all))

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "the refused request takes effect", func() error {
		if a := send(n); a.code != http.StatusOK {
			return fmt.Errorf("it answers %d %s", a.code, a.raw)
		}
		return nil
	})
	for range 2 {
		n++
		if a := send(n); a.code != http.StatusOK {
			t.Errorf("with room again: %s", a.raw)
		}
	}
	there(t, c, told)
	within(t, 2*time.Minute, "all are ready", func() error {
		for _, name := range names()[1:] {
			if _, err := fetch(f.members[name].whole, http.StatusOK); err != nil {
				return err
			}
		}
		return nil
	})
	figures(t, c, told)
	f.stop(names()...)
	sound(t, dir)
}

// sound walks the journals of a stopped coso.
func sound(t *testing.T, dir string) {
	t.Helper()
	for _, service := range single.Services() {
		if _, err := store.VerifyFile(t.Context(), dir, service, nil); err != nil {
			t.Errorf("the journal of %s: %v", service, err)
		}
	}
}

// NATS is away for a minute and more while offices write: nothing that a service can do alone is refused, readiness says
// what waits, figures stand still; when it is back, each event takes effect once.
func TestNATSAwayForAMinuteUnderLoad(t *testing.T) {
	dir := t.TempDir()
	f := newFleet(t, dir)
	f.up(names()...)
	f.ready(names()...)
	c := f.server.client(t)
	plan(t, f.server)
	told := &ledger{all: map[string]founding{}, intakes: map[string]admission{}}
	f.kill("nats-server")
	seed := rand.Uint64()
	ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second)
	defer cancel()
	var writing sync.WaitGroup
	for i := range 2 {
		writing.Go(func() {
			if err := office(ctx, f.server.client(t), f.server.client(t), i, rand.New(rand.NewPCG(seed, uint64(i))), told); err != nil {
				t.Error(err)
			}
		})
	}
	for _, name := range []string{"registryd", "membershipd", "planningd", "awardd"} {
		f.says(name, "NATS does not answer")
	}
	writing.Wait()
	// Who says that he has seen a founding is not answered from a copy that has not.
	s := f.server
	a := s.call(t, "GET", "/v1/organisations?pageSize=1", "")
	mustRefuse(t, s.call(t, "GET", "/v1/intakes", "", "Coso-Position", a.pos), http.StatusServiceUnavailable, "POSITION_NOT_REACHED")
	p := &planningpb.Progress{}
	if err := f.server.client(t).Get(t.Context(), "/v1/units/ha-noi/progress", url.Values{"period": {"periods/2020"}, "asOf": {"2020-12-31"}}, p); err != nil {
		t.Error(err)
	} else if got := indicator(t, p, "cells").GetFigure().GetActualValue(); got != 0 {
		t.Errorf("planning counts %d without NATS", got)
	}
	if a := s.call(t, "GET", "/v1/nominations", ""); a.code != http.StatusOK || strings.Contains(a.raw, "nominations/") {
		t.Errorf("nominations without NATS: %s", a.raw)
	}
	there(t, f.server.client(t), told)
	admitted(t, f.server.client(t), told)
	if len(told.all) < 100 || len(told.intakes) < 100 {
		t.Error("the offices hardly wrote")
	}
	t.Logf("seed %d: %d organisations and %d intakes while NATS was away", seed, len(told.all), len(told.intakes))

	f.up("nats-server")
	f.ready(names()...)
	c = f.server.client(t)
	figures(t, c, told)
	f.stop(names()...)
	sound(t, dir)
}

// Bodies that come a byte at a time hold a connection for the 30 seconds that a request may take, and nobody else up.
func TestSlowBodiesForLong(t *testing.T) {
	s := town(t, start)
	host := strings.TrimPrefix(s.base, "http://")
	const limit = 40 * time.Second
	var dripping sync.WaitGroup
	for range 200 {
		conn := dial(t, s.base)
		dripping.Go(func() {
			begun := "POST /v1/organisations/thu-nghiem:withdraw HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
			if took, err := drip(conn, begun, limit); err != nil || took < 25*time.Second {
				t.Errorf("closed after %s, %v", took, err)
			}
		})
	}
	beside(t, s, 100, 2*time.Second)
	dripping.Wait()
	if a := s.call(t, "GET", "/v1/organisations/thu-nghiem", ""); a.body["revision"] != "1" {
		t.Errorf("half a request took effect: %s", a.raw)
	}
}
