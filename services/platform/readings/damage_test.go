package readings

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// written is a folder with a book of some entries, in one file, and where each begins; the end of the last beside.
func written(t *testing.T, entries int) (dir string, raw []byte, begins []int) {
	t.Helper()
	dir = t.TempDir()
	b := opened(t, dir, nil)
	for i := range entries {
		keep(t, b, shown(fmt.Sprintf("p%d", i), strings.Repeat("x", 50*i)))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, fileName(service, 1)))
	if err != nil {
		t.Fatal(err)
	}
	for rest := raw; len(rest) > 0; {
		begins = append(begins, len(raw)-len(rest))
		r, ok := logfile.Cut(rest, maxRecord)
		if !ok {
			t.Fatal("no record")
		}
		rest = r.Rest
	}
	return dir, raw, append(begins, len(raw))
}

func put(t *testing.T, dir string, n int, raw []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fileName(service, n)), raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// INV-READINGS-CHAIN: whichever bit of whichever byte is another, the entry that it belongs to is named, by Verify and at the
// start, where it is an alarm: nothing is appended, nothing is shown, and no file is changed.
func TestEveryFlippedByteIsFoundAtItsEntry(t *testing.T) {
	dir, raw, begins := written(t, 6)
	for entry := range len(begins) - 1 {
		for at := begins[entry]; at < begins[entry+1]; at++ {
			for _, bit := range []byte{1, 0x80, 1 << (at % 8)} {
				bad := bytes.Clone(raw)
				bad[at] ^= bit
				_, _, err := walk("f", bad, start(service), nil)
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("entry %d:", entry+1)) {
					t.Fatalf("byte %d (%d of entry %d) ^ %#x: %v", at, at-begins[entry], entry+1, bit, err)
				}
			}
		}
	}
	for entry := range len(begins) - 1 {
		bad := bytes.Clone(raw)
		bad[begins[entry]+40] ^= 4
		put(t, dir, 1, bad)
		found, err := Verify(t.Context(), dir, service, nil)
		if fault.KindOf(err) != fault.KindDataLoss || found.Entries != uint64(entry) {
			t.Errorf("Verify: %+v, %v", found, err)
		}
		b := opened(t, dir, nil)
		wantReason(t, b.Healthy(), fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED)
		wantReason(t, b.Keep(t.Context(), shown("lan", "minh")), fault.KindUnavailable, faultpb.Reason_REASON_READINGS_UNWRITTEN)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(filepath.Join(dir, fileName(service, 1))); err != nil || !bytes.Equal(now, bad) {
			t.Errorf("the damaged file was changed: %v", err)
		}
	}
}

