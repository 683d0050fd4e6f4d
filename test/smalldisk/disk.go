// Package smalldisk gives tests a file system of a few MiB that they can fill,
// break and repair: an ext4 in a file, mounted over a loop device in the test's
// temporary directory, and gone with the test.
//
// It needs root and e2fsprogs. Where one of them is missing the test is skipped,
// or fails if CI=true.
package smalldisk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Disk is a file system of its own.
type Disk struct {
	// Dir is where it is mounted.
	Dir string

	t     testing.TB
	image string
	below string // a tmpfs that holds the image; empty if nothing does
}

// New makes and mounts a file system of the given size.
func New(t testing.TB, mib int) *Disk {
	t.Helper()
	return makeDisk(t, mib, "")
}

// NewFailing is New, but the medium takes no more than the given number of KiB:
// what is written beyond is answered with EIO, as by a card at its end.
func NewFailing(t testing.TB, mib, kib int) *Disk {
	t.Helper()
	needs(t)
	below := t.TempDir()
	mount(t, "-t", "tmpfs", "-o", fmt.Sprintf("size=%dk", kib), "tmpfs", below)
	t.Cleanup(func() { unmount(t, below) })
	return makeDisk(t, mib, below)
}

func makeDisk(t testing.TB, mib int, below string) *Disk {
	t.Helper()
	needs(t)
	root := t.TempDir()
	d := &Disk{Dir: filepath.Join(root, "disk"), t: t, image: filepath.Join(root, "image"), below: below}
	if below != "" {
		d.image = filepath.Join(below, "image")
	}
	if err := errors.Join(os.Mkdir(d.Dir, 0o755), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, int64(mib)<<20)); err != nil {
		t.Fatal(err)
	}
	// Nothing is kept back for root: full is full.
	run(t, "mkfs.ext4", "-q", "-F", "-m", "0", "-E", "nodiscard", "-J", "size=1", d.image)
	mount(t, "-o", "loop", d.image, d.Dir)
	t.Cleanup(func() { unmount(t, d.Dir) })
	return d
}

// needs skips the test where it cannot have a disk.
func needs(t testing.TB) {
	t.Helper()
	missing := func(why string) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if os.Getuid() != 0 {
		missing("a file system of its own needs root")
	}
	for _, name := range []string{"mkfs.ext4", "e2fsck", "mount", "umount"} {
		if _, err := command(name); err != nil {
			missing(name + " is missing: test/install-deps installs it")
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		missing("a file system of its own needs loop devices: " + err.Error())
	}
}

// command finds a program where Debian puts those for root, too.
func command(name string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if err := try(name, args...); err != nil {
		t.Fatal(err)
	}
}

func try(name string, args ...string) error {
	path, err := command(name)
	if err != nil {
		return err
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func mount(t testing.TB, args ...string) {
	t.Helper()
	if err := try("mount", args...); err != nil {
		if os.Getenv("CI") != "true" && strings.Contains(err.Error(), "permission denied") {
			t.Skipf("no right to mount: %v", err)
		}
		t.Fatal(err)
	}
}

// unmount also detaches what is still in use: the mount goes with its last user.
func unmount(t testing.TB, dir string) {
	t.Helper()
	if try("umount", dir) == nil {
		return
	}
	if err := try("umount", "-l", dir); err != nil {
		t.Errorf("a mount is left behind: %v", err)
	}
}

// filler is the file that takes all the space.
func (d *Disk) filler() string { return filepath.Join(d.Dir, "filler") }

// Fill takes the space down to the last byte.
func (d *Disk) Fill() {
	d.t.Helper()
	f, err := os.OpenFile(d.filler(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		_, err := f.Write(make([]byte, size))
		switch {
		case err == nil:
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		default:
			d.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		d.t.Fatal(err)
	}
}

// Free gives the space back that Fill took.
func (d *Disk) Free() {
	d.t.Helper()
	if err := os.Remove(d.filler()); err != nil {
		d.t.Fatal(err)
	}
}

// Abort makes the kernel give the file system up, as after an error: from now on
// it is read-only, also for files that are open for writing.
func (d *Disk) Abort() {
	d.t.Helper()
	run(d.t, "mount", "-o", "remount,abort", d.Dir)
}

// Exchange unmounts the file system, checks it as a person would, and mounts it
// again, also under the feet of a process that uses it. What is mounted is a copy
// on another device: the kernel would give back the broken one for as long as
// somebody has a file open there.
func (d *Disk) Exchange() {
	d.t.Helper()
	run(d.t, "umount", "-l", d.Dir)
	to := filepath.Join(filepath.Dir(d.Dir), fmt.Sprintf("image-%d", len(d.image)))
	if err := copyFile(d.image, to); err != nil {
		d.t.Fatal(err)
	}
	d.image = to
	path, err := command("e2fsck")
	if err != nil {
		d.t.Fatal(err)
	}
	out, err := exec.Command(path, "-fy", d.image).CombinedOutput()
	exit := (*exec.ExitError)(nil)
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 2) { // up to 2: repaired
		d.t.Fatalf("e2fsck: %v\n%s", err, out)
	}
	mount(d.t, "-o", "loop", d.image, d.Dir)
}

// Wear writes to a disk of NewFailing until it answers with EIO.
func (d *Disk) Wear() {
	d.t.Helper()
	f, err := os.OpenFile(d.filler(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = byte(i * i >> 3) // not zeros, which take no space below
	}
	for err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Sync())
	}
	if !errors.Is(err, syscall.EIO) {
		d.t.Fatalf("the disk answers with %v, want EIO", err)
	}
}

// ReadOnly mounts the file system read-only, which works only where nobody has a
// file open for writing; Writable is the way back.
func (d *Disk) ReadOnly() { d.t.Helper(); run(d.t, "mount", "-o", "remount,ro", d.Dir) }

// Writable undoes ReadOnly.
func (d *Disk) Writable() { d.t.Helper(); run(d.t, "mount", "-o", "remount,rw", d.Dir) }

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
