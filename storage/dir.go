package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// makeDir makes a directory and those above it that are not there. They outlive a
// power cut, as far as the file system lets us ask for that: without its entry in
// the one above it, a directory is lost with all that is in it.
func makeDir(path string) error {
	path = filepath.Clean(path)
	parent := filepath.Dir(path)
	if parent != path && !fileExists(parent) {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o755); err != nil && !isDir(path) {
		return err
	}
	_ = syncDir(parent) // which may not be ours to read
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// syncDir puts the entries of a directory on the disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
