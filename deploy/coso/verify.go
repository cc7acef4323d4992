package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"coso/deploy/internal/sheet"
	"coso/deploy/internal/single"
	"coso/services/platform/fault"
	"coso/services/platform/run/settings"
	"coso/services/platform/store"

	"github.com/schollz/progressbar/v3"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// verifyCommand checks the journals of a stopped coso, or of a backup, and its readings of personal data.
type verifyCommand struct {
	Data       settings.Folder `help:"Data folder, or folder of a backup; default: coso in the user's data folder." placeholder:"DIR" env:"COSO_DATA"`
	Checkpoint settings.File   `help:"File of signed checkpoints, as another organisation keeps it: hold the journals against it." placeholder:"FILE"`
	Key        []string        `help:"Public key with which the checkpoints must be signed; may be given again for one before a change." placeholder:"KEY"`
	Lang       sheet.Lang      `help:"Language: vi or en." enum:"vi,en" default:"vi" env:"COSO_LANG"`
}

// Run prints a line per service: its entries and events, and OK or the first entry that does not fit; and what the journal
// says of the checkpoints, if there are any.
func (v verifyCommand) Run(ctx context.Context, s streams) (err error) {
	dir, err := dataFolder(v.Data)
	if err != nil {
		return err
	}
	var h *held
	switch {
	case v.Checkpoint != "":
		if h, err = readHeld(s, string(v.Checkpoint), v.Key, v.Lang); err != nil {
			return err
		}
	case len(v.Key) > 0:
		return errors.New(tell(v.Lang, "--key chỉ dùng kèm --checkpoint FILE; hãy nêu tệp điểm chốt", "--key is for --checkpoint FILE; name the file of checkpoints"))
	}
	_, none := os.Stat(filepath.Join(dir, manifestFile))
	bad := 0
	var readings error
	for _, service := range single.Services() {
		sound, err := v.journal(ctx, s, store.Walk{Dir: dir, Service: service, Backup: none == nil}, h)
		if err != nil {
			return err
		}
		if !sound {
			bad++
		}
		if none != nil { // a backup holds no readings
			readings = errors.Join(readings, verifyReadings(ctx, s, dir, service, v.Lang))
		}
	}
	if err = readings; h != nil {
		err = errors.Join(err, h.end())
	}
	if bad > 0 {
		return errors.Join(fmt.Errorf(tell(v.Lang, "%d/%d nhật ký bị hỏng; đừng chạy coso trên %s: hãy khôi phục bản sao lưu mới nhất và giữ thư mục này để tìm nguyên nhân",
			"%d of %d journals are damaged; do not start coso on %s: restore the latest backup, and keep this folder to look into"),
			bad, len(single.Services()), dir), err)
	}
	return err
}

// journal walks one journal and says how it is.
func (v verifyCommand) journal(ctx context.Context, s streams, w store.Walk, h *held) (sound bool, err error) {
	walk := newWalk(s.err, w.Service, v.Lang)
	trail, link := h.trail(w.Service, w.Backup)
	w.Progress, w.Tell = walk.step, link
	found, err := w.Run(ctx)
	walk.end()
	switch reason := fault.ReasonOf(err); {
	case reason == faultpb.Reason_REASON_DATA_LOCKED:
		return false, fmt.Errorf(tell(v.Lang, "dữ liệu trong %s đang do một coso đang chạy dùng; hãy dừng, kiểm tra, rồi chạy lại", "the data in %s is used by a running coso; stop it, verify, and start it again"), w.Dir)
	case reason == faultpb.Reason_REASON_RESOURCE_NOT_FOUND:
		return false, fmt.Errorf(tell(v.Lang, "không có dữ liệu coso của %s trong %s; hãy nêu thư mục dữ liệu bằng --data", "there is no coso data of %s in %s; name the data folder with --data"), w.Service, w.Dir)
	case errors.Is(err, context.Canceled):
		return false, err
	}
	verdict := "OK"
	switch {
	case fault.ReasonOf(err) == faultpb.Reason_REASON_TABLES_DAMAGED: // the journal is sound
		verdict = fmt.Sprintf(tell(v.Lang, "BẢNG HỎNG: %s", "TABLES DAMAGED: %s"), sheet.TextOf(err, v.Lang))
	case err != nil && found.Damaged > 0:
		verdict = fmt.Sprintf(tell(v.Lang, "HỎNG ở mục %d: %s", "DAMAGED at entry %d: %s"), found.Damaged, sheet.TextOf(err, v.Lang))
	case err != nil:
		verdict = fmt.Sprintf(tell(v.Lang, "HỎNG ở mục %d hoặc mục ngay trước: %s", "DAMAGED at entry %d or the one before it: %s"), found.Entries+1, sheet.TextOf(err, v.Lang))
	}
	if _, err := fmt.Fprintf(s.out, tell(v.Lang, "%-10s  %8d mục  %8d sự kiện  %s\n", "%-10s  %8d entries  %8d events  %s\n"), w.Service, found.Entries, found.Events, verdict); err != nil {
		return false, err
	}
	if h == nil {
		return err == nil, nil
	}
	trail.Whole = err == nil
	return err == nil, h.judge(w.Service, trail)
}

// walk shows how a journal's check goes on: a bar on a terminal, a line every few seconds elsewhere.
type walk struct {
	*meter
	service string
	told    time.Time
}

// tellEvery is how often a walk says where it is if there is no terminal.
const tellEvery = 5 * time.Second

func newWalk(w io.Writer, service string, lang sheet.Lang) *walk {
	m := newMeter(w)
	m.lang = lang
	return &walk{meter: m, service: service, told: time.Now()}
}

func (w *walk) step(done, all uint64) {
	switch {
	case w.terminal && w.bar == nil:
		w.bar = progressbar.NewOptions64(int64(all), progressbar.OptionSetWriter(w.w), progressbar.OptionSetDescription(w.service), //nolint:gosec // entries are counted far below 2^63
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
		fallthrough
	case w.terminal:
		_ = w.bar.Set64(int64(done)) //nolint:gosec // as above
	case time.Since(w.told) >= tellEvery:
		w.told = time.Now()
		_, _ = fmt.Fprintf(w.w, tell(w.lang, "%s: %d/%d mục\n", "%s: %d of %d entries\n"), w.service, done, all)
	}
}
