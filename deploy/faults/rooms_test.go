package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What a killed run has left is cleared away by the next; what another one that goes on has, and other folders, are not.
func TestRooms(t *testing.T) {
	in := t.TempDir()
	left, other := filepath.Join(in, rooms+"left"), filepath.Join(in, rooms+"other")
	for _, dir := range []string{left, other} {
		if err := os.MkdirAll(filepath.Join(dir, "disk"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(left, taken), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running, vacate, err := occupy(in)
	if err != nil {
		t.Fatal(err)
	}
	second, vacateSecond, err := occupy(in)
	if err != nil {
		t.Fatal(err)
	}
	for dir, there := range map[string]bool{left: false, other: true, running: true, second: true} {
		if _, err := os.Stat(dir); (err == nil) != there {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	}
	for _, end := range []func() error{vacate, vacateSecond} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if all, err := os.ReadDir(in); len(all) != 1 || err != nil {
		t.Errorf("left: %v, %v", all, err)
	}
}
