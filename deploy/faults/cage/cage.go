package cage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// patience is how long a cage that was told to end may take.
const patience = 15 * time.Second

// tools are the commands that a cage calls.
func tools() []string { return []string{"ip", "nsenter", "mount", "umount", "mkfs.ext4"} }

// Possible answers why this process cannot make cages; nil: it can.
func Possible() error {
	if uid := os.Geteuid(); uid != 0 {
		return fmt.Errorf("networks, mounts and loop devices need root, this is user %d; run it as root", uid)
	}
	var missing []error
	for _, tool := range tools() {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, fmt.Errorf("the command %s is missing; install iproute2, util-linux and e2fsprogs", tool))
		}
	}
	return errors.Join(missing...)
}

// Run runs this very program in a new cage, with the arguments given, and waits for its end. When ctx ends the cage is told to end,
// and ended if it does not. What it writes goes to out and log.
func Run(ctx context.Context, out, log io.Writer, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stdout, cmd.Stderr = out, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Setpgid:    true,            // the terminal's signals are for the one outside
		Pdeathsig:  syscall.SIGKILL, // however this process ends
	}
	runtime.LockOSThread() // what counts is the death of the thread that started it
	defer runtime.UnlockOSThread()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("this process may not make namespaces (CAP_SYS_ADMIN is missing, as in a container without it): %w", err)
	}
	if err == nil {
		err = cmd.Wait()
	}
	return err
}

// Enter readies the cage for the process that Run has started in it: nothing that is mounted here is seen outside.
func Enter() error {
	if os.Getpid() != 1 {
		return errors.New("this is no cage: it is begun by Run alone")
	}
	for _, m := range []struct {
		what, at, kind string
		flags          uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0}, // ip keeps the names of networks there
	} {
		if err := syscall.Mount(m.what, m.at, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
		}
	}
	return nil
}

// toolLimit is how long one of the tools may take.
const toolLimit = 30 * time.Second

// command runs one of the tools and answers an error with what it said. What has begun is done, whether or not ctx ends: half a
// harm could not be mended.
func command(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), toolLimit)
	defer cancel()
	said, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}
