package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"coso/services/platform/fault"

	bolt "go.etcd.io/bbolt"

	faultpb "coso/proto/gen/coso/fault/v1"
)

const (
	// A step of a recount is one change of the state; commands wait for it. It ends after so many rows or so much time, and
	// the next one comes after a rest of countRest times as long.
	countRows = 256
	countTime = 2 * time.Millisecond
	countRest = 4
	// countEvery is how often a store on a shared log recounts its tables, beside once when it is opened.
	countEvery = 24 * time.Hour
)

// errMiscounted says that the tables do not hold what entries have put into them.
var errMiscounted = errors.New("INV-STORE-DIGEST: the rows of the tables do not add up to the digest that the entries left; a page of the data file has changed by itself or by another's hand")

// countLoop counts the rows of a file that has no digest; on a shared log, where another copy can take over, it also walks the
// journal and holds the tables against the digest, now and then again, and sets the store aside if one is damaged.
func (s *Store) countLoop() {
	if !s.log.Shared() && s.db.now.Load().digest != nil {
		return
	}
	for again := true; again; again = s.log.Shared() && s.rest(countEvery) {
		if !s.count() || s.log.Shared() && !s.walkJournal() {
			return
		}
	}
}

// walkJournal walks the chain of all entries, with rests; false: the store stops, or is set aside.
func (s *Store) walkJournal() bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err := s.Verify(ctx, func(uint64) {
		if !s.rest(countTime) {
			cancel()
		}
	})
	switch {
	case ctx.Err() != nil:
		return false
	case fault.KindOf(err) == fault.KindDataLoss:
		_ = s.SetAside(err) // it says so itself
		return false
	case err != nil:
		s.logger.Warn("the journal could not be walked; that is tried again", "service", s.service, "error", err)
	}
	return true
}

// count recounts all tables; false: the store stops, or is set aside.
func (s *Store) count() bool {
	names, err := s.summed()
	for failures := 0; ; {
		var done bool
		began := time.Now()
		if err == nil {
			done, err = s.countStep(names)
		}
		switch {
		case err == nil && done:
			return true
		case err == nil:
			failures = 0
		case fault.KindOf(err) == fault.KindDataLoss && s.log.Shared():
			_ = s.SetAside(err) // it says so itself
			return false
		case fault.KindOf(err) == fault.KindDataLoss:
			_ = s.halt(err) // it says so itself
			return false
		default:
			failures++
			s.logger.Warn("recount does not go on", "service", s.service, "error", err)
		}
		pause := countRest * time.Since(began)
		if failures > 0 {
			pause = backoff(failures, time.Minute)
			names, err = s.summed()
		}
		if !s.rest(pause) {
			return false
		}
	}
}

// rest waits; false: the store stops.
func (s *Store) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

func (s *Store) summed() (names []string, err error) {
	err = s.db.file.View(func(tx *bolt.Tx) error {
		names, err = summedBuckets(tx)
		return err
	})
	return names, err
}

// countStep counts the next rows in a change of its own, between any two entries. What has been counted is kept in step by
// the entries that follow (noteDigest).
func (s *Store) countStep(names []string) (done bool, err error) {
	if err := s.db.room(s.stop); err != nil {
		return false, err
	}
	err = readable(s.service, func() error {
		return s.db.Update(func(w *overlay) error {
			done, err = w.count(names)
			return err
		})
	})
	return done, err
}

// count counts the next rows; done: all are, and the sum is the digest's, or is the digest from now on.
func (o *overlay) count(names []string) (done bool, err error) {
	c := counting{}
	if o.counting != nil {
		c = *o.counting
	}
	if done = c.step(o, names, countRows, countTime); !done {
		o.counting = &c
		return false, nil
	}
	o.counting = nil
	switch {
	case o.digest == nil:
		err = o.startDigest(&c.sum)
	case *o.digest != c.sum:
		err = miscounted()
	}
	return true, err
}

// startDigest takes a recount for the digest of what has none.
func (o *overlay) startDigest(l *lanes) error {
	head, err := readHead(o)
	if err != nil {
		return err
	}
	o.digest = l
	return o.put(bucketMeta, keyDigest, digestCell(head, l))
}

// step counts the next rows, at least one; done: there are no more. rows 0: all.
func (c *counting) step(in reading, names []string, rows int, limit time.Duration) (done bool) {
	until, n, d := time.Now().Add(limit), 0, &drawer{}
	at, key, _ := strings.Cut(c.next, "\x00")
	for _, bucket := range names {
		if bucket < at {
			continue
		}
		from := []byte(nil)
		if bucket == at {
			from = []byte(key)
		}
		for k, v := range in.ascend(bucket, nil, from) {
			if rows > 0 && (n == rows || n > 0 && time.Now().After(until)) {
				c.next = cellKey(bucket, k)
				return false
			}
			c.sum.add(d.draw(bucket, k, v))
			c.rows++
			n++
		}
	}
	return true
}

func miscounted() error {
	return fault.DataLoss(faultpb.Reason_REASON_TABLES_DAMAGED, "").With(errMiscounted)
}

// readable runs what reads a file and makes an error of what a damaged page does to its reader: a file that is cut short faults,
// and bbolt panics at pages that make no sense.
func readable(name string, read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "", "name", name).With(fmt.Errorf("the file cannot be read: %v", p))
		}
	}()
	return read()
}

// recountFile counts the rows of a file as it lies there and holds them against its digest. counted is false for a file that
// has none: an earlier version of the program wrote it last.
func recountFile(tx *bolt.Tx) (rows uint64, counted bool, err error) {
	in := boltSpace{tx}
	head, err := readHead(in)
	if err != nil {
		return 0, false, err
	}
	names, err := summedBuckets(tx)
	if err != nil {
		return 0, false, err
	}
	c := counting{}
	c.step(in, names, 0, 0)
	kept := readDigest(in, head)
	if kept != nil && *kept != c.sum {
		err = miscounted()
	}
	return c.rows, kept != nil, err
}
