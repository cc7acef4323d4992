package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"coso/services/platform/fault"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	faultpb "coso/proto/gen/coso/fault/v1"
	journalpb "coso/proto/gen/coso/journal/v1"
)

// restorer is who a restore says has acted, and how.
const (
	restorer      = "operators/restore"
	restoreMethod = "restore"
)

// Restored is what became of one service's backup.
type Restored struct {
	// Service is the service's name.
	Service string
	// From and To are the journal's incarnation in the backup and from now on.
	From, To uuid.UUID
	// Position is that of the entry that the restore has added; Events counts the events in the journal.
	Position, Events uint64
}

// restoring is one service's file while a set is restored.
type restoring struct {
	Restored
	path string
	s    *Store
	head *journalpb.Head
}

// Restore puts backups of several services, which follow each other, into an empty folder: <from>/<service>.db each. Every
// journal becomes a new incarnation, so that whoever holds a position, an etag or an event of what came after the backup
// notices; the cursors of the followers go with it. Only whole folders are left: what fails leaves none of its files.
//
// Errors: those of VerifyBackup for each; FailedPrecondition (SOURCE_WENT_BACK) if a service has taken events that the
// backup of the one it follows does not hold: backups are taken followers first; AlreadyExists if the folder holds data.
func Restore(ctx context.Context, from, dir string, services []string, now time.Time) (out []Restored, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.Internal(err)
	}
	if err := noData(dir); err != nil {
		return nil, err
	}
	set := map[string]*restoring{}
	var order []*restoring
	defer func() {
		for _, r := range order {
			err = errors.Join(err, r.end(err == nil, filepath.Join(dir, r.Service+".db")))
		}
		if err == nil {
			err = syncFolder(dir)
		}
	}()
	for _, service := range services {
		r, err := copyBackup(ctx, from, dir, service)
		if r != nil {
			set[service], order = r, append(order, r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
	}
	for _, r := range order {
		if err := r.renew(set, now); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Service, err)
		}
		out = append(out, r.Restored)
	}
	return out, nil
}

// noData refuses a folder that holds a store's files.
func noData(dir string) error {
	for _, pattern := range []string{"*.db", "*.wal?"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fault.Internal(err)
		}
		if len(found) > 0 {
			return fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "", "name", found[0])
		}
	}
	return nil
}

// copyBackup checks a backup and copies it beside its place.
func copyBackup(ctx context.Context, from, dir, service string) (*restoring, error) {
	if _, err := VerifyBackup(ctx, from, service, nil); err != nil {
		return nil, err
	}
	r := &restoring{Restored: Restored{Service: service}, path: filepath.Join(dir, service+".restoring")}
	if err := copyFile(filepath.Join(from, service+".db"), r.path); err != nil {
		return r, fault.Internal(err)
	}
	db, err := openFile(r.path, 0)
	if err != nil {
		return r, err
	}
	sc := NewSchema()
	r.s = &Store{
		service: service, schema: sc, recipes: sc.recipes(), unbuilt: sc.recipes(),
		db: newState(newFile(db, func() (*bolt.DB, error) { return nil, errFileClosed })),
	}
	r.s.building.Store(true)
	err = r.s.db.file.View(func(tx *bolt.Tx) error { return r.s.identify(boltSpace{tx}) })
	if err != nil {
		return r, err
	}
	r.head = r.s.Head()
	r.From = r.s.Incarnation()
	r.To, err = uuid.NewV7()
	return r, err
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return errors.Join(err, src.Close())
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close(), src.Close())
}

// renew adds the entry that begins the new incarnation, with the cursors in the journals of the set.
func (r *restoring) renew(set map[string]*restoring, now time.Time) error {
	c := &journalpb.Command{Principal: restorer, Method: restoreMethod}
	err := r.s.db.View(func(in reading) error {
		for key, value := range in.ascend(cursors.spec.bucket(), nil, nil) {
			cursor, err := decodeRecord[*journalpb.Cursor](value)
			if err != nil {
				return err
			}
			if err := r.move(cursor, set); err != nil {
				return err
			}
			value, err := encodeRecord(cursor)
			if err != nil {
				return err
			}
			c.Changes = append(c.Changes, &journalpb.Change{Table: cursors.spec.name, Key: bytes.Clone(key), Value: value})
		}
		return nil
	})
	if err != nil {
		return err
	}
	moment := now.UTC().Truncate(time.Microsecond)
	if last := r.head.GetMoment().AsTime(); r.head.GetPosition() > 0 && !moment.After(last) {
		moment = last.Add(time.Microsecond)
	}
	e, _, err := seal(r.head, r.To[:], timestamppb.New(moment), []*journalpb.Command{c})
	if err != nil {
		return err
	}
	if r.head.GetPosition() > 0 {
		e.RestoredFrom = r.From[:]
	}
	raw, err := deterministic.Marshal(e)
	if err != nil {
		return fault.Internal(err)
	}
	return r.begin(e, raw)
}

// begin makes the entry the last one of the file.
func (r *restoring) begin(e *journalpb.Entry, raw []byte) error {
	err := r.s.db.Update(func(w *overlay) error {
		g, err := r.s.gapsIn(w, true)
		if err != nil {
			return err
		}
		if err := r.s.changeAll(w, g, e, e.GetCommands()[0]); err != nil {
			return err
		}
		head, err := r.s.journal(w, g, e, raw, r.head)
		if err != nil {
			return err
		}
		r.Position, r.Events = head.GetPosition(), head.GetEvents()
		return errors.Join(w.del(bucketMeta, keyLogged), w.put(bucketMeta, keyIncarnation, r.To[:]))
	})
	if err != nil {
		return err
	}
	return r.s.db.checkpoint()
}

// move lets a cursor go on in the new incarnation of its source, if that holds what the follower has taken.
func (r *restoring) move(c *journalpb.Cursor, set map[string]*restoring) error {
	if c.GetSequence() == 0 {
		return nil
	}
	source, ok := set[c.GetSource()]
	if !ok {
		return fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "", "name", c.GetSource())
	}
	wentBack := fault.FailedPrecondition(faultpb.Reason_REASON_SOURCE_WENT_BACK, "", "name", c.GetSource(),
		"value", strconv.FormatUint(c.GetSequence(), 10), "current", strconv.FormatUint(source.head.GetEvents(), 10))
	if !bytes.Equal(c.GetIncarnation(), source.From[:]) || c.GetSequence() > source.head.GetEvents() {
		return wentBack
	}
	events, err := source.s.eventsUpTo(context.Background(), source.head, c.GetSequence(), 1)
	if err != nil {
		return err
	}
	if len(c.GetHash()) > 0 && !bytes.Equal(events[0].Hash[:], c.GetHash()) {
		return wentBack
	}
	c.Incarnation = source.To[:]
	return nil
}

// end closes the file and gives it its name, or removes it.
func (r *restoring) end(whole bool, name string) error {
	var err error
	if r.s != nil {
		err = r.s.db.file.Close()
	}
	if whole && err == nil {
		return os.Rename(r.path, name)
	}
	if gone := os.Remove(r.path); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
