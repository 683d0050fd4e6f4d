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
func (c configCopy) keep(original string, content []byte) error {
	text := append([]byte(copyMark+original+"\n"), content...)
	if have, err := os.ReadFile(c.path); err == nil && bytes.Equal(have, text) {
		return nil // for the sake of the flash
	}
	return replaceFile(c.path, text, 0o600)
}

// drop forgets it: there is to be no configuration file.
func (c configCopy) drop() error {
	if err := os.Remove(c.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// replaceFile makes text the content of a file, also over a power cut: whoever reads it
// finds the old or the new.
func replaceFile(path string, text []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	written := path + ".tmp"
	f, err := os.OpenFile(written, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(written, path)
}
