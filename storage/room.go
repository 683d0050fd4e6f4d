package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// probeSize is what is written to find out whether the disk takes anything.
	probeSize = 64 << 10
	// spare is what the disk must have free beside the log to be worth opening: a
	// new segment, head chunks, and time for the size limit to act.
	spare = 256 << 10
)

// errUnknown is a file system that does not tell its size.
var errUnknown = errors.New("the file system does not tell its size")

// freeBytes is how much a file system still takes from us.
func freeBytes(path string) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("ask %s for its free space: %w", path, err)
	}
	if st.Blocks == 0 {
		return 0, 0, errUnknown
	}
	blocks := st.Bavail
	if kept := min(st.Blocks/50, 4096); os.Getuid() == 0 && st.Bfree > kept {
		blocks = max(blocks, st.Bfree-kept) // what is kept back is for root, but what ext4 keeps for itself
	}
	size := int64(st.Frsize) // which the numbers are of, where there is one
	if size == 0 {
		size = int64(st.Bsize)
	}
	return int64(blocks) * size, int64(st.Blocks) * size, nil
}

// part is the size of files that are made, or take space ahead of what is written
// to them: full where there is space, and less on a small disk or under a small
// limit, where one file must not be all that there is. dir is where they are: the
// memory of a store that has left the disk is another file system.
func (s *Store) part(dir string, full, least int64) int64 {
	space := s.retention.Load().Size
	if free, _, err := freeBytes(dir); err == nil && (space == 0 || free < space) {
		space = free
	}
	return min(full, max(least, space/32))
}

// hasFree is nil if the file system of path has n bytes free.
func hasFree(path string, n int64) error {
	free, _, err := freeBytes(path)
	if errors.Is(err, errUnknown) {
		return nil
	}
	if err == nil && free < n {
		err = fmt.Errorf("%s has %d KiB free, and %d KiB are needed: %w", path, free>>10, n>>10, syscall.ENOSPC)
	}
	return err
}

// probe finds out whether the data directory can be written, by writing: a TSDB
// that meets a full disk while it replays its log panics where nobody can catch
// it, and one that meets a broken disk would be set aside piece by piece.
func (s *Store) probe() error {
	need := dirSize(filepath.Join(s.tsdbDir(), "wal")) + spare
	if err := hasFree(s.opts.Dir, need); err != nil {
		return err
	}
	path := filepath.Join(s.opts.Dir, "probe")
	err := writeSynced(path, make([]byte, probeSize))
	if errors.Is(err, syscall.EISDIR) {
		err = errors.Join(os.RemoveAll(path), writeSynced(path, make([]byte, probeSize)))
	}
	if rerr := os.Remove(path); err == nil {
		err = rerr
	}
	if err != nil {
		return fmt.Errorf("write to the data directory: %w", err)
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// dirSize is what the files below dir take from the disk; what vanishes or cannot
// be looked at meanwhile counts nothing. A small file takes a whole block; what
// was just written may not have its blocks yet.
func dirSize(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			n := info.Size()
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				n = max(n, st.Blocks*512)
			}
			size += n
		}
		return nil
	})
	return size
}

// advice is what to do about a disk that refuses.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "free some space on the disk of the data directory"
	case errors.Is(err, syscall.EDQUOT):
		return "raise the disk quota of the data directory"
	case errors.Is(err, syscall.EROFS):
		return "the file system has become read-only, which it does after errors: check the disk, then mount it anew"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "give this process the right to write to the data directory"
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EEXIST):
		return "something else is in the place of the data directory: move it away"
	case errors.Is(err, syscall.ENOENT):
		return "make the data directory, or set DATA_PATH (--storage.path) to one that is there"
	case errors.Is(err, syscall.EIO), errors.Is(err, errFault), errors.Is(err, errDiskFails):
		return "the disk fails: replace it"
	}
	return "check the disk of the data directory"
}
