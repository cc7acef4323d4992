package copying

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
	"coso/services/platform/fault"
	"coso/services/platform/streamlog/streamlogtest"
)

// A replica begins with the file of another one and tails the rest; asked again it has nothing to do.
func TestFetch(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 300)
	dir := filepath.Join(t.TempDir(), "new")
	if err := fetch(t.Context(), dir, "registry", p.as("registry")); err != nil {
		t.Fatal(err)
	}
	p.create(300, 310)
	p.mustTail(c, dir)
	if err := fetch(t.Context(), dir, "registry"); err != nil {
		t.Errorf("a folder that has the file: %v", err)
	}
}

// Cut off after every part, by a connection that breaks or a process that ends, a copy goes on where it was: each byte is sent
// once.
func TestFetchGoesOn(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 1800)
	for name, restarted := range map[string]bool{"connection": false, "process": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			way := &broken{ClientConnInterface: p.as("registry"), parts: 1}
			rounds := 0
			for ; ; rounds++ {
				ctx, cancel := context.WithCancel(t.Context())
				if restarted {
					inner := way.ClientConnInterface
					way = &broken{ClientConnInterface: inner, parts: 1, seen: way.seen, change: func(got *replicapb.CopyPart) {
						if got.GetCopy() == nil {
							cancel()
						}
					}}
				}
				err := fetch(ctx, dir, "registry", way)
				cancel()
				if err == nil {
					break
				}
				if !restarted || rounds > 1000 {
					t.Fatal(err)
				}
			}
			info, err := os.Stat(filepath.Join(dir, "registry.db"))
			if err != nil {
				t.Fatal(err)
			}
			if size := uint64(info.Size()); size < 8*partSize || restarted && rounds < 4 || way.seen > size+8*partSize {
				t.Errorf("%d bytes came of a file of %d, in %d calls", way.seen, size, rounds)
			}
			p.mustTail(c, dir)
		})
	}
}

// A server that was started again has no copy any more: the fetch begins anew, with this one or another that answers.
func TestFetchFromAPeerThatStartedAgain(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	way := &broken{ClientConnInterface: p.as("registry"), parts: -1, change: func(got *replicapb.CopyPart) {
		if got.GetOffset() > 0 {
			cancel()
		}
	}}
	if err := fetch(ctx, dir, "registry", way); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "registry.db.part")); err != nil || info.Size() == 0 {
		t.Fatalf("nothing is left: %v", err)
	}
	p.stop()
	p.start(c)
	p.create(600, 610)
	away := &broken{ClientConnInterface: p.as("registry")}
	if err := fetch(t.Context(), dir, "registry", away, p.as("registry")); err != nil {
		t.Fatal(err)
	}
	p.mustTail(c, dir)
}

// A killed server's copies are removed when it starts again, and those of one that ends are.
func TestCopiesAreRemoved(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 10)
	left := filepath.Join(p.dir, ".copy-registry-of-a-killed-one")
	others := filepath.Join(p.dir, ".copy-award-of-a-neighbour")
	for _, path := range []string{left, others} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.serve()
	if err := fetch(t.Context(), t.TempDir(), "registry", p.as("registry")); err != nil {
		t.Fatal(err)
	}
	kept := func() []string {
		all, err := filepath.Glob(filepath.Join(p.dir, ".copy-*"))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if all := kept(); len(all) != 2 { // the neighbour's and the one that is kept for a while
		t.Errorf("there are %v", all)
	}
	if err := fetch(t.Context(), t.TempDir(), "registry", p.as("registry")); err != nil || len(kept()) != 2 {
		t.Errorf("the second one who comes soon gets another copy: %v, %v", kept(), err)
	}
	p.stop()
	if all := kept(); len(all) != 1 || all[0] != others {
		t.Errorf("left are %v", all)
	}
}

