package storage

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tmpfs is where Linux keeps files in memory.
const tmpfs = "/dev/shm"

// memoryRoom is what a file system must have free to take a store in memory.
const memoryRoom = 1 << 20

// openMemory opens an empty TSDB in memory.
func (s *Store) openMemory() (*handle, error) {
	if err := s.makeMemoryDir(); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.memoryDir, strconv.FormatUint(s.generation+1, 10))
	h, err := s.openAt(dir, true)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open storage in memory: %w", err), os.RemoveAll(dir))
	}
	return h, nil
}

// makeMemoryDir makes the directory in memory, on the first file system that
// takes it: the tmpfs, or the system's own places for what does not last.
func (s *Store) makeMemoryDir() error {
	if s.memoryDir != "" {
		return nil
	}
	name, err := s.memoryName()
	if err != nil {
		return err
	}
	var errs []error
	for _, parent := range []string{tmpfs, "/run", os.TempDir(), "/var/tmp"} {
		dir := filepath.Join(parent, name)
		if s.lock == nil {
			// The data directory could not be locked: another process may be here for
			// the same reason.
			dir += "-" + strconv.Itoa(os.Getpid())
		}
		if err := errors.Join(removeAbandoned(filepath.Join(parent, name)), os.RemoveAll(dir), os.Mkdir(dir, 0o700), hasFree(parent, memoryRoom)); err != nil {
			errs = append(errs, err, os.RemoveAll(dir))
			continue
		}
		s.memoryDir = dir
		return nil
	}
	return fmt.Errorf("make directory in memory: %w", errors.Join(errs...))
}

// memoryName is made from that of the data directory, so that what a killed
// process left there is found: it is memory that nobody else would free.
func (s *Store) memoryName() (string, error) {
	abs, err := filepath.Abs(s.opts.Dir)
	if err != nil {
		return "", fmt.Errorf("make directory in memory: %w", err)
	}
	h := fnv.New64a()
	h.Write([]byte(abs))
	return fmt.Sprintf("tocsin-%016x", h.Sum64()), nil
}

// removeAbandoned removes what processes left that had no lock and are no more.
func removeAbandoned(prefix string) error {
	left, err := filepath.Glob(prefix + "-*")
	for _, dir := range left {
		pid, perr := strconv.Atoi(strings.TrimPrefix(dir, prefix+"-"))
		if perr != nil || pid != os.Getpid() && syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// removeMemory ends all that was in memory.
func (s *Store) removeMemory() error {
	dir := s.memoryDir
	s.memoryDir = ""
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}
