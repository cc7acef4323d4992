package copying

import (
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/fault"
	"coso/services/platform/streamlog/streamlogtest"
)

// INV-COPY-WHOLE: bytes that changed on the way are asked for again; a copy that changed where it lay, or that is no sound file, is thrown away
// and not asked for again; one that comes damaged ever again ends the fetch, and nothing gets the file's name.
func TestFetchOfDamage(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	flip := func(got *replicapb.CopyPart) { got.Data[len(got.GetData())/2] ^= 4 }
	times := func(n int, change func(*replicapb.CopyPart)) func(*replicapb.CopyPart) {
		return func(got *replicapb.CopyPart) {
			if len(got.GetData()) > 0 && n > 0 {
				n--
				change(got)
			}
		}
	}
	silently := func(got *replicapb.CopyPart) {
		flip(got)
		got.Checksum = crc32.Checksum(got.GetData(), table)
	}
	for name, k := range map[string]struct {
		change func(*replicapb.CopyPart)
		whole  bool
	}{
		"on the way":            {times(3, flip), true},
		"before it was sent":    {times(1, silently), true},
		"every copy":            {times(1<<30, silently), false},
		"says another position": {func(got *replicapb.CopyPart) { lie(got) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := fetch(t.Context(), dir, "registry", &broken{ClientConnInterface: p.as("registry"), parts: -1, change: k.change})
			if k.whole {
				if err != nil {
					t.Fatal(err)
				}
				p.mustTail(c, dir)
				return
			}
			if fault.KindOf(err) != fault.KindDataLoss || there(Options{Dir: dir, Service: "registry"}) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
	t.Run("where it lies", func(t *testing.T) {
		all, err := filepath.Glob(filepath.Join(p.dir, ".copy-*"))
		if err != nil || len(all) != 1 {
			t.Fatalf("there are %v, %v", all, err)
		}
		raw, err := os.ReadFile(all[0])
		if err == nil {
			raw[len(raw)/2] ^= 1
			err = os.WriteFile(all[0], raw, 0o600)
		}
		dir := t.TempDir()
		if err = errors.Join(err, fetch(t.Context(), dir, "registry", p.as("registry"))); err != nil {
			t.Fatal(err)
		}
		p.mustTail(c, dir)
	})
}

// lie changes what a copy says of itself.
func lie(got *replicapb.CopyPart) {
	if got.GetCopy() != nil {
		got.Copy.Position++
	}
}

// What a power cut has left of a part is no part of the file.
func TestFetchAfterAPowerCut(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	var id string
	err := fetch(t.Context(), t.TempDir(), "registry", &broken{ClientConnInterface: p.as("registry"), parts: -1, change: func(got *replicapb.CopyPart) { id = got.GetCopyId() }})
	if err != nil {
		t.Fatal(err)
	}
	notes, err := json.Marshal(state{Copy: id})
	if err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string][2][]byte{
		"zeros":              {make([]byte, 3*partSize), notes},
		"longer than all":    {make([]byte, 64<<20), notes},
		"notes half-written": {make([]byte, partSize), notes[:5]},
		"notes without part": {nil, notes},
		"of another copy":    {[]byte("something"), []byte(`{"copy":"gone"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(os.WriteFile(filepath.Join(dir, "registry.db.part"), left[0], 0o600), os.WriteFile(filepath.Join(dir, "registry.db.part.json"), left[1], 0o600))
			if err = errors.Join(err, fetch(t.Context(), dir, "registry", p.as("registry"))); err != nil {
				t.Fatal(err)
			}
			p.mustTail(c, dir)
		})
	}
}