// INV-COPY-OWN: other services, the gateway too, get nothing; nor does a replica of another service, or one whose peer has a log
// of its own or has stopped with an alarm.
func TestCopiesForOwnReplicasOnly(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 3)
	alone := &peer{t: t, service: "registry", dir: t.TempDir(), rate: rate}
	alone.start(nil)
	t.Cleanup(alone.stop)
	p.server.o.Sound = func() error { return fault.Unavailable(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE, "") }
	if err := fetch(t.Context(), t.TempDir(), "registry", p.as("registry")); err != nil {
		t.Errorf("of a replica that only cannot write now: %v", err)
	}
	ill := newPeer(t, c)
	ill.server.o.Sound = func() error { return damaged("it is in quarantine") }
	for name, k := range map[string]struct {
		from    grpc.ClientConnInterface
		service string
		reason  faultpb.Reason
	}{
		"membership":        {p.as("membership"), "registry", faultpb.Reason_REASON_SERVICES_ONLY},
		"gateway":           {p.as("gateway"), "registry", faultpb.Reason_REASON_SERVICES_ONLY},
		"nobody":            {p.rpc.Conn(), "registry", faultpb.Reason_REASON_SERVICES_ONLY},
		"award of registry": {p.as("registry"), "award", faultpb.Reason_REASON_INCARNATION_FOREIGN},
		"a log of its own":  {alone.as("registry"), "registry", faultpb.Reason_REASON_JOURNAL_NOT_SHARED},
		"stopped":           {ill.as("registry"), "registry", faultpb.Reason_REASON_DATA_DAMAGED},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := replicapb.NewCopyServiceClient(k.from).FetchCopy(t.Context(), &replicapb.FetchCopyRequest{Service: k.service})
			if err == nil {
				var got *replicapb.CopyPart
				if got, err = in.Recv(); err == nil {
					t.Fatalf("it gets %d bytes", len(got.GetData()))
				}
			}
			if got := fault.From(fault.FromStatus(status.Convert(err))); got.Reason != k.reason {
				t.Errorf("it says %v", err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			dir := t.TempDir()
			if err := fetch(ctx, dir, k.service, k.from); err == nil || there(Options{Dir: dir, Service: k.service}) {
				t.Errorf("it is fetched: %v", err)
			}
		})
	}
}

// A peer that refuses keeps nobody from one that gives; when all refuse the fetch ends.
func TestFetchBesideOneThatRefuses(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 3)
	divided := newPeer(t, c)
	divided.server.o.Sound = func() error {
		return fault.FailedPrecondition(faultpb.Reason_REASON_REPLICAS_DIVIDED, "")
	}
	for name, refusing := range map[string]grpc.ClientConnInterface{"divided": divided.as("registry"), "of another service": p.as("award")} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := fetch(t.Context(), dir, "registry", refusing, p.as("registry")); err != nil {
				t.Fatal(err)
			}
			p.mustTail(c, dir)
		})
	}
	err := fetch(t.Context(), t.TempDir(), "registry", divided.as("registry"), p.as("award"))
	if !refuses(err) {
		t.Errorf("all refuse, and it ends with %v", err)
	}
}

