package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"coso/deploy/internal/sheet"
)

// meter shows how long work goes on: a bar on a terminal, a line per sheet elsewhere.
type meter struct {
	w io.Writer
	// lang is the language of its lines; empty: English.
	lang     sheet.Lang
	terminal bool
	file     string
	bar      *progressbar.ProgressBar
	done     int
}

func newMeter(w io.Writer) *meter {
	f, ok := w.(*os.File)
	return &meter{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// step notes that more rows of a file's all are done.
func (m *meter) step(file string, all, more int) {
	if file != m.file {
		m.end()
		m.file, m.done = file, 0
		if m.terminal {
			m.bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(m.w), progressbar.OptionSetDescription(file),
				progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
		}
	}
	m.done += more
	if m.bar != nil {
		_ = m.bar.Add(more)
	} else if m.done == all && more > 0 {
		line := "%s: %d of %d rows\n"
		if m.lang == sheet.Vietnamese {
			line = "%s: %d/%d dòng\n"
		}
		_, _ = fmt.Fprintf(m.w, line, file, m.done, all)
	}
}

// count notes that more rows of something are done, of which nobody knows how many there are.
func (m *meter) count(what string, more int) {
	if !m.terminal {
		return
	}
	if m.bar == nil {
		m.bar = progressbar.NewOptions(-1, progressbar.OptionSetWriter(m.w), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	}
	_ = m.bar.Add(more)
}

// say prints a line between the bars.
func (m *meter) say(line string) {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
	_, _ = fmt.Fprintln(m.w, line)
}

// end leaves the bar of the last file.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
		m.bar = nil
	}
}
