package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who signs out is told so, also where nobody was signed in.
func TestSignOutSaysSo(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for lang, want := range map[string]string{"vi": "Không có ai đăng nhập http://127.0.0.1:1 trên máy này.\n", "en": "Nobody is signed in to http://127.0.0.1:1 on this machine.\n"} {
		if out, _, err := run(t, "sign-out", "--server", "http://127.0.0.1:1", "--lang", lang); err != nil || out != want {
			t.Errorf("says %q, %v", out, err)
		}
	}
}

// A start that is refused, here because another program has the port, leaves no data folder.
func TestARefusedStartLeavesNoFolder(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := filepath.Join(t.TempDir(), "data")
	if _, _, err := run(t, "up", "--data", dir, "--http", taken.Addr().String()); err == nil || !strings.Contains(err.Error(), "--http") {
		t.Fatalf("says %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there: %v", err)
	}
}
