// Package backup sends a service's data file while the service works, and receives it.
//
// It leaves to others what a file holds (store.Backup, store.VerifyFile), and putting a set of files back (store.Restore).
//
// INV-BACKUP-OWNER: a backup leaves by the operator's socket only, which is open to the owner of the data alone: it holds
// everything that the service knows, its keys too.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"google.golang.org/grpc"

	"coso/services/platform/store"

	backuppb "coso/proto/gen/coso/backup/v1"
)

// partSize is how many bytes a part holds at most.
const partSize = 256 << 10

// Server implements coso.backup.v1.BackupService over one store.
type Server struct {
	backuppb.UnimplementedBackupServiceServer

	store *store.Store
}

// New serves backups of a store.
func New(s *store.Store) *Server { return &Server{store: s} }

// TakeBackup sends the data file and what it holds. Errors are those of store.Backup; that it is asked by the operator's socket, the
// chain sees to.
func (s *Server) TakeBackup(_ *backuppb.TakeBackupRequest, out grpc.ServerStreamingServer[backuppb.BackupPart]) error {
	parts := &sender{out: out, sum: sha256.New()}
	head, err := s.store.Backup(out.Context(), parts)
	if err == nil {
		err = parts.flush()
	}
	if err != nil {
		return err
	}
	return out.Send(&backuppb.BackupPart{Backup: &backuppb.Backup{
		Service: s.store.Service(), Incarnation: s.store.Incarnation().String(), Position: head.GetPosition(),
		Sequence: head.GetEvents(), Moment: head.GetMoment(), Size: parts.size, Sha256: parts.sum.Sum(nil),
	}})
}

// sender cuts a file into parts.
type sender struct {
	out  grpc.ServerStreamingServer[backuppb.BackupPart]
	part []byte
	size uint64
	sum  hash.Hash
}

// Write takes all of p.
func (s *sender) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 {
		n := min(partSize-len(s.part), len(p))
		s.part, p = append(s.part, p[:n]...), p[n:]
		if len(s.part) == partSize {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
	}
	return all, nil
}

// flush sends what is left. A part that was sent is not touched any more: in memory the receiver has it.
func (s *sender) flush() error {
	if len(s.part) == 0 {
		return nil
	}
	s.sum.Write(s.part)
	s.size += uint64(len(s.part))
	part := &backuppb.BackupPart{Data: s.part}
	s.part = nil
	return s.out.Send(part)
}

var (
	errCut   = errors.New("the backup ended before it was whole")
	errOther = errors.New("the bytes that arrived are not those that were sent")
)

// Take asks a service for its backup and writes the file to w. It answers what the file holds once all has arrived as it
// was sent; with an error the file is of no use.
func Take(ctx context.Context, conn grpc.ClientConnInterface, w io.Writer) (*backuppb.Backup, error) {
	in, err := backuppb.NewBackupServiceClient(conn).TakeBackup(ctx, &backuppb.TakeBackupRequest{})
	if err != nil {
		return nil, err
	}
	sum, size := sha256.New(), uint64(0)
	for {
		part, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return nil, errCut
		}
		if err != nil {
			return nil, err
		}
		if b := part.GetBackup(); b != nil {
			if b.GetSize() != size || !bytes.Equal(b.GetSha256(), sum.Sum(nil)) {
				return nil, errOther
			}
			return b, nil
		}
		sum.Write(part.GetData())
		size += uint64(len(part.GetData()))
		if _, err := w.Write(part.GetData()); err != nil {
			return nil, fmt.Errorf("write the backup: %w", err)
		}
	}
}