// INV-READINGS-ONE-OPEN: wherever the last entry is cut off, or its sectors were not written, it is cut off at the start, and the book
// goes on; of the entries before nothing is lost.
func TestAnIncompleteLastEntryIsCutOff(t *testing.T) {
	_, raw, begins := written(t, 6)
	last := begins[5]
	torn := map[string][]byte{"zeros": append(bytes.Clone(raw[:last]), make([]byte, 100)...)}
	for at := last; at < len(raw); at++ {
		torn[fmt.Sprintf("cut at %d", at-last)] = raw[:at]
	}
	for from := (last + sector - 1) / sector * sector; from < len(raw); from += sector {
		hole := bytes.Clone(raw)
		clear(hole[from:min(from+sector, len(raw))])
		torn[fmt.Sprintf("a hole at %d", from-last)] = hole
		torn[fmt.Sprintf("zeros from %d", from-last)] = append(bytes.Clone(raw[:from]), make([]byte, len(raw)-from)...)
	}
	if len(torn) < len(raw)-last+2 {
		t.Fatal("the last entry has one sector only")
	}
	for name, bytes := range torn {
		dir := t.TempDir()
		put(t, dir, 1, bytes)
		found := sound(t, dir, 5)
		if found.Cut != int64(len(bytes)-last) {
			t.Fatalf("%s: %+v", name, found)
		}
		b := opened(t, dir, nil)
		if err := b.Healthy(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keep(t, b, shown("lan", "minh"))
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if found := sound(t, dir, 6); found.Cut != 0 {
			t.Fatalf("%s: %+v", name, found)
		}
	}
}

// INV-READINGS-CHAIN: an entry that is missing, comes twice, is another book's or stands elsewhere is found where the chain breaks.
func TestEntriesThatDoNotFit(t *testing.T) {
	_, raw, at := written(t, 4)
	_, other, there := written(t, 4)
	entry := func(i int) []byte { return raw[at[i]:at[i+1]] }
	for name, c := range map[string]struct {
		entries [][]byte
		breaks  string
	}{
		"one is missing":        {[][]byte{entry(0), entry(2), entry(3)}, "entry 2"},
		"the first is missing":  {[][]byte{entry(1), entry(2)}, "entry 1"},
		"one comes twice":       {[][]byte{entry(0), entry(0), entry(1)}, "entry 2"},
		"two are exchanged":     {[][]byte{entry(0), entry(2), entry(1)}, "entry 2"},
		"one of another book":   {[][]byte{entry(0), other[there[1]:there[2]], entry(2)}, "entry 2"},
		"half of one between":   {[][]byte{entry(0), entry(1)[:20], entry(1), entry(2)}, "entry 2"},
		"something in between":  {[][]byte{entry(0), make([]byte, 16), entry(1), entry(2)}, "entry 2"},
		"something behind them": {[][]byte{entry(0), entry(1), []byte("something that is no entry")}, "entry 3"},
	} {
		dir := t.TempDir()
		put(t, dir, 1, bytes.Join(c.entries, nil))
		if _, err := Verify(t.Context(), dir, service, nil); err == nil || !strings.Contains(err.Error(), c.breaks) {
			t.Errorf("%s: %v, want %s", name, err, c.breaks)
		}
		wantReason(t, opened(t, dir, nil).Healthy(), fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED)
	}
}

// The chain goes on across files: one that is missing, cut, empty, or another service's is found.
func TestFilesThatDoNotFit(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"one is missing": func(dir string) error { return os.Remove(filepath.Join(dir, fileName(service, 2))) },
		"the first is missing": func(dir string) error {
			return os.Remove(filepath.Join(dir, fileName(service, 1)))
		},
		"one is cut":   func(dir string) error { return os.Truncate(filepath.Join(dir, fileName(service, 4)), 100) },
		"one is empty": func(dir string) error { return os.Truncate(filepath.Join(dir, fileName(service, 2)), 0) },
		"two are exchanged": func(dir string) error {
			a, b, aside := filepath.Join(dir, fileName(service, 4)), filepath.Join(dir, fileName(service, 5)), filepath.Join(dir, "aside")
			if err := os.Rename(a, aside); err != nil {
				return err
			}
			if err := os.Rename(b, a); err != nil {
				return err
			}
			return os.Rename(aside, b)
		},
	} {
		dir := t.TempDir()
		b := opened(t, dir, func(b *Book) { b.most = 450 })
		for i := range 10 {
			keep(t, b, shown(fmt.Sprintf("p%d", i), "minh"))
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if found := sound(t, dir, 10); found.Files != 5 {
			t.Fatalf("%+v", found)
		}
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		_, err := Verify(t.Context(), dir, service, nil)
		wantReason(t, err, fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED)
		if err := opened(t, dir, nil).Healthy(); fault.KindOf(err) != fault.KindDataLoss {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	_, raw, _ := written(t, 2)
	if err := os.WriteFile(filepath.Join(dir, fileName("registry", 1)), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Verify(t.Context(), dir, "registry", nil)
	wantReason(t, err, fault.KindDataLoss, faultpb.Reason_REASON_DATA_DAMAGED)
}
