package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"coso/deploy/internal/sheet"
	"coso/services/platform/fault"
	shell "coso/services/platform/run"
	"coso/services/platform/store"
	"coso/services/platform/streamlog"
	"coso/services/platform/streamlog/streamlogtest"
	"coso/services/registry"

	faultpb "coso/proto/gen/coso/fault/v1"
	replicapb "coso/proto/gen/coso/replica/v1"
)

// clinic is registry in replicas that answer by sockets, on one log.
type clinic struct {
	t     *testing.T
	nats  *streamlogtest.Cluster
	dirs  map[string]string
	ways  map[string]*wayTo
	stops map[string]func()
}

// wayTo is the way to a replica; there is none while it does not run.
type wayTo struct{ to atomic.Pointer[shell.Service] }

var errNoWayTo = fault.ToStatus(fault.Unavailable(faultpb.Reason_REASON_SERVICE_UNAVAILABLE, ""), "").Err()

// Invoke implements grpc.ClientConnInterface.
func (w *wayTo) Invoke(ctx context.Context, method string, req, answer any, o ...grpc.CallOption) error {
	s := w.to.Load()
	if s == nil {
		return errNoWayTo
	}
	return s.ConnOf(registry.Name).Invoke(ctx, method, req, answer, o...)
}

// NewStream implements grpc.ClientConnInterface.
func (w *wayTo) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s := w.to.Load()
	if s == nil {
		return nil, errNoWayTo
	}
	return s.ConnOf(registry.Name).NewStream(ctx, d, method, o...)
}

