//go:build system

package cage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests need root; make faults runs them. Each runs in one cage, which is this very program, begun by TestMain.

// marked is a variable by which a process that was begun in the cage is found from outside.
const marked = "COSO_CAGE_TEST"

func TestMain(m *testing.M) {
	if os.Getpid() == 1 {
		if err := Enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(outside())
}

// outside runs the tests in a cage and looks whether something of it is left.
func outside() int {
	if err := Possible(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	mark := strconv.Itoa(os.Getpid())
	code := 0
	if err := os.Setenv(marked, mark); err != nil {
		code = 1
	}
	if err := Run(context.Background(), os.Stdout, os.Stderr, os.Args[1:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), "coso-cage-test") {
		fmt.Fprintln(os.Stderr, "mounts of the cage are left:", err)
		code = 1
	}
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(environments) == 0 {
		fmt.Fprintln(os.Stderr, "processes cannot be seen:", err)
		code = 1
	}
	for _, file := range environments {
		text, err := os.ReadFile(file) // a process that has ended meanwhile is none that is left
		if err == nil && file != "/proc/"+mark+"/environ" && strings.Contains(string(text), marked+"="+mark+"\x00") {
			fmt.Fprintln(os.Stderr, "a process of the cage is left:", file)
			code = 1
		}
	}
	return code
}

// on runs something in the network of a host.
func on(t *testing.T, host string, do func() error) error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never let go: the thread ends with this
		f, err := os.Open("/run/netns/" + host)
		if err != nil {
			failed <- err
			return
		}
		defer func() { _ = f.Close() }() // it was only read
		const setns = 308
		if _, _, errno := syscall.Syscall(setns, f.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
			failed <- errno
			return
		}
		failed <- do()
	}()
	return <-failed
}

// A cut loses what goes one way and nothing else; what is parted or unplugged hears nothing; healed, all hear all.
func TestNetwork(t *testing.T) {
	ctx := t.Context()
	n, err := NewNetwork(ctx, "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	sockets := map[string]net.PacketConn{}
	for _, host := range []string{"one", "two"} {
		if err := on(t, host, func() error {
			var err error
			sockets[host], err = (&net.ListenConfig{}).ListenPacket(ctx, "udp4", n.At(host)+":9")
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	asked := 0
	hears := func(from, to string, limit time.Duration) bool {
		t.Helper()
		asked++ // words of earlier questions may still be on their way
		text := fmt.Sprintf("%s-%d", from, asked)
		addr, word := &net.UDPAddr{IP: net.ParseIP(n.At(to)), Port: 9}, make([]byte, 16)
		for over := time.Now().Add(limit); time.Now().Before(over); {
			if _, err := sockets[from].WriteTo([]byte(text), addr); err != nil && !errors.Is(err, syscall.EHOSTUNREACH) {
				t.Fatal(err)
			}
			if err := sockets[to].SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			for {
				got, _, err := sockets[to].ReadFrom(word)
				if err != nil {
					break
				}
				if string(word[:got]) == text {
					return true
				}
			}
		}
		return false
	}
	limit := map[bool]time.Duration{true: 10 * time.Second, false: 500 * time.Millisecond}
	expect := func(when string, there, back bool) {
		t.Helper()
		if got := hears("one", "two", limit[there]); got != there {
			t.Errorf("%s: two hears one: %t", when, got)
		}
		if got := hears("two", "one", limit[back]); got != back {
			t.Errorf("%s: one hears two: %t", when, got)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect("at first", true, true)
	do(n.Cut(ctx, "one", "two"))
	expect("cut", false, true)
	do(n.Heal(ctx))
	expect("healed", true, true)
	do(n.Part(ctx, []string{"one"}, []string{"two"}))
	expect("parted", false, false)
	do(n.Heal(ctx))
	do(n.Unplug(ctx, "two"))
	expect("unplugged", false, false)
	do(n.Heal(ctx))
	expect("healed again", true, true)
}

// unmounted takes a disk away at the end of a test.
func unmounted(t *testing.T, d *Disk) {
	t.Helper()
	t.Cleanup(func() {
		if err := d.Unmount(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// A power cut loses what was not synced and keeps what was.
func TestPowerCut(t *testing.T) {
	ctx := t.Context()
	d, err := NewDisk(ctx, filepath.Join(t.TempDir(), "coso-cage-test"), 64)
	if err != nil {
		t.Fatal(err)
	}
	unmounted(t, d)
	kept, lost := filepath.Join(d.At, "kept"), filepath.Join(d.At, "lost")
	for _, file := range []string{kept, lost} {
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString("acknowledged")
		if file == kept {
			err = errors.Join(err, f.Sync())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.PowerCut(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.At, "after"), []byte("x"), 0o600); err == nil {
		t.Error("a disk without power takes a file")
	}
	if err := errors.Join(d.Unmount(ctx), d.Mount(ctx)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "acknowledged" {
		t.Errorf("what was synced is %q, %v", text, err)
	}
	if text, err := os.ReadFile(lost); err == nil && string(text) == "acknowledged" {
		t.Error("what was not synced is there")
	}
}

// A full disk takes nothing more until it is cleared.
func TestFullDisk(t *testing.T) {
	d, err := NewSmallDisk(t.Context(), filepath.Join(t.TempDir(), "coso-cage-test"), 4)
	if err != nil {
		t.Fatal(err)
	}
	unmounted(t, d)
	file, text := filepath.Join(d.At, "file"), make([]byte, 256<<10)
	if err := d.Fill(64); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk takes a file: %v", err)
	}
	for range 2 {
		if err := d.Clear(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Errorf("a cleared disk takes nothing: %v", err)
	}
}

// A process runs on its host, is paused, goes on, is killed and started again; one that does not stop is killed and named. One is left
// running, for the end of the cage.
func TestProcess(t *testing.T) {
	ctx := t.Context()
	if err := command(ctx, "ip", "netns", "add", "host"); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the test reads it by name
	p := &Process{Name: "p", Host: "host", Args: []string{"sh", "-c", "trap '' TERM; ip netns identify $$; while :; do sleep 1; done"}, Log: log}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for over := time.Now().Add(10 * time.Second); said == "" && time.Now().Before(over); {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		said = string(text)
	}
	if said != "host\n" {
		t.Errorf("it runs on the host %q", said)
	}
	if err := p.Start(); err == nil {
		t.Error("it is started twice")
	}
	if err := errors.Join(p.Signal(syscall.SIGSTOP), p.Signal(syscall.SIGCONT)); err != nil || !p.Runs() {
		t.Errorf("paused: %v", err)
	}
	if err := p.Stop(time.Second); err == nil || p.Runs() {
		t.Errorf("it does not stop, and nobody says so: %v", err)
	}
	if err := p.Signal(syscall.SIGCONT); err == nil {
		t.Error("a dead one takes signals")
	}
	p = &Process{Name: "q", Host: "host", Args: []string{"sleep", "1000"}, Log: io.Discard}
	if err := errors.Join(p.Start(), p.Kill(), p.Kill(), p.Start()); err != nil || !p.Runs() {
		t.Errorf("killed and started again: %v", err)
	}
}

// A flipped bit is one bit.
func TestFlip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Flip(file, 1); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "arc" {
		t.Errorf("it is %q, %v", text, err)
	}
}
