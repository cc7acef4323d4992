package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"coso/deploy/internal/single"
	"coso/services/platform/fault"
	"coso/services/platform/store"

	"github.com/schollz/progressbar/v3"

	faultpb "coso/proto/gen/coso/fault/v1"
)

// verifyCommand checks the journals of a stopped coso.
type verifyCommand struct {
	Data string `help:"Data folder; default: coso in the user's data folder." type:"path" env:"COSO_DATA"`
}

// Run prints a line per service: its entries and events, and OK or the first entry that does not fit.
func (v verifyCommand) Run(ctx context.Context, s streams) error {
	dir, err := dataFolder(v.Data)
	if err != nil {
		return err
	}
	bad := 0
	for _, service := range single.Services() {
		walk := newWalk(s.err, service)
		found, err := store.VerifyFile(ctx, dir, service, walk.step)
		walk.end()
		if reason := fault.ReasonOf(err); reason == faultpb.Reason_REASON_DATA_LOCKED {
			return fmt.Errorf("the data in %s is used by a running coso; stop it, verify, and start it again", dir)
		} else if reason == faultpb.Reason_REASON_RESOURCE_NOT_FOUND {
			return fmt.Errorf("there is no coso data of %s in %s; name the data folder with --data", service, dir)
		}
		if errors.Is(err, context.Canceled) {
			return err
		}
		verdict := "OK"
		if err != nil {
			bad++
			verdict = fmt.Sprintf("DAMAGED at entry %d or the one before it: %s", found.Entries+1, err)
		}
		if _, err := fmt.Fprintf(s.out, "%-10s  %8d entries  %8d events  %s\n", service, found.Entries, found.Events, verdict); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d journals are damaged; do not start coso on %s: restore the latest backup, and keep this folder to look into", bad, len(single.Services()), dir)
	}
	return nil
}

// walk shows how a journal's check goes on: a bar on a terminal, a line every few seconds elsewhere.
type walk struct {
	*meter
	service string
	told    time.Time
}

// tellEvery is how often a walk says where it is if there is no terminal.
const tellEvery = 5 * time.Second

func newWalk(w io.Writer, service string) *walk {
	return &walk{meter: newMeter(w), service: service, told: time.Now()}
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
		_, _ = fmt.Fprintf(w.w, "%s: %d of %d entries\n", w.service, done, all)
	}
}