// INV-COPY-ROOM: a copy that would fill the disk of the one who gives it is refused before a byte is written, and given up where
// the room goes meanwhile; who fetches asks on, and gets it from another one, or when there is room.
func TestCopyLeavesRoom(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 2600) // beyond syncEvery
	info, err := os.Stat(filepath.Join(p.dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	whole := uint64(info.Size()) + spare
	asked := 0
	for name, free := range map[string]func() uint64{
		"none from the start": func() uint64 { return whole - 1 },
		"none in the middle":  func() uint64 { return map[bool]uint64{true: whole, false: spare - 1}[asked == 1] },
	} {
		asked = 0
		p.server.free = func(string) (uint64, error) { asked++; return free(), nil }
		_, err := p.server.make(t.Context())
		if fault.ReasonOf(err) != faultpb.Reason_REASON_DISK_FULL || fault.KindOf(err) != fault.KindUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := filepath.Glob(filepath.Join(p.dir, ".copy-*")); err != nil || len(left) > 0 {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
	asked = 0
	p.server.free = func(string) (uint64, error) {
		if asked++; asked == 1 {
			return 0, nil
		}
		return whole, nil
	}
	dir := t.TempDir()
	if err := fetch(t.Context(), dir, "registry", p.as("registry")); err != nil {
		t.Fatal(err)
	}
	p.mustTail(c, dir)
}

// A copy that takes longer to make than a peer may be silent is waited for, and given up by nobody; a peer that says nothing is.
func TestFetchOfACopyThatTakesLong(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	p.server.pace.rate = 1 << 20 // it takes a second
	o := Options{Service: "registry", Dir: t.TempDir(), Peers: []grpc.ClientConnInterface{p.as("registry")}, silence: 300 * time.Millisecond}
	p.server.sign = 50 * time.Millisecond
	if err := Fetch(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p.mustTail(c, o.Dir)

	p.server.sign = time.Hour
	o.Dir = t.TempDir()
	part, err := openPart(o)
	if err != nil {
		t.Fatal(err)
	}
	part.state.Damaged = p.server.now.id // what is kept will not do: another one is made
	f := &fetcher{o: o, part: part}
	if _, err := f.from(t.Context(), o.Peers[0]); !errors.Is(err, errSilent) {
		t.Errorf("of a peer that says nothing: %v", err)
	}
	if err := part.close(); err != nil {
		t.Error(err)
	}
}

// Several fetch at once from one copy, while commands go on; a second process on the same folder is refused.
func TestFetchAtOnce(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	done := make(chan error)
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()}
	for _, dir := range dirs { // more than are served at once: the others come later
		go func() { done <- fetch(t.Context(), dir, "registry", p.as("registry")) }()
	}
	p.create(600, 650)
	for range dirs {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for _, dir := range dirs {
		p.mustTail(c, dir)
	}
	dir := t.TempDir()
	held, err := openPart(Options{Service: "registry", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(t.Context(), dir, "registry", p.as("registry")); fault.ReasonOf(err) != faultpb.Reason_REASON_DATA_LOCKED {
		t.Errorf("a second process gets %v", err)
	}
	if err := held.close(); err != nil {
		t.Error(err)
	}
}

// Who leaves in the middle holds nothing up.
func TestFetchCancelled(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 600)
	p.server.pace.rate = 1 << 20 // slow enough to be in the middle
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := fetch(ctx, t.TempDir(), "registry", p.as("registry")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	eventually(t, func() error {
		if n := len(p.server.fetches); n > 0 {
			return fmt.Errorf("%d still fetch", n)
		}
		return nil
	})
	p.create(600, 601)
}

// INV-COPY-PACED.
func TestPace(t *testing.T) {
	began := time.Now()
	w := &pace{rate: 1 << 20}
	for range 20 {
		if err := w.wait(t.Context(), 1<<20/100); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 180*time.Millisecond {
		t.Errorf("a fifth of a second's bytes took %s", took)
	}
}

// What is sent is what a store would open, byte by byte.
func TestCopySaysWhatItIs(t *testing.T) {
	c := streamlogtest.New(t, 1, nil)
	p := newPeer(t, c)
	p.create(0, 20)
	in, err := replicapb.NewCopyServiceClient(p.as("registry")).FetchCopy(t.Context(), &replicapb.FetchCopyRequest{Service: "registry"})
	sum := sha256.New()
	var last *replicapb.Copy
	for err == nil {
		var got *replicapb.CopyPart
		if got, err = in.Recv(); err == nil {
			sum.Write(got.GetData())
			last = got.GetCopy()
		}
	}
	if !errors.Is(err, io.EOF) || !bytes.Equal(last.GetSha256(), sum.Sum(nil)) || last.GetPosition() != 20 || last.GetIncarnation() != p.store.Incarnation().String() {
		t.Errorf("it says %v, %v", last, err)
	}
}
