// Package examples carries the rule files of examples/rules inside the binary:
// they are what runs where the user has no rules, and what users start from.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed rules/*.yml
var files embed.FS

// Engine are the rules for the Docker engine, which run where the user has none.
func Engine() fs.FS { return only("docker.yml") }

// Self are the rules of Tocsin itself, which run beside the user's unless
// SELF_ALERTS is off.
func Self() fs.FS { return only("tocsin.yml") }

// file is a file system of one file.
type file struct{ name string }

func only(name string) fs.FS { return file{name} }

func (f file) Open(name string) (fs.File, error) {
	if name != f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return files.Open("rules/" + name)
}

// ReadDir implements fs.ReadDirFS for the top.
func (f file) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	all, err := files.ReadDir("rules")
	for _, e := range all {
		if e.Name() == f.name {
			return []fs.DirEntry{e}, err
		}
	}
	return nil, &fs.PathError{Op: "readdir", Path: f.name, Err: fs.ErrNotExist}
}