// newClinic puts a registry on a log and gives each replica a copy of its file. None runs.
func newClinic(t *testing.T, names ...string) *clinic {
	t.Helper()
	c := &clinic{t: t, nats: streamlogtest.New(t, 1, nil), dirs: map[string]string{}, ways: map[string]*wayTo{}, stops: map[string]func(){}}
	first := t.TempDir()
	alone, err := registry.New(shell.Options{Dir: first, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.run(alone, nil)()
	if _, err := store.Promote(t.Context(), store.Replication{
		Dir: first, Service: registry.Name, Schema: store.NewSchema(), Now: time.Now(), Logger: slog.New(slog.DiscardHandler),
		Log: func(ctx context.Context) (store.SharedLog, error) {
			l, err := streamlog.Begin(ctx, c.nats.Log(registry.Name), streamlog.Shape{Replicas: 1})
			if err == nil {
				l.Look(ctx)
			}
			return l, err
		},
	}); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(first, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		c.dirs[name], c.ways[name] = t.TempDir(), &wayTo{}
		if err := os.WriteFile(filepath.Join(c.dirs[name], "registry.db"), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// run runs a service on sockets in dir (nil: on none) until stop, at the latest when the test ends.
func (c *clinic) run(s *shell.Service, dir *string) (stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	parts := []shell.Part{s.Part(c.nats.JetStream(), nil)}
	if dir != nil {
		parts = append([]shell.Part{shell.Answer("sockets", func(ctx context.Context) ([]shell.On, error) {
			return shell.Sockets(ctx, *dir, slog.New(slog.DiscardHandler), s)
		})}, parts...)
	}
	started, done := make(chan struct{}), make(chan error, 1)
	parts = append(parts, shell.Part{Name: "started", Run: func(ctx context.Context, ready func()) error {
		close(started)
		ready()
		<-ctx.Done()
		return nil
	}})
	go func() { done <- shell.All(ctx, slog.New(slog.DiscardHandler), parts...) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	})
	c.t.Cleanup(stop)
	select {
	case <-started:
	case err := <-done:
		done <- err
		c.t.Fatalf("ended: %v", err)
	}
	return stop
}

func (c *clinic) start(names ...string) {
	c.t.Helper()
	for _, name := range names {
		log := c.nats.Log(registry.Name)
		peers := map[string]grpc.ClientConnInterface{}
		for other, way := range c.ways {
			if other != name {
				peers[other] = way
			}
		}
		dir := c.dirs[name]
		s, err := registry.New(shell.Options{
			Dir: dir, Logger: slog.New(slog.DiscardHandler),
			Replica: &shell.Replica{Self: name, Peers: peers, JetStream: log.JetStream, System: log.System},
		})
		if err != nil {
			c.t.Fatal(err)
		}
		c.ways[name].to.Store(s)
		c.stops[name] = c.run(s, &dir)
	}
}

func (c *clinic) stop(name string) {
	c.ways[name].to.Store(nil)
	c.stops[name]()
}

// asked is what coso doctor says at a replica once it ends with a code and says all that is wanted.
func (c *clinic) asked(name string, code int, want ...string) string {
	c.t.Helper()
	var out string
	deadline := time.Now().Add(streamlogtest.Ready)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		said, _, err := run(c.t, "doctor", "--data", c.dirs[name], "--lang", "en")
		out = said
		if missing := missingIn(out, want); codeOf(err) == code && missing == "" {
			tick.Stop()
			return out
		} else if time.Now().After(deadline) {
			c.t.Fatalf("coso doctor at %s ends with %d (%v), not %d, and does not say %q:\n%s", name, codeOf(err), err, code, missing, out)
		}
	}
}

func missingIn(out string, want []string) string {
	for _, one := range want {
		if !strings.Contains(out, one) {
			return one
		}
	}
	return ""
}

// codeOf is the exit code of a command line.
func codeOf(err error) int {
	if own, ok := errors.AsType[*exitError](err); ok {
		return own.code
	}
	if err != nil {
		return 1
	}
	return 0
}

// What an operator is told of three replicas, from the first day to the worst one, and what the words lead to.
func TestDoctorAtReplicas(t *testing.T) {
	c := newClinic(t, "r1", "r2", "r3")
	c.start("r1")
	c.asked("r1", takesNothing, "TAKES NO COMMANDS (says replica r1)", "nothing is written: 1 of 3 replicas hold the same data, 2 are needed", "r2 does not answer", "coso replicas accept registry")
	c.start("r2")
	c.asked("r1", needsCare, "registry: NEEDS CARE", "! r3 does not answer", "start r3", "agreement 2 of 3, 2 needed")
	c.start("r3")
	out := c.asked("r3", 0, "registry: well (says replica r3)", "this one", "agreement 3 of 3, 2 needed")
	if strings.Count(out, "same (entries and tables)") != 2 {
		t.Errorf("it says\n%s", out)
	}
	if _, _, err := run(t, "replicas", "accept", "registry", "--reason", "for nothing", "--data", c.dirs["r1"], "--lang", "en"); err == nil || !strings.Contains(err.Error(), "there is nothing to accept") {
		t.Errorf("accepting where there is a majority: %v", err)
	}
	c.stop("r2")
	c.stop("r3")
	c.nats.Stop(0)
	c.asked("r1", takesNothing, "the NATS servers do not answer", "writing comes back by itself")
	c.nats.Start(0)
	c.asked("r1", takesNothing, "2 are needed")
	said, _, err := run(t, "replicas", "accept", "registry", "--reason", "r2 and r3 burnt", "--data", c.dirs["r1"], "--lang", "en")
	if err != nil || !strings.Contains(said, "The replica r1 of registry may write without a majority (missing: r2, r3)") {
		t.Fatalf("says %q, %v", said, err)
	}
	c.asked("r1", needsCare, "r1 writes without a majority", "r2 and r3 burnt", "bring r2, r3 back")
	c.start("r2")
	c.asked("r1", needsCare, "! r3 does not answer", "agreement 2 of 3")
	c.stop("r1")
	c.asked("r1", noAnswer, "registry: DOES NOT ANSWER", "start its process again")
}

// A coso without replicas is alone, and well.
func TestDoctorAtOneAlone(t *testing.T) {
	dir := t.TempDir()
	_, stop := serve(t, dir)
	defer stop()
	out, _, err := run(t, "doctor", "--data", dir)
	if err != nil || strings.Count(out, ": tốt (chạy một mình, không có bản sao)\n") != 5 {
		t.Errorf("says %q, %v", out, err)
	}
	_, _, err = run(t, "replicas", "accept", "registry", "--reason", "x", "--data", dir)
	if err == nil {
		t.Error("one alone accepted")
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"doctor", "--data", t.TempDir()}, "không có dữ liệu coso"},
		{[]string{"doctor", "khong-co", "--data", dir}, "không có dịch vụ nào tên là"},
		{[]string{"replicas", "accept", "khong-co", "--reason", "x", "--data", dir}, "không có dịch vụ nào tên là"},
	} {
		if _, _, err := run(t, c.args...); codeOf(err) != 1 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
}

// The words for what is rare, in both languages: what is wrong first, then what to do.
func TestDoctorsWords(t *testing.T) {
	trouble := func(reason faultpb.Reason) *replicapb.Trouble {
		return &replicapb.Trouble{Reason: reason, TextVi: "sai", TextEn: "wrong", Detail: "seen"}
	}
	at := func(p uint64) *replicapb.ReplicaState {
		return &replicapb.ReplicaState{Now: &replicapb.StateAt{Position: p}}
	}
	report := func(change func(r *replicapb.ReplicaReport, self, other *replicapb.ReplicaView)) *replicapb.ReplicaReport {
		self := &replicapb.ReplicaView{Replica: "r1", Relation: replicapb.Relation_RELATION_SELF, State: at(1000)}
		other := &replicapb.ReplicaView{Replica: "r2", Relation: replicapb.Relation_RELATION_SAME, State: at(1000), DigestsCompared: true}
		r := &replicapb.ReplicaReport{
			Service: "registry", Replica: "r1", Log: &replicapb.LogReport{Stream: "COSO_LOG_REGISTRY", LastPosition: 1000},
			Replicas: []*replicapb.ReplicaView{self, other}, Agreement: &replicapb.Agreement{Present: true, Have: 2, Need: 2},
		}
		change(r, self, other)
		return r
	}
	for name, c := range map[string]struct {
		report *replicapb.ReplicaReport
		code   int
		en, vi string
	}{
		"well": {report(func(*replicapb.ReplicaReport, *replicapb.ReplicaView, *replicapb.ReplicaView) {}), 0, "same (entries and tables)", "giống (mục và bảng)"},
		"set aside": {report(func(_ *replicapb.ReplicaReport, self, _ *replicapb.ReplicaView) {
			self.State.Halted, self.State.SetAside = trouble(faultpb.Reason_REASON_REPLICA_DIFFERS), true
		}), takesNothing, "! wrong [seen]\n    → stop r1, keep its data folder", "! sai [seen]\n    → dừng r1, giữ thư mục"},
		"divided": {report(func(r *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) {
			other.Relation = replicapb.Relation_RELATION_DIFFERS
			r.Agreement = &replicapb.Agreement{Missing: trouble(faultpb.Reason_REASON_REPLICAS_DIVIDED)}
		}), takesNothing, "decide which replica is right", "quyết định bản sao nào đúng"},
		"put back": {report(func(r *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) {
			other.State = at(1010)
			r.Agreement = &replicapb.Agreement{Missing: trouble(faultpb.Reason_REASON_LOG_WENT_BACK)}
		}), takesNothing, "at r2, which holds the most entries, run coso replicate registry --delete-log --accept and then coso replicate registry --rebuild --accept", "ở r2, nơi có nhiều mục nhất"},
		"cut off": {report(func(r *replicapb.ReplicaReport, _, _ *replicapb.ReplicaView) {
			r.Agreement = &replicapb.Agreement{Missing: trouble(faultpb.Reason_REASON_LOG_BEHIND)}
		}), takesNothing, "rebuild nothing yet", "chưa dựng lại gì cả"},
		"behind": {report(func(_ *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) { other.State = at(10) }), needsCare, "r2 is 990 entries behind", "r2 chậm 990 mục"},
		"foreign": {report(func(_ *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) {
			other.Relation = replicapb.Relation_RELATION_FOREIGN
		}), needsCare, "r2 holds another journal", "r2 giữ nhật ký khác"},
		"lazy": {report(func(r *replicapb.ReplicaReport, _, _ *replicapb.ReplicaView) {
			r.Log.Lazy = trouble(faultpb.Reason_REASON_JOURNAL_UNAVAILABLE)
		}), needsCare, "set sync_interval: always", "đặt sync_interval: always"},
		"a setting of the stream": {report(func(r *replicapb.ReplicaReport, _, _ *replicapb.ReplicaView) {
			r.Log.Unsound = trouble(faultpb.Reason_REASON_STREAM_CHANGED)
		}), takesNothing, "    → set it back (nats stream edit COSO_LOG_REGISTRY", "    → đặt lại như cũ (nats stream edit COSO_LOG_REGISTRY"},
		"another stream, and a replica with more of another journal": {report(func(r *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) {
			r.Log.Unsound = trouble(faultpb.Reason_REASON_STREAM_FOREIGN)
			other.Relation, other.State = replicapb.Relation_RELATION_FOREIGN, at(9999)
		}), takesNothing, "at r1, which holds the most entries", "ở r1, nơi có nhiều mục nhất"},
		"not behind one with more of another journal": {report(func(r *replicapb.ReplicaReport, _, other *replicapb.ReplicaView) {
			other.Relation, other.State = replicapb.Relation_RELATION_DIFFERS, at(9999)
		}), needsCare, "  r1       1000   0 ", "  r1       1000  0 "},
		"another stream": {report(func(r *replicapb.ReplicaReport, _, _ *replicapb.ReplicaView) {
			r.Log.Unsound = trouble(faultpb.Reason_REASON_STREAM_FOREIGN)
		}), takesNothing, "coso replicate registry --rebuild", "coso replicate registry --rebuild"},
	} {
		for lang, want := range map[sheet.Lang]string{sheet.English: c.en, sheet.Vietnamese: c.vi} {
			p := &patient{service: "registry", report: c.report, findings: words{lang}.of(c.report)}
			var b strings.Builder
			if err := (doctorCommand{Lang: lang}).show(&b, p); err != nil {
				t.Fatal(err)
			}
			if p.code() != c.code || !strings.Contains(b.String(), want) {
				t.Errorf("%s (%s): code %d, says\n%s", name, lang, p.code(), b.String())
			}
		}
	}
}
