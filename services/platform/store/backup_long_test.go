package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
	"coso/services/platform/wait"
)

// paced is a receiver that takes its time.
type paced struct {
	ctx   context.Context
	began chan struct{}
	io.Writer
}

func (p *paced) Write(b []byte) (int, error) {
	select {
	case p.began <- struct{}{}:
	default:
	}
	if err := wait.For(p.ctx, 400*time.Millisecond); err != nil {
		return 0, err
	}
	return p.Writer.Write(b)
}

// fatten makes the state some megabytes more.
func fatten(t *testing.T, b *bench, megabytes int) {
	t.Helper()
	for i := range 16 * megabytes {
		change(t, b, func(tx *Tx) error {
			return b.units.Put(tx, &registrypb.Unit{Name: fmt.Sprintf("units/%d-%d", megabytes, i), DisplayName: strings.Repeat("x", 60<<10)})
		})
	}
}

// A copy that takes long gives the file up when it must be closed, or grow beyond its mapping: nobody who reads waits for the end
// of the copy. The next copy is whole.
func TestALongCopyHoldsUpNobody(t *testing.T) {
	for name, disturb := range map[string]func(*testing.T, *bench){
		"the file must be closed": func(t *testing.T, b *bench) {
			t.Helper()
			onCommit(b, full)
			change(t, b, func(tx *Tx) error { return b.units.Put(tx, &registrypb.Unit{Name: "units/new"}) })
			if err := b.db.flush(t.Context(), b.stop); err == nil {
				t.Error("a checkpoint on a full disk")
			}
			onCommit(b, (*bolt.Tx).Commit)
		},
		"the mapping must grow": func(t *testing.T, b *bench) {
			t.Helper()
			fatten(t, b, 6)
			if err := b.db.flush(t.Context(), b.stop); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir(), func(o *Options) { o.MapSize = 4 << 20 })
			fatten(t, b, 1)
			w := &paced{t.Context(), make(chan struct{}), io.Discard}
			copied := make(chan error, 1)
			go func() {
				_, err := b.CopyFile(context.WithoutCancel(t.Context()), w) // tens of chunks: some 20 s
				copied <- err
			}()
			<-w.began
			began := time.Now()
			disturb(t, b)
			if _, err := View(caller(), b.Store, func(tx *ReadTx) (*registrypb.Unit, error) { return b.units.Get(tx, "units/1-0") }); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > viewLimit {
				t.Errorf("who reads has waited %s", took)
			}
			err := <-copied
			wantReason(t, err, faultpb.Reason_REASON_SERVICE_UNAVAILABLE)
			if !errors.Is(err, errReadersWait) {
				t.Errorf("the copy ended with %v", err)
			}
			dir := t.TempDir()
			file, err := os.Create(filepath.Join(dir, "registry.db"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.CopyFile(t.Context(), file)
			if err = errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			if _, err := (Walk{Dir: dir, File: "registry.db", Service: "registry", Backup: true}).Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
