package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// LockedError says that another process has the data directory.
type LockedError struct {
	Dir string
	PID string // as that process wrote it; empty if it did not
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "another tocsin (pid " + e.PID + ")"
	}
	return fmt.Sprintf("data directory %s is in use by %s: stop it, or set DATA_PATH (--storage.path) to another directory", e.Dir, who)
}

// dirLock is a data directory that is ours. The lock is the kernel's: it ends
// with the process, however that ends; the file is left behind.
type dirLock struct{ file *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if errors.Is(err, syscall.EISDIR) {
		err = os.Rename(path, path+time.Now().UTC().Format(".damaged-20060102T150405Z"))
		if err == nil {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("lock data directory: %w", err)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(path)
			err = &LockedError{Dir: dir, PID: strings.TrimSpace(string(pid))}
		}
		_ = f.Close() // the lock is what failed
		return nil, err
	}
	// The pid serves only the message above: a disk without room for it is no
	// reason to stay out.
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644)
	return &dirLock{f}, nil
}

// stands tells whether the file that is locked is still the one in dir: another
// file system may have been mounted there since.
func (l *dirLock) stands(dir string) bool {
	ours, err := l.file.Stat()
	theirs, terr := os.Stat(filepath.Join(dir, "lock"))
	return err == nil && terr == nil && os.SameFile(ours, theirs)
}

func (l *dirLock) release() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

// relock makes sure that the directory that is there now is ours.
func (s *Store) relock() error {
	if s.lock != nil && !s.lock.stands(s.opts.Dir) {
		if err := s.unlock(); err != nil {
			return err
		}
	}
	return s.lockOnce()
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
