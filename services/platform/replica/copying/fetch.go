package copying

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/fault"
	"coso/services/platform/logfile"
	"coso/services/platform/store"
	"coso/services/platform/wait"
)

const (
	// firstPause and longestPause bound the time between two rounds in which nobody gave anything.
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
	// silence is how long a peer may take for the next part. It makes its copy before the first, which takes long, and gives a sign
	// of that more often.
	silence, sign = 2 * time.Minute, time.Minute
	// damagedCopies is how many copies may arrive damaged before somebody has to look.
	damagedCopies = 3
)

// Options say whose data are fetched, and where to.
type Options struct {
	// Service is the service's name.
	Service string
	// Dir is the data folder; it is made if missing.
	Dir string
	// Peers are the ways to the service's other replicas.
	Peers []grpc.ClientConnInterface
	// Logger takes what an operator must know; nil: slog.Default.
	Logger *slog.Logger

	// pause is the first pause; 0: firstPause.
	pause time.Duration
	// silence is for the next part; 0: silence.
	silence time.Duration
}

// Fetch brings the data file of a service into a folder that has none, from whichever other replica gives it, and returns when it
// is there, whole and verified; at once if it is there already. What an earlier call that was cut off has left is taken up. While
// nobody gives a copy it goes on asking, until ctx ends; it is logged why.
//
// Errors: ctx's; Unavailable (DATA_LOCKED) while another process fetches into the folder; what the disk says when it is full;
// FailedPrecondition and PermissionDenied if each peer refuses so: they are another service's, or their journal is not shared; DataLoss if copy after
// copy arrives damaged.
func Fetch(ctx context.Context, o Options) (err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if there(o) {
		return nil
	}
	p, err := openPart(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if there(o) { // another process has just done it
		return p.forget()
	}
	f := &fetcher{o: o, part: p, logger: cmp.Or(o.Logger, slog.Default()).With("service", o.Service)}
	return f.run(ctx)
}

// there says whether the folder has the service's file.
func there(o Options) bool {
	info, err := os.Stat(filepath.Join(o.Dir, o.Service+".db"))
	return err == nil && info.Size() > 0
}

// fetcher is one Fetch at work.
type fetcher struct {
	o      Options
	part   *part
	logger *slog.Logger
	// damaged counts the copies that were no good, said is the last complaint.
	damaged int
	said    string
}

func (f *fetcher) run(ctx context.Context) error {
	pause := cmp.Or(f.o.pause, firstPause)
	for {
		before := f.part.have
		over, err := f.round(ctx)
		if gone := ctx.Err(); gone != nil && err != nil {
			return gone
		}
		if over {
			return err
		}
		if f.part.have != before {
			pause = cmp.Or(f.o.pause, firstPause)
		}
		f.complain(ctx, err)
		if err := wait.For(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, longestPause)
	}
}

// complain logs why no copy comes, when that is news.
func (f *fetcher) complain(ctx context.Context, err error) {
	if err != nil && err.Error() != f.said {
		f.said = err.Error()
		f.logger.WarnContext(ctx, "no copy of the data file comes; asking goes on", "bytes", f.part.have, "error", err)
	}
}

// errNobody says that there is nobody to ask.
var errNobody = errors.New("no other replica is configured; put the journal on NATS with coso replicate, or name the others")

// final says that asking anybody again is of no use.
func (f *fetcher) final(err error) bool {
	_, local := errors.AsType[*os.PathError](err)
	return local || f.damaged >= damagedCopies
}

// refuses says that a peer will not give anything to this service.
func refuses(err error) bool {
	kind := fault.KindOf(err)
	return kind == fault.KindFailedPrecondition || kind == fault.KindPermissionDenied
}

// round asks each peer until one has given all. over: nobody is asked again, without an error because all has come. A copy that
// all who answer have given up is begun anew.
func (f *fetcher) round(ctx context.Context) (over bool, err error) {
	if len(f.o.Peers) == 0 {
		return true, errNobody
	}
	given, gone, refused := f.part.have, false, 0
	var all error
	for i, peer := range f.o.Peers {
		copied, err := f.from(ctx, peer)
		if err == nil {
			err = f.finish(ctx, copied)
		}
		if err == nil {
			return true, nil
		}
		if f.final(err) || ctx.Err() != nil {
			return true, err
		}
		if refuses(err) {
			refused++
		}
		gone = gone || fault.ReasonOf(err) == faultpb.Reason_REASON_RESOURCE_NOT_FOUND
		all = errors.Join(all, fmt.Errorf("replica %d of %d: %w", i+1, len(f.o.Peers), err))
	}
	if gone && f.part.have == given {
		all = errors.Join(all, f.part.begin("", f.part.state.Damaged))
	}
	return refused == len(f.o.Peers) || f.final(all), all
}

// errSilent says that a peer did not go on in time.
var errSilent = errors.New("it does not go on")

// from takes from one peer what the part lacks, and answers what the whole must be.
func (f *fetcher) from(ctx context.Context, peer grpc.ClientConnInterface) (*replicapb.Copy, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := cmp.Or(f.o.silence, silence)
	stalled := time.AfterFunc(patience, func() { cancel(errSilent) })
	defer stalled.Stop()
	in, err := replicapb.NewCopyServiceClient(peer).FetchCopy(ctx, &replicapb.FetchCopyRequest{
		Service: f.o.Service, CopyId: f.part.state.Copy, Offset: f.part.have, DamagedCopyId: f.part.state.Damaged,
	})
	for err == nil {
		var got *replicapb.CopyPart
		if got, err = in.Recv(); err != nil {
			break
		}
		stalled.Reset(patience)
		if got.GetCopyId() == "" { // it is being made
			continue
		}
		if copied := got.GetCopy(); copied != nil {
			return copied, f.part.is(got)
		}
		if err := f.part.take(got); err != nil {
			return nil, err
		}
	}
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return nil, cause
	}
	if st, ok := status.FromError(err); ok {
		return nil, fault.FromStatus(st)
	}
	return nil, err
}

