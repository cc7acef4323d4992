package checkpoint_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"coso/services/platform/checkpoint"
	"coso/services/platform/fault"
	"coso/services/platform/rpc"
	"coso/services/platform/run"
	"coso/services/platform/run/ops"
	"coso/services/platform/store"

	checkpointpb "coso/proto/gen/coso/checkpoint/v1"
	faultpb "coso/proto/gen/coso/fault/v1"
	registrypb "coso/proto/gen/coso/registry/v1"
)

// running runs a service with its operator's socket until stop.
func running(t *testing.T, dir string) (s *run.Service, conn *grpc.ClientConn, stop func()) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	units := store.NewTable("units", (*registrypb.Unit).GetName)
	s, err := run.New(run.Options{Dir: dir, Logger: logger}, run.Parts{
		Name: "registry", Schema: store.NewSchema(units), Register: func(grpc.ServiceRegistrar, *store.Store) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, done := make(chan struct{}), make(chan error, 1)
	last := run.Part{Name: "ready", Run: func(ctx context.Context, started func()) error {
		started()
		close(ready)
		<-ctx.Done()
		return nil
	}}
	go func() {
		done <- run.All(ctx, logger, run.Answer("sockets", func(ctx context.Context) ([]run.On, error) {
			return run.Sockets(ctx, dir, logger, s)
		}), s.Part(nil, nil), last)
	}()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		t.Fatal(err)
	}
	if conn, err = rpc.DialSocket(run.Socket(dir, "registry")); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		if err := errors.Join(conn.Close(), <-done); err != nil {
			t.Error(err)
		}
	}
	b := &bench{Store: s.Store(), units: units}
	b.add(t, numbered("u", 1, 3)...)
	return s, conn, stop
}

// A service makes its key when it starts, signs for an operator on its machine alone, and signs what has changed when it
// stops.
func TestAServiceSigns(t *testing.T) {
	dir := t.TempDir()
	s, conn, stop := running(t, dir)
	_, err := checkpointpb.NewCheckpointServiceClient(s.Conn()).SignCheckpoint(t.Context(), &checkpointpb.SignCheckpointRequest{})
	if fault.ReasonOf(fault.FromStatus(status.Convert(err))) != faultpb.Reason_REASON_OPERATOR_ONLY {
		t.Errorf("elsewhere than by the socket it says %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, checkpoint.FileName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before anything is signed there is a file, or %v", err)
	}
	signed, err := checkpointpb.NewCheckpointServiceClient(conn).SignCheckpoint(t.Context(), &checkpointpb.SignCheckpointRequest{})
	if err != nil {
		t.Fatalf("by the socket it says %v", err)
	}
	key, err := checkpoint.ReadKey(filepath.Join(dir, checkpoint.KeyName)) // made at the latest when it is needed
	if err != nil || !signed.GetFresh() || signed.GetVerifierKey() != key.Verifier || signed.GetService() != "registry" {
		t.Fatalf("by the socket it says %v, %v", signed, err)
	}
	stop()
	notes := notesIn(t, filepath.Join(dir, checkpoint.FileName), key.Verifier)
	if len(notes) != 1 || notes[0].Text != signed.GetNote() {
		t.Errorf("a stop without a change signs again: %d notes", len(notes))
	}
}

// What cannot be written makes the process not ready, by name.
func TestReadinessNamesWhatIsNotSigned(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, checkpoint.FileName), 0o700); err != nil {
		t.Fatal(err)
	}
	s, conn, stop := running(t, dir)
	ready := &ops.Readiness{Whole: []ops.Peer{{Name: "registry", Conn: conn, Sound: s.Store().Healthy, Signed: s.Signed}}}
	if err := ready.Ready(t.Context()); err != nil {
		t.Errorf("before it signs it says %v", err)
	}
	_, err := checkpointpb.NewCheckpointServiceClient(conn).SignCheckpoint(t.Context(), &checkpointpb.SignCheckpointRequest{})
	if fault.ReasonOf(fault.FromStatus(status.Convert(err))) != faultpb.Reason_REASON_CHECKPOINT_UNWRITTEN {
		t.Errorf("signing says %v", err)
	}
	if err := ready.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "registry: No checkpoint of the service registry") {
		t.Errorf("it says %v", err)
	}
	if err := os.Remove(filepath.Join(dir, checkpoint.FileName)); err != nil {
		t.Fatal(err)
	}
	stop()
	if f := checkpoint.Parse(read(t, filepath.Join(dir, checkpoint.FileName))); len(f.Notes) != 1 {
		t.Errorf("at its stop it has signed %d notes", len(f.Notes))
	}
}
