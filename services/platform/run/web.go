package run

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
)

// Web lets an HTTP server answer on a listener, as a part. It lets requests under way finish within half the time that a
// part has to stop; a client that does not take its answer by then is cut, which is no failure of the stop. answers, if
// any, is told once it answers.
func Web(name string, logger *slog.Logger, server *http.Server, listener net.Listener, answers func()) Part {
	return Part{Name: name, Run: func(ctx context.Context, ready func()) error {
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		ready()
		if answers != nil {
			answers()
		}
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainLimit)
		defer cancel()
		err := server.Shutdown(drain)
		if errors.Is(err, context.DeadlineExceeded) {
			logger.WarnContext(ctx, "clients were cut that did not take their answers", "part", name, "after", drainLimit)
			err = server.Close()
		}
		if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}}
}
