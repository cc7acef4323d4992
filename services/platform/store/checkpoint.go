package store

import (
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

// checkpointLoop writes what has changed into the file, soon after it has changed, until stop.
func (st *state) checkpointLoop(stop <-chan struct{}, note func(error)) {
	answered := func(answer chan<- error) {
		err := st.checkpoint()
		note(err)
		answer <- err
	}
	for {
		var pause <-chan time.Time
		select {
		case <-st.dirty:
			pause = time.After(checkpointEvery)
		case answer := <-st.flushes:
			answered(answer)
			continue
		case <-stop:
			return
		}
		select {
		case <-pause:
			note(st.checkpoint())
		case <-st.full:
			note(st.checkpoint())
		case answer := <-st.flushes:
			answered(answer)
		case <-stop:
			return
		}
	}
}

// flush makes a checkpoint now and waits for it.
func (st *state) flush(stop <-chan struct{}) error {
	answer := make(chan error, 1)
	select {
	case st.flushes <- answer:
		return <-answer
	case <-stop:
		return errFileClosed
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
		st.failed = err
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
	st.now.Store(&version{head: v.head, fresh: newLayer(), frozen: v.fresh, waiting: v.bytes, cuts: v.cuts + 1})
	st.onCut()
	return v.fresh, false
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
