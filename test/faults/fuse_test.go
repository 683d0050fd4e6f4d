package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// node is one inode of a disk as the kernel sees it.
type node struct {
	fs.Inode
	disk *disk
	ino  int
}

// markFile is a file of the root: a number that is written to it is a mark, set
// when the write returns.
const markFile = "mark"

// mount serves a disk, and returns a path to its root that other processes can
// use. The mount is in no directory, only in this process: nothing is left of it
// when the process ends, however it does.
func mount(t *testing.T, d *disk) string {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		missing(t, "a file system that loses what is not synced needs root and /dev/fuse")
	}
	dir := t.TempDir()
	server, err := fs.Mount(dir, &node{disk: d}, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true, FsName: "powercut", Name: "powercut", MaxWrite: 128 << 10,
	}})
	if err != nil {
		missing(t, "mount: %v", err)
	}
	root, err := os.Open(dir)
	if err == nil {
		err = unix.Unmount(dir, unix.MNT_DETACH)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
		server.Wait() // the last user has gone
	})
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), root.Fd())
}

// missing skips a test for want of something, where that is allowed.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func (n *node) child(ctx context.Context, ino int) *fs.Inode {
	mode := uint32(fuse.S_IFREG)
	if n.disk.now[ino].entries != nil {
		mode = fuse.S_IFDIR
	}
	return n.NewInode(ctx, &node{disk: n.disk, ino: ino}, fs.StableAttr{Mode: mode, Ino: uint64(ino) + 1})
}

func (n *node) attr(a *fuse.Attr) {
	me := n.disk.now[n.ino]
	a.Mode, a.Size, a.Nlink = fuse.S_IFREG|0o644, uint64(me.size), 1
	if me.entries != nil {
		a.Mode = fuse.S_IFDIR | 0o755
	}
	a.Blksize, a.Blocks = pageSize, uint64(len(me.pages)*pageSize/512)
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	ino, ok := n.disk.now[n.ino].entries[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	c := n.child(ctx, ino)
	(&node{disk: n.disk, ino: ino}).attr(&out.Attr)
	return c, 0
}

// make makes a file or directory.
func (n *node) make(ctx context.Context, name string, directory bool, out *fuse.EntryOut) *fs.Inode {
	ino := len(n.disk.now)
	n.disk.do(op{kind: opMake, dir: n.ino, name: name, ino: ino, directory: directory})
	(&node{disk: n.disk, ino: ino}).attr(&out.Attr)
	return n.child(ctx, ino)
}

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, _ uint32, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	return n.make(ctx, name, false, out), nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Mkdir implements fs.NodeMkdirer.
func (n *node) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	return n.make(ctx, name, true, out), 0
}

func (n *node) remove(name string) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	ino, ok := n.disk.now[n.ino].entries[name]
	if !ok {
		return syscall.ENOENT
	}
	if len(n.disk.now[ino].entries) > 0 {
		return syscall.ENOTEMPTY
	}
	n.disk.do(op{kind: opRemove, dir: n.ino, name: name, ino: ino})
	return 0
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name) }

// Rmdir implements fs.NodeRmdirer.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno { return n.remove(name) }

// Rename implements fs.NodeRenamer.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	to := newParent.(*node).ino
	ino, ok := n.disk.now[n.ino].entries[name]
	switch old, there := n.disk.now[to].entries[newName]; {
	case !ok:
		return syscall.ENOENT
	case flags != 0:
		return syscall.EINVAL
	case there && len(n.disk.now[old].entries) > 0:
		return syscall.ENOTEMPTY
	}
	n.disk.do(op{kind: opRename, dir: n.ino, name: name, newDir: to, newName: newName, ino: ino})
	return 0
}

// Readdir implements fs.NodeReaddirer.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	var list []fuse.DirEntry
	for name, ino := range n.disk.now[n.ino].entries {
		mode := uint32(fuse.S_IFREG)
		if n.disk.now[ino].entries != nil {
			mode = fuse.S_IFDIR
		}
		list = append(list, fuse.DirEntry{Name: name, Mode: mode, Ino: uint64(ino) + 1})
	}
	return fs.NewListDirStream(list), 0
}

// Getattr implements fs.NodeGetattrer.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.attr(&out.Attr)
	return 0
}

// Setattr implements fs.NodeSetattrer: sizes count, the rest is not kept.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if size, ok := in.GetSize(); ok {
		n.disk.do(op{kind: opTruncate, ino: n.ino, off: int64(size)})
	}
	n.attr(&out.Attr)
	return 0
}

// Open implements fs.NodeOpener. Nobody but this kernel writes: its cache is good.
func (n *node) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read implements fs.NodeReader.
func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	return fuse.ReadResultData(n.disk.now[n.ino].read(dest, off)), 0
}

// Write implements fs.NodeWriter.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if ino, ok := n.disk.now[0].entries[markFile]; ok && ino == n.ino {
		var mark int
		if _, err := fmt.Sscan(string(data), &mark); err != nil {
			return 0, syscall.EINVAL
		}
		n.disk.do(op{kind: opMark, mark: mark})
		return uint32(len(data)), 0
	}
	n.disk.do(op{kind: opWrite, ino: n.ino, off: off, data: append([]byte(nil), data...)})
	return uint32(len(data)), 0
}

// Allocate implements fs.NodeAllocater.
func (n *node) Allocate(_ context.Context, _ fs.FileHandle, off, size uint64, mode uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if end := int64(off + size); mode == 0 && end > n.disk.now[n.ino].size {
		n.disk.do(op{kind: opTruncate, ino: n.ino, off: end})
	}
	return 0
}

// Statfs implements fs.NodeStatfser: there is always room.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.Bsize, out.Frsize, out.NameLen = pageSize, pageSize, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<20, 1<<20, 1<<20
	out.Files, out.Ffree = 1<<20, 1<<20
	return 0
}

// Flush implements fs.NodeFlusher: closing a file makes nothing durable.
func (n *node) Flush(context.Context, fs.FileHandle) syscall.Errno { return 0 }

// Fsync implements fs.NodeFsyncer, for files and directories.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.disk.do(op{kind: opSync, ino: n.ino})
	return 0
}

// marker is how a process says that it was told that something is durable.
func marker(root string) (func(n int) error, error) {
	f, err := os.OpenFile(filepath.Join(root, markFile), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return func(n int) error {
		_, err := f.WriteAt([]byte(fmt.Sprint(n)), 0)
		return err
	}, nil
}
