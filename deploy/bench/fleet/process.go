package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to stop.
const stopLimit = 30 * time.Second

// Process is a program that can be started again and again. It ends with the process that started it. Its methods are for one
// goroutine at a time.
type Process struct {
	// Name is for messages.
	Name string

	args, env []string
	cmd       *exec.Cmd
	said      *said
	ended     chan struct{}
	err       error
}

// Start starts it; it must not run.
func (p *Process) Start() error {
	if p.Runs() {
		return fmt.Errorf("%s runs already", p.Name)
	}
	p.said, p.ended, p.err = &said{}, make(chan struct{}), nil
	p.cmd = exec.CommandContext(context.Background(), p.args[0], p.args[1:]...) // it lives until it is ended
	p.cmd.Env = append(os.Environ(), p.env...)
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // the terminal's signals are for the one that measures, which ends it
		Pdeathsig: syscall.SIGKILL, // however that one ends
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return nil
}

// Runs reports whether it was started and has not ended.
func (p *Process) Runs() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Kill ends it by SIGKILL and waits for its end. No effect on one that does not run.
func (p *Process) Kill() error {
	if !p.Runs() {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.Name, err)
	}
	<-p.ended
	return nil
}

// Stop asks it to end and waits for that. An error says how it ended otherwise than in order.
func (p *Process) Stop() error {
	if !p.Runs() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.Name, err)
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.ended:
	case <-limit.C:
		return errors.Join(fmt.Errorf("%s did not stop within %s: %s", p.Name, stopLimit, p.said), p.Kill())
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped with: %w: %s", p.Name, p.err, p.said)
	}
	return nil
}

// errEnded says that a process has ended that should run.
var errEnded = errors.New("the process has ended")

// alive answers nil while it runs; otherwise how it ended, and what it said.
func (p *Process) alive() error {
	if p.Runs() {
		return nil
	}
	return fmt.Errorf("%s: %w (%v): %s", p.Name, errEnded, p.err, p.said) //nolint:errorlint // nil after an orderly end
}

// tick is what the kernel counts the time of processors in.
const tick = 10 * time.Millisecond

// used is how much of the processors it has used so far; 0 for one that does not run.
func (p *Process) used() (time.Duration, error) {
	if !p.Runs() {
		return 0, nil
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("what %s has used: %w", p.Name, err)
	}
	// Behind the name, which may hold anything: the state, ten numbers, the time of the program's own and that of the kernel for it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const own, kernel = 11, 12
	if len(fields) <= kernel {
		return 0, fmt.Errorf("what %s has used: %q", p.Name, stat)
	}
	a, err := strconv.Atoi(string(fields[own]))
	b, err2 := strconv.Atoi(string(fields[kernel]))
	return time.Duration(a+b) * tick, errors.Join(err, err2)
}

// keepSaid is how many bytes of what a process said last are kept.
const keepSaid = 8 << 10

// said keeps the end of what a process says.
type said struct {
	mu   sync.Mutex
	text []byte
}

// Write never errs.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	if over := len(s.text) - keepSaid; over > 0 {
		s.text = append(s.text[:0], s.text[over:]...)
	}
	return len(p), nil
}

// String is what was kept.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(bytes.TrimSpace(s.text))
}