// finish verifies what has arrived, and gives it its name. A copy that is no good is thrown away.
func (f *fetcher) finish(ctx context.Context, copied *replicapb.Copy) error {
	err := f.part.whole(copied)
	if err == nil {
		err = f.verify(ctx, copied)
	}
	if err == nil {
		err = f.name()
	}
	if fault.KindOf(err) == fault.KindDataLoss {
		f.damaged++
		return errors.Join(err, f.part.begin("", f.part.state.Copy))
	}
	if err == nil {
		f.logger.InfoContext(ctx, "the data file was fetched from another replica", "position", copied.GetPosition(), "bytes", copied.GetSize())
	}
	return err
}

func (f *fetcher) verify(ctx context.Context, copied *replicapb.Copy) error {
	is, err := store.VerifyCopy(ctx, f.o.Dir, filepath.Base(f.part.file.Name()), f.o.Service)
	if err != nil {
		return err
	}
	if is.Incarnation.String() != copied.GetIncarnation() || is.Position != copied.GetPosition() ||
		is.Position > 0 && !bytes.Equal(is.Hash[:], copied.GetEntryHash()) {
		return damaged("the file ends at %d of %s, not at %d of %s", is.Position, is.Incarnation, copied.GetPosition(), copied.GetIncarnation())
	}
	return nil
}

// name makes the part the service's file: INV-COPY-WHOLE.
func (f *fetcher) name() error {
	if err := f.part.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.part.file.Name(), filepath.Join(f.o.Dir, f.o.Service+".db")); err != nil {
		return err
	}
	return errors.Join(logfile.SyncFolder(f.o.Dir), f.part.forget())
}

func damaged(format string, args ...any) error {
	return fault.DataLoss(faultpb.Reason_REASON_DATA_DAMAGED, "").With(fmt.Errorf("the copy: "+format, args...))
}
