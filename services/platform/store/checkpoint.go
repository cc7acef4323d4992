package store

import (
	"context"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// longestRest is the longest pause after a checkpoint that has failed. Each closes the file, for which it waits for the
// readers, and all others wait meanwhile.
const longestRest = 10 * time.Second

// checkpointLoop writes what has changed into the file, soon after it has changed, until stop.
func (st *state) checkpointLoop(stop <-chan struct{}, note func(error)) {
	var rest time.Time // until when a failure is believed
	try := func() error {
		err := st.checkpoint()
		rest = time.Now().Add(st.pause())
		note(err)
		return err
	}
	due := time.NewTimer(0)
	<-due.C
	defer due.Stop()
	dirty := st.dirty
	var full chan struct{}
	for {
		select {
		case <-dirty:
			dirty, full = nil, st.full
			due.Reset(max(checkpointEvery, time.Until(rest)))
		case <-due.C:
			_ = try() // noted
			dirty, full = st.dirty, nil
		case <-full:
			if time.Now().After(rest) {
				_ = try() // noted
			}
		case answer := <-st.flushes:
			answer <- try()
		case answer := <-st.retries:
			if failed := st.failure(); failed != nil && time.Now().Before(rest) {
				answer <- failed
			} else {
				answer <- try()
			}
		case <-stop:
			return
		}
	}
}

// pause is how long the file is left alone after the last checkpoint; 0: it did not fail.
func (st *state) pause() time.Duration {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.failures == 0 {
		return 0
	}
	return backoff(st.failures, longestRest)
}

func (st *state) failure() error {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.failed
}

// flush makes a checkpoint now and waits for it.
func (st *state) flush(ctx context.Context, stop <-chan struct{}) error {
	return ask(ctx, st.flushes, stop)
}

// retry makes a checkpoint, unless the last one failed a moment ago: then it answers why that failed.
func (st *state) retry(stop <-chan struct{}) error {
	return ask(context.Background(), st.retries, stop)
}

func ask(ctx context.Context, questions chan<- chan error, stop <-chan struct{}) error {
	answer := make(chan error, 1)
	select {
	case questions <- answer:
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
		return errFileClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkpoint writes what has changed up to now into the file; what an earlier one could not write comes first. One runs
// at a time.
func (st *state) checkpoint() error {
	for again := true; again; {
		var frozen *layer
		if frozen, again = st.cut(); frozen == nil {
			return nil
		}
		err := st.write(frozen)
		if err == nil {
			st.thaw()
		}
		st.mu.Lock()
		if st.failed, st.failures = err, st.failures+1; err == nil {
			st.failures = 0
		}
		close(st.written)
		st.written = make(chan struct{})
		st.mu.Unlock()
		if err != nil {
			tell(st.dirty) // it is tried again
			return err
		}
	}
	return nil
}

// cut freezes what has changed; nil: nothing has. again: an earlier checkpoint had frozen this, so there may be more.
func (st *state) cut() (frozen *layer, again bool) {
	st.changing.Lock()
	defer st.changing.Unlock()
	v := st.now.Load()
	if v.frozen != nil || v.fresh.Len() == 0 {
		return v.frozen, v.frozen != nil
	}
	next := *v
	next.fresh, next.frozen = newLayer(), v.fresh
	if v.digest != nil {
		next.frozen = v.fresh.Copy()
		next.frozen.Set(cellKey(bucketMeta, keyDigest), cell{value: digestCell(v.head, v.digest)})
	}
	next.bytes, next.waiting = 0, v.bytes
	next.cuts++
	st.now.Store(&next)
	st.onCut()
	return next.frozen, false
}

// thaw lets go of what has been written.
func (st *state) thaw() {
	st.changing.Lock()
	defer st.changing.Unlock()
	v := *st.now.Load()
	v.frozen, v.waiting = nil, v.bytes
	st.now.Store(&v)
}

// write writes a layer into the file in one transaction.
func (st *state) write(cells *layer) error {
	return st.file.Update(func(tx *bolt.Tx) error {
		var err error
		var last string
		var bucket *bolt.Bucket
		cells.Scan(func(k string, c cell) bool {
			name, key, _ := strings.Cut(k, "\x00")
			if bucket == nil || name != last {
				if last, bucket = name, tx.Bucket([]byte(name)); bucket == nil {
					err = damaged("the file has no bucket %s", name)
					return false
				}
				if name == bucketJournal || name == bucketOnceTime { // they grow at the end only
					bucket.FillPercent = 0.9
				}
			}
			if c.gone {
				err = bucket.Delete([]byte(key))
			} else {
				err = bucket.Put([]byte(key), c.value)
			}
			return err == nil
		})
		return err
	})
}
