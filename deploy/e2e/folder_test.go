package e2e

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/single"
	"coso/gateway/front"
)

// A folder that lost one of its stores is refused by name; a store made anew would miss what the others have counted.
func TestAFolderThatLostAStore(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).stop()
	for name, lose := range map[string]func(file string) error{
		"gone":  os.Remove,
		"empty": func(file string) error { return os.Truncate(file, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "registry.db")
			kept, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := lose(file); err != nil {
				t.Fatal(err)
			}
			err = single.Run(context.Background(), single.Options{Dir: dir, Front: front.Settings{HTTP: "127.0.0.1:0"}, Logger: slog.New(slog.DiscardHandler)},
				func(string) { t.Error("it started") })
			if err == nil || !strings.Contains(err.Error(), "lacks registry.db") {
				t.Errorf("says %v", err)
			}
			if err := os.WriteFile(file, kept, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
	start(t, dir)
}
