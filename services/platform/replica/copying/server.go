package copying

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/access"
	"coso/services/platform/fault"
	"coso/services/platform/store"
)

// ServerOptions say what is copied.
type ServerOptions struct {
	// Store is the replica's, Dir its data folder, in which copies lie as .copy-<service>-* while they are kept.
	Store *store.Store
	Dir   string
	// Sound answers why nobody should begin with this replica's data; nil: nothing speaks against it. What is Unavailable is not
	// of the data and refuses nobody: what is missing may be the very replica that asks.
	Sound func() error
	// Rate is how many bytes a second are copied and sent; 0: 32 MiB.
	Rate int64
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger
}

// Server implements coso.replica.v1.CopyService over one store. Its methods are safe for concurrent use.
type Server struct {
	replicapb.UnimplementedCopyServiceServer

	o    ServerOptions
	pace *pace
	// sign is how often who waits for a copy is told that it is being made.
	sign time.Duration
	// free is how many bytes may still be written in a folder.
	free func(dir string) (uint64, error)
	// fetches has a place for each who fetches, making one for who makes a copy.
	fetches, making chan struct{}

	mu sync.Mutex
	// now is the copy that is kept; nil: none is.
	now *made
}

// made is a copy in the data folder.
type made struct {
	id   string
	file *os.File
	copy *replicapb.Copy
	at   time.Time

	// mu of the server holds these.
	users   int
	dropped bool
	forget  *time.Timer
}

// New serves copies of a store. What a killed process has left of them is removed. Close removes what is kept.
func New(o ServerOptions) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{
		o: o, pace: &pace{rate: cmp.Or(o.Rate, rate)}, sign: sign, free: freeIn,
		fetches: make(chan struct{}, maxFetches), making: make(chan struct{}, 1),
	}
	left, err := filepath.Glob(filepath.Join(o.Dir, s.pattern()))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("old copies in %s: %w", o.Dir, err))
	}
	return s, nil
}

func (s *Server) pattern() string { return ".copy-" + s.o.Store.Service() + "-*" }

// Close removes the copy that is kept, once nobody fetches it.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.drop(s.now)
	s.now = nil
	return err
}

// FetchCopy sends a copy, or the rest of one.
func (s *Server) FetchCopy(req *replicapb.FetchCopyRequest, out grpc.ServerStreamingServer[replicapb.CopyPart]) error {
	ctx := out.Context()
	if err := s.may(ctx, req.GetService()); err != nil {
		return err
	}
	select {
	case s.fetches <- struct{}{}:
		defer func() { <-s.fetches }()
	default:
		return fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, "").With(errBusy)
	}
	m, err := s.taking(ctx, req, out)
	if err != nil {
		return err
	}
	err = s.send(ctx, m, req.GetOffset(), out)
	return errors.Join(err, s.letGo(m))
}

var errBusy = errors.New("enough others fetch a copy")

// may refuses who is no replica of this service, and everybody while nobody should begin with these data (INV-COPY-OWN).
func (s *Server) may(ctx context.Context, service string) error {
	own := s.o.Store.Service()
	if p, _ := access.From(ctx); p.Name != access.Service(own).Name && p.Name != access.Operator {
		return fault.PermissionDenied(faultpb.Reason_REASON_SERVICES_ONLY, "")
	}
	switch {
	case service != own:
		return fault.FailedPrecondition(faultpb.Reason_REASON_INCARNATION_FOREIGN, "service", "value", service, "current", own)
	case !s.o.Store.Shared():
		return fault.FailedPrecondition(faultpb.Reason_REASON_JOURNAL_NOT_SHARED, "", "name", own)
	}
	if s.o.Sound != nil {
		if err := s.o.Sound(); err != nil && fault.KindOf(err) != fault.KindUnavailable {
			return err
		}
	}
	if err := s.o.Store.Healthy(); fault.KindOf(err) == fault.KindDataLoss {
		return err
	}
	return nil
}

// taking is take. As long as it lasts, who waits is told by parts without anything that it goes on.
func (s *Server) taking(ctx context.Context, req *replicapb.FetchCopyRequest, out grpc.ServerStreamingServer[replicapb.CopyPart]) (m *made, err error) {
	taken := make(chan struct{})
	go func() {
		defer close(taken)
		m, err = s.take(ctx, req)
	}()
	tick := time.NewTicker(s.sign)
	defer tick.Stop()
	for {
		select {
		case <-taken:
			return m, err
		case <-tick.C:
		}
		if unheard := out.Send(&replicapb.CopyPart{}); unheard != nil { // then ctx ends
			<-taken
			if m != nil {
				unheard = errors.Join(unheard, s.letGo(m))
			}
			return nil, unheard
		}
	}
}

