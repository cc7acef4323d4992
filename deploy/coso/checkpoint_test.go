package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coso/deploy/internal/single/singletest"
	"coso/services/platform/checkpoint"

	registrypb "coso/proto/gen/coso/registry/v1"
)

// addUnits adds units to the registry of a running coso, each an entry of its journal.
func addUnits(t *testing.T, base string, ids ...string) {
	t.Helper()
	admin := singletest.At(base).Admin(t)
	for _, id := range ids {
		u := &registrypb.Unit{DisplayName: "Đơn vị " + id, Level: "DISTRICT_COMMITTEE", ValidFrom: "2020-01-01"}
		if err := admin.Post(t.Context(), "/v1/units", url.Values{"unitId": {id}}, u, &registrypb.Unit{}); err != nil {
			t.Fatal(err)
		}
	}
}

// signed is a stopped coso whose registry was signed at three moments, with copies of what it was.
type signed struct {
	dir, early, backup, kept, key string
}

func newSigned(t *testing.T) signed {
	t.Helper()
	root := t.TempDir()
	s := signed{dir: filepath.Join(root, "data"), early: filepath.Join(root, "early"), backup: filepath.Join(root, "backup"), kept: filepath.Join(root, "kept.txt")}
	base, stop := serve(t, s.dir)
	addUnits(t, base, "a", "b")
	if out, _, err := run(t, "checkpoint", s.kept, "--data", s.dir); err != nil || !strings.Contains(out, "registry    đã ghi điểm chốt\n") {
		t.Fatalf("checkpoint says %v:\n%s", err, out)
	}
	if out, _, err := run(t, "checkpoint", s.kept, "--data", s.dir, "--lang", "en"); err != nil || !strings.Contains(out, "registry    nothing is new, the file has this checkpoint\n") {
		t.Fatalf("checkpoint says %v:\n%s", err, out)
	}
	addUnits(t, base, "c")
	if _, _, err := run(t, "backup", s.backup, "--data", s.dir); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := os.CopyFS(s.early, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	base, stop = serve(t, s.dir)
	addUnits(t, base, "d", "e")
	printed, _, err := run(t, "checkpoint", "take", "--data", s.dir)
	if _, _, appended := run(t, "checkpoint", s.kept, "--data", s.dir); err != nil || appended != nil {
		t.Fatal(err, appended)
	}
	stop()
	for _, n := range checkpoint.Parse([]byte(printed)).Notes {
		if n.Service == "registry" && !strings.Contains(content(t, s.kept), n.Text) { // the others go on following
			t.Errorf("what is printed is not what is appended:\n%s", n.Text)
		}
	}
	out, _, err := run(t, "checkpoint", "key", "--data", s.dir)
	if s.key = strings.TrimSpace(out); err != nil || !strings.Contains(content(t, s.kept), "# key: "+s.key+"\n") {
		t.Fatalf("checkpoint key says %v:\n%s", err, out)
	}
	return s
}

func content(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// What another organisation keeps tells every way in which a journal is not the one that was signed from the others.
func TestVerifyCheckpoints(t *testing.T) {
	s := newSigned(t)
	restored := filepath.Join(t.TempDir(), "restored")
	if _, _, err := run(t, "restore", s.backup, "--data", restored); err != nil {
		t.Fatal(err)
	}
	rewritten := filepath.Join(t.TempDir(), "rewritten")
	if err := os.CopyFS(rewritten, os.DirFS(s.early)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(rewritten, checkpoint.KeyName), 0o600); err != nil { // a copy is open to others
		t.Fatal(err)
	}
	base, stop := serve(t, rewritten)
	addUnits(t, base, "x", "y", "z")
	stop()
	other := filepath.Join(t.TempDir(), "other")
	base, stop = serve(t, other)
	addUnits(t, base, "a", "b", "c", "d", "e")
	stop()
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := os.CopyFS(damaged, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(damaged, "registry.db")
	if err := os.WriteFile(file, bytes.ReplaceAll([]byte(content(t, file)), []byte("Đơn vị d"), []byte("Đơn vỉ d")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, dir string
		vi, en    string
		wrong     bool
	}{
		{"as it was signed", s.dir, "2/2 điểm chốt khớp; điểm xa nhất: mục 6", "2 of 2 checkpoints fit; the farthest: entry 6", false},
		{"cut off", s.early, "nhật ký kết thúc ở mục 4, trong khi điểm chốt ký lúc", "saw entry 6: its end is cut off, entries 5 to 6 are missing", true},
		{"rewritten", rewritten, "nhật ký đã bị viết lại, bắt đầu từ một mục trong khoảng 4–6", "written anew, beginning somewhere in entries 4 to 6", true},
		{"restored", restored, "đã được khôi phục từ bản sao lưu: nó đi tiếp từ sau mục 4", "restored from a backup: it goes on behind entry 4", true},
		{"another", other, "không có gì chung với nhật ký này", "which has nothing in common with this one", true},
		{"damaged", damaged, "HỎNG ở mục 5", "it cannot be held against the checkpoint of", true},
		{"the backup", s.backup, "bản sao lưu kết thúc ở mục 4, được lấy trước điểm chốt", "the backup ends at entry 4 and was taken before", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			for lang, want := range map[string]string{"vi": c.vi, "en": c.en} {
				out, _, err := run(t, "verify", "--data", c.dir, "--checkpoint", s.kept, "--key", s.key, "--lang", lang)
				if (err != nil) != c.wrong || !strings.Contains(out, want) {
					t.Errorf("it says %v, and not %q:\n%s", err, want, out)
				}
			}
		})
	}
	out, _, err := run(t, "verify", "--data", s.dir, "--checkpoint", s.kept, "--lang", "en")
	if err != nil || !strings.Contains(out, "WHO SIGNED IS NOT PROVED") || strings.Contains(out, "checked with the keys") {
		t.Errorf("without a key it says %v:\n%s", err, out)
	}
}

// A damaged file of checkpoints, another's, one without anything, and one whose last note is half-written.
func TestVerifyDamagedCheckpoints(t *testing.T) {
	s := newSigned(t)
	whole := content(t, s.kept)
	again := filepath.Join(t.TempDir(), "again.key")
	changed, said, err := run(t, "checkpoint", "key", "--checkpoint-key", again, "--new", "thanh-uy-ha-noi", "--lang", "en")
	if err != nil || !strings.HasPrefix(changed, "thanh-uy-ha-noi+") || said != "" {
		t.Fatalf("a first key: %v\n%s%s", err, changed, said)
	}
	twice, said, err := run(t, "checkpoint", "key", "--checkpoint-key", again, "--new", "thanh-uy-ha-noi", "--lang", "en")
	if err != nil || twice == changed || !strings.Contains(said, "Earlier checkpoints still need the old key:\n"+changed) {
		t.Fatalf("another key: %v\n%s%s", err, twice, said)
	}
	flipped := strings.Replace(whole, "incarnation 0", "incarnation 1", 1)
	half := whole[:len(whole)-40]
	for _, c := range []struct {
		what, text, key, want string
		wrong                 bool
	}{
		{"a letter changed", flipped, s.key, "has a false signature", true},
		{"another installation's key", whole, strings.TrimSpace(changed), "is of another installation", true},
		{"no key at all", whole, s.key[:len(s.key)-2], "", true},
		{"nothing", "", s.key, "", true},
		{"the last half-written", half, s.key, "is incomplete, perhaps by a power cut", false},
		{"half a note in the middle", strings.Replace(whole, "\n\n— ", "\n\n", 1), s.key, "are no whole checkpoint", true},
	} {
		file := filepath.Join(t.TempDir(), "damaged.txt")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _, err := run(t, "verify", "--data", s.dir, "--checkpoint", file, "--key", c.key, "--lang", "en")
		if (err != nil) != c.wrong || !strings.Contains(out, c.want) {
			t.Errorf("%s: it says %v, and not %q:\n%s", c.what, err, c.want, out)
		}
	}
	if _, _, err := run(t, "verify", "--data", s.dir, "--key", s.key); err == nil || !strings.Contains(err.Error(), "--checkpoint FILE") {
		t.Errorf("a key alone: %v", err)
	}
	if _, _, err := run(t, "checkpoint", "--data", s.dir); err == nil || !strings.Contains(err.Error(), "no coso runs") {
		t.Errorf("checkpoint of a stopped coso says %v", err)
	}
	if _, _, err := run(t, "checkpoint", "key", "--data", t.TempDir()); err == nil {
		t.Error("a key where there is none")
	}
}
