package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"coso/services/platform/fault"
	"coso/services/platform/logfile"

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
	s    *Store
	head *journalpb.Head
}

// Restore puts backups of several services, which follow each other, into an empty folder, or one that is not there:
// <from>/<service>.db each. Every journal becomes a new incarnation, so that whoever holds a position, an etag or an event of
// what came after the backup notices; the cursors of the followers go with it. The folder appears whole or not at all.
//
// Errors: those of VerifyBackup for each; FailedPrecondition (SOURCE_WENT_BACK) if a service has taken events that the
// backup of the one it follows does not hold: backups are taken followers first; AlreadyExists if the folder holds anything.
func Restore(ctx context.Context, from, dir string, services []string, now time.Time) (out []Restored, err error) {
	dir = filepath.Clean(dir)
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return nil, fault.AlreadyExists(faultpb.Reason_REASON_RESOURCE_EXISTS, "", "name", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fault.Internal(err)
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+".restoring-*")
	if err != nil {
		return nil, fault.Internal(err)
	}
	if out, err = restoreInto(ctx, from, beside, services, now); err == nil {
		err = moveFolder(beside, dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(beside))
	}
	return out, nil
}

func restoreInto(ctx context.Context, from, dir string, services []string, now time.Time) (out []Restored, err error) {
	set := map[string]*restoring{}
	defer func() {
		for _, r := range set {
			if r.s != nil {
				err = errors.Join(err, r.s.db.file.Close())
			}
		}
	}()
	for _, service := range services {
		r := &restoring{Restored: Restored{Service: service}}
		set[service] = r
		if err := r.copyBackup(ctx, from, dir); err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
	}
	for _, service := range services {
		if err := set[service].renew(set, now); err != nil {
			return nil, fmt.Errorf("%s: %w", service, err)
		}
		out = append(out, set[service].Restored)
	}
	return out, nil
}

// moveFolder gives a folder its name, in the place of an empty one or none.
func moveFolder(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault.Internal(err)
	}
	if err := errors.Join(logfile.SyncFolder(from), os.Rename(from, to), logfile.SyncFolder(filepath.Dir(to))); err != nil {
		return fault.Internal(err)
	}
	return nil
}

// copyBackup checks a backup, copies it and opens the copy.
func (r *restoring) copyBackup(ctx context.Context, from, dir string) error {
	if _, err := VerifyBackup(ctx, from, r.Service, nil); err != nil {
		return err
	}
	path := filepath.Join(dir, r.Service+".db")
	if err := copyFile(filepath.Join(from, r.Service+".db"), path); err != nil {
		return fault.Internal(err)
	}
	db, err := openFile(path, 0)
	if err != nil {
		return err
	}
	sc := NewSchema()
	r.s = &Store{
		service: r.Service, schema: sc, recipes: sc.recipes(), unbuilt: sc.recipes(),
		db: newState(newFile(db, func() (*bolt.DB, error) { return nil, errFileClosed })),
	}
	r.s.building.Store(true)
	if err := r.s.db.file.View(func(tx *bolt.Tx) error { return r.s.identify(boltSpace{tx}) }); err != nil {
		return err
	}
	r.head, r.From = r.s.Head(), r.s.Incarnation()
	r.To, err = uuid.NewV7()
	return err
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
	e, _, err := seal(r.head, r.To[:], "", timestamppb.New(moment), []*journalpb.Command{c})
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
	return r.begin(e, raw, func(writing) error { return nil })
}

// begin makes the entry the last one of the file, which has a log of its own from then on unless also says otherwise.
func (r *restoring) begin(e *journalpb.Entry, raw []byte, also func(writing) error) error {
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
		return errors.Join(w.del(bucketMeta, keyLogged), w.del(bucketMeta, keyShared), w.del(bucketMeta, keyLeaving),
			w.put(bucketMeta, keyIncarnation, r.To[:]), also(w))
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
	var hash [sha256.Size]byte
	err := source.s.db.View(func(in reading) error {
		position, err := entryOfEvent(in, source.head, c.GetSequence())
		hash = sha256.Sum256(in.get(bucketJournal, positionKey(position)))
		return err
	})
	if err != nil {
		return err
	}
	if len(c.GetHash()) > 0 && !bytes.Equal(hash[:], c.GetHash()) {
		return wentBack
	}
	c.Incarnation = source.To[:]
	return nil
}
