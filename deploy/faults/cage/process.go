package cage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program on a host of a cage that can be started again and again.
type Process struct {
	// Name is for messages; Host is the host in whose network it runs.
	Name, Host string
	// Args are the program and its arguments, Env what is in its environment beside the cage's own.
	Args, Env []string
	// Log takes what it says.
	Log io.Writer

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	err   error
}

// Start starts it; it must not run.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && !closed(p.ended) {
		return fmt.Errorf("%s runs already", p.Name)
	}
	// It lives as long as it is let, not as long as a context. nsenter becomes the program: the id is the program's.
	p.cmd = exec.CommandContext(context.Background(), "nsenter", append([]string{"--net=/run/netns/" + p.Host, "--"}, p.Args...)...)
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	cmd, ended := p.cmd, make(chan struct{})
	p.ended = ended
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(ended)
	}()
	return nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Runs reports whether it was started and has not ended; a paused one runs.
func (p *Process) Runs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && !closed(p.ended)
}

// Kill ends it by SIGKILL and waits for its end. No effect on one that does not run.
func (p *Process) Kill() error {
	if !p.Runs() {
		return nil
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// Stop asks it to end and waits for it. An error says how it ended otherwise than in order, or that it did not within limit: then it
// is killed. ok are the exit codes that are in order beside 0.
func (p *Process) Stop(limit time.Duration, ok ...int) error {
	if !p.Runs() {
		return nil
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-p.ended:
	case <-t.C:
		return errors.Join(fmt.Errorf("%s did not stop within %s", p.Name, limit), p.Kill())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if exit, is := errors.AsType[*exec.ExitError](p.err); is {
		for _, code := range ok {
			if exit.ExitCode() == code {
				return nil
			}
		}
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped with: %w", p.Name, p.err)
	}
	return nil
}

// Signal sends it a signal: SIGSTOP and SIGCONT pause it and let it go on.
func (p *Process) Signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || closed(p.ended) {
		return fmt.Errorf("%s does not run", p.Name)
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s to %s: %w", s, p.Name, err)
	}
	return nil
}
