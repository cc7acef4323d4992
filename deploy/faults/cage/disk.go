package cage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"unsafe"
)

// Disk is a file system that can be harmed.
type Disk struct {
	// At is the folder where it is mounted.
	At string

	image string
}

// NewDisk makes an ext4 file system of a size in MiB in a file beside the folder at, and mounts it there through a loop device.
func NewDisk(ctx context.Context, at string, mib int) (*Disk, error) {
	d := &Disk{At: at, image: at + ".img"}
	f, err := os.OpenFile(d.image, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(int64(mib)<<20), f.Close(), os.MkdirAll(at, 0o700)); err != nil {
		return nil, err
	}
	// Initialised at once, so that nothing writes to it behind the back of those who use it.
	if err := command(ctx, "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image); err != nil {
		return nil, err
	}
	err = d.Mount(ctx)
	return d, err
}

// Mount mounts it, after what it kept has been brought in order as after a power cut.
func (d *Disk) Mount(ctx context.Context) error {
	return command(ctx, "mount", "-o", "loop", d.image, d.At)
}

// Unmount takes it away; nobody may use it.
func (d *Disk) Unmount(ctx context.Context) error { return command(ctx, "umount", d.At) }

// shutdown is EXT4_IOC_SHUTDOWN, noFlush its way that writes nothing more, not even the journal.
const (
	shutdown = 0x8004587d
	noFlush  = uint32(2)
)

// PowerCut loses everything that was not synced: nothing is written any more, whoever writes fails. Then those who use it are to be
// killed, and it is mounted again after Unmount.
func (d *Disk) PowerCut() error {
	f, err := os.Open(d.At)
	if err != nil {
		return err
	}
	how := noFlush
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))) //nolint:gosec // the kernel takes a pointer
	err = f.Close()
	if errno != 0 {
		return fmt.Errorf("cut the power of %s: %w", d.At, errno)
	}
	return err
}

// NewSmallDisk mounts a file system in memory of a size in MiB.
func NewSmallDisk(ctx context.Context, at string, mib int) (*Disk, error) {
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	return &Disk{At: at}, command(ctx, "mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(mib)+"m,mode=0700", "tmpfs", at)
}

// ballast is the file that fills a disk.
const ballast = "ballast"

// Fill takes all room on a disk but so many KiB. Others may write there meanwhile.
func (d *Disk) Fill(leave int) error {
	f, err := os.OpenFile(filepath.Join(d.At, ballast), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for err = syscall.ENOSPC; errors.Is(err, syscall.ENOSPC); {
		var room syscall.Statfs_t
		if err = syscall.Statfs(d.At, &room); err != nil {
			break
		}
		take := int64(room.Bavail)*room.Bsize - int64(leave)<<10 //nolint:gosec // a small disk
		if take <= 0 {
			break
		}
		err = syscall.Fallocate(int(f.Fd()), 0, 0, take)
	}
	return errors.Join(err, f.Close())
}

// Clear gives the room back that Fill took.
func (d *Disk) Clear() error {
	if err := os.Remove(filepath.Join(d.At, ballast)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Flip changes one bit of a file.
func Flip(path string, offset int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	one := make([]byte, 1)
	_, err = f.ReadAt(one, offset)
	if err == nil {
		one[0] ^= 0x10
		_, err = f.WriteAt(one, offset)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