// take answers the copy that is asked for, which letGo must be told of. One is made where none is kept that will do; those who
// come meanwhile wait for it.
func (s *Server) take(ctx context.Context, req *replicapb.FetchCopyRequest) (*made, error) {
	if id := req.GetCopyId(); id != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if m := s.now; m != nil && m.id == id && req.GetOffset() <= m.copy.GetSize() {
			return m.use(), nil
		}
		return nil, fault.NotFound(faultpb.Reason_REASON_RESOURCE_NOT_FOUND, "copyId", "name", "copies/"+id)
	}
	select {
	case s.making <- struct{}{}:
		defer func() { <-s.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if m := s.fresh(req.GetDamagedCopyId()); m != nil {
		return m, nil
	}
	m, err := s.make(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.drop(s.now)
	s.now = m
	return m.use(), err
}

// fresh answers the copy that is kept, if somebody may begin with it.
func (s *Server) fresh(damaged string) *made {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.now; m != nil && m.id != damaged && time.Since(m.at) < freshCopy {
		return m.use()
	}
	return nil
}

// use notes one more who fetches it. The caller holds mu.
func (m *made) use() *made {
	m.users++
	if m.forget != nil {
		m.forget.Stop()
	}
	return m
}

// letGo notes one less, and removes the copy if nobody needs it any more, now or after a while.
func (s *Server) letGo(m *made) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.users--
	switch {
	case m.users > 0:
		return nil
	case m.dropped:
		return m.remove()
	}
	m.forget = time.AfterFunc(keepCopy, func() { s.outlived(m) })
	return nil
}

// outlived removes a copy that nobody came for.
func (s *Server) outlived(m *made) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.users > 0 || m.dropped {
		return
	}
	if s.now == m {
		s.now = nil
	}
	if err := s.drop(m); err != nil {
		s.o.Logger.Warn("a copy of the data file could not be removed; the next start tries again", "file", m.file.Name(), "error", err)
	}
}

// drop removes a copy as soon as nobody fetches it. The caller holds mu.
func (s *Server) drop(m *made) error {
	if m == nil || m.dropped {
		return nil
	}
	m.dropped = true
	if m.forget != nil {
		m.forget.Stop()
	}
	if m.users > 0 {
		return nil
	}
	return m.remove()
}

func (m *made) remove() error { return errors.Join(m.file.Close(), os.Remove(m.file.Name())) }

// room refuses to write so many bytes into the data folder unless spare is free afterwards: INV-COPY-ROOM.
func (s *Server) room(bytes uint64) error {
	free, err := s.free(s.o.Dir)
	if err != nil {
		return fault.Internal(fmt.Errorf("room for a copy: %w", err))
	}
	if free < bytes+spare {
		return fault.Unavailable(faultpb.Reason_REASON_DISK_FULL, "").With(
			fmt.Errorf("a copy of %d bytes on a disk with %d free: %w", bytes, free, syscall.ENOSPC))
	}
	return nil
}

// make copies the data file in its folder, so that who fetches it slowly holds up nobody.
func (s *Server) make(ctx context.Context) (m *made, err error) {
	info, err := os.Stat(filepath.Join(s.o.Dir, s.o.Store.Service()+".db"))
	if err != nil {
		return nil, fault.Internal(fmt.Errorf("copy the data file: %w", err))
	}
	if err := s.room(uint64(info.Size())); err != nil { //nolint:gosec // a length
		return nil, err
	}
	f, err := os.CreateTemp(s.o.Dir, s.pattern())
	if err != nil {
		return nil, fault.Internal(err)
	}
	m = &made{id: rand.Text(), file: f, at: time.Now()}
	w := &slow{ctx: ctx, pace: s.pace, room: func() error { return s.room(0) }, to: f, sum: sha256.New()}
	head, err := s.o.Store.CopyFile(ctx, w)
	if err != nil {
		return nil, errors.Join(err, m.remove())
	}
	m.copy = &replicapb.Copy{
		Service: s.o.Store.Service(), Incarnation: s.o.Store.Incarnation().String(), Position: head.GetPosition(),
		EntryHash: head.GetHash(), Size: w.size, Sha256: w.sum.Sum(nil),
	}
	s.o.Logger.InfoContext(ctx, "another replica fetches a copy of the data file", "position", head.GetPosition(), "bytes", w.size)
	return m, nil
}

// slow writes a file at a pace, onto the disk.
type slow struct {
	ctx  context.Context //nolint:containedctx // a writer has no place for one
	pace *pace
	// room says whether there is room for more.
	room func() error
	to   *os.File
	sum  hash.Hash
	// size is how many bytes were written, waiting how many of them may not be on the disk.
	size    uint64
	waiting int
}

// Write writes all of p in its time.
func (w *slow) Write(p []byte) (int, error) {
	if err := w.pace.wait(w.ctx, len(p)); err != nil {
		return 0, err
	}
	n, err := w.to.Write(p)
	w.sum.Write(p[:n])
	w.size += uint64(n) //nolint:gosec // a length
	if w.waiting += n; err == nil && w.waiting >= syncEvery {
		w.waiting = 0
		err = errors.Join(w.to.Sync(), w.room())
	}
	return n, err
}

// send sends a copy from an offset on.
func (s *Server) send(ctx context.Context, m *made, offset uint64, out grpc.ServerStreamingServer[replicapb.CopyPart]) error {
	for offset < m.copy.GetSize() {
		data := make([]byte, min(partSize, m.copy.GetSize()-offset)) // a part that was sent is not touched any more
		if err := s.pace.wait(ctx, len(data)); err != nil {
			return err
		}
		if n, err := m.file.ReadAt(data, int64(offset)); n < len(data) { //nolint:gosec // a length
			return fault.Internal(fmt.Errorf("read the copy: %w", errors.Join(err, io.ErrUnexpectedEOF)))
		}
		part := &replicapb.CopyPart{CopyId: m.id, Offset: offset, Data: data, Checksum: crc32.Checksum(data, table)}
		if err := out.Send(part); err != nil {
			return err
		}
		offset += uint64(len(data))
	}
	return out.Send(&replicapb.CopyPart{CopyId: m.id, Offset: offset, Copy: m.copy})
}
