package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// closeAnyway closes a TSDB whose files cannot be written. Closing a log writes
// the rest of its last page, and where that fails the log stays open: with its
// file, which keeps a file system busy that somebody wants to check and mount
// anew, or keeps space that was freed. So another file takes the place of the
// ones that are still open, and the log is closed over that.
func (s *Store) closeAnyway(h *handle) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("list open files: %w", err)
	}
	var errs []error
	for _, e := range fds {
		path, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || !strings.HasPrefix(path, h.dir+"/") {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			errs = append(errs, syscall.Dup3(int(null.Fd()), fd, syscall.O_CLOEXEC))
		}
	}
	return errors.Join(append(errs, guard(h.db.Head().Close))...)
}
