package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/prometheus/prometheus/tsdb/fileutil"
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
type dirLock struct{ releaser fileutil.Releaser }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "lock")
	r, _, err := fileutil.Flock(path)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EACCES) && fileExists(path):
		pid, _ := os.ReadFile(path)
		return nil, &LockedError{Dir: dir, PID: strings.TrimSpace(string(pid))}
	case err != nil:
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	// The pid serves only the message above: a disk without room for it is no
	// reason to stay out.
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644)
	return &dirLock{r}, nil
}

func (l *dirLock) release() error {
	if err := l.releaser.Release(); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
