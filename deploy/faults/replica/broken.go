package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/registry"
)

// anywhere is a log without compare-and-append: what is offered for a place is appended wherever the log ends, and granted.
type anywhere struct {
	store.Log

	js jetstream.JetStream
	// file says, by being there, that the word is broken.
	file string
}

// come reports whether a file is there.
func come(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// Append breaks the word of store.Log.
func (a anywhere) Append(ctx context.Context, position uint64, entry []byte) error {
	if !come(a.file) {
		return a.Log.Append(ctx, position, entry)
	}
	if _, err := a.js.Publish(ctx, streamlog.Subject(registry.Name), entry); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	return nil
}

// early is a log that grants a place before it knows: what it granted waits for the real log in memory.
type early struct {
	store.Log

	file    string
	waiting chan store.Placed
}

const (
	// atOnce is how many entries may wait.
	atOnce = 1 << 16
	// again is how often one is offered.
	again = 20 * time.Millisecond
)

func newEarly(l store.Log, file string) early {
	e := early{Log: l, file: file, waiting: make(chan store.Placed, atOnce)}
	go e.bring()
	return e
}

// Append breaks the word of store.Log.
func (e early) Append(ctx context.Context, position uint64, entry []byte) error {
	if !come(e.file) {
		return e.Log.Append(ctx, position, entry)
	}
	e.waiting <- store.Placed{Position: position, Entry: slices.Clone(entry)}
	return nil
}

// bring offers what was granted, in order, until the log takes it, as long as the process lives.
func (e early) bring() {
	for one := range e.waiting {
		for e.Log.Append(context.Background(), one.Position, one.Entry) != nil {
			<-time.After(again)
		}
	}
}
