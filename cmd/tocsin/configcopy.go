package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// configCopyFile holds, in the data directory, the last configuration file without a
// problem: a host that starts again after a bad edit, or without the mount that the file
// was in, goes on to tell those whom it told before.
const configCopyFile = "configuration-last-good.yml"

// configCopy is that file. Its first line, a comment, says of which file it is a copy.
type configCopy struct{ path string }

// copyMark begins its first line.
const copyMark = "# The last good version of "

// original is the path of the file that it is a copy of; empty if it is of none.
func (c configCopy) original() string {
	text, err := os.ReadFile(c.path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	path, marked := strings.CutPrefix(line, copyMark)
	if !marked {
		return ""
	}
	return path
}

// keep makes it a copy of a file. Passwords may be in there: it is for nobody else.
func (c configCopy) keep(original string) error {
	text, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	text = append([]byte(copyMark+original+"\n"), text...)
	if have, err := os.ReadFile(c.path); err == nil && bytes.Equal(have, text) {
		return nil // for the sake of the flash
	}
	written := c.path + ".tmp"
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(written, text, 0o600); err != nil {
		return err
	}
	return os.Rename(written, c.path)
}

// drop forgets it: there is to be no configuration file.
func (c configCopy) drop() error {
	if err := os.Remove(c.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
