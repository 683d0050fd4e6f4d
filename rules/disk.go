package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// expand lists the files that one pattern names, in order. With a problem
// there may still be files.
func expand(pattern string) ([]string, *Problem) {
	info, err := os.Stat(pattern)
	switch {
	case err == nil && info.IsDir():
		return listDir(pattern)
	case err == nil:
		return []string{filepath.Clean(pattern)}, nil
	case strings.ContainsAny(pattern, "*?["):
		return listGlob(pattern)
	}
	p := ioProblem(pattern, err)
	return nil, &p
}

func listDir(dir string) ([]string, *Problem) {
	entries, err := os.ReadDir(dir)
	var paths []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if isRuleFile(e.Name()) && !isDir(path) {
			paths = append(paths, path)
		}
	}
	if err != nil {
		p := ioProblem(dir, err)
		return paths, &p
	}
	return paths, nil
}

func listGlob(pattern string) ([]string, *Problem) {
	matches, err := filepath.Glob(pattern)
	if err != nil {
		return nil, &Problem{File: pattern, Msg: "is not a valid glob", Hint: `a "[" lacks its "]"`, Err: err}
	}
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	var paths []string
	for _, path := range matches {
		if (hidden || !strings.HasPrefix(filepath.Base(path), ".")) && !isDir(path) {
			paths = append(paths, filepath.Clean(path))
		}
	}
	if len(paths) == 0 {
		return nil, &Problem{
			File: pattern, Msg: "matches no file",
			Hint: "check the path; a directory may be given as well", Err: fs.ErrNotExist,
		}
	}
	return paths, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ReadFile reads one rule file; what goes wrong is the File's problem.
func (o Options) ReadFile(path string) File {
	content, err := readContent(path)
	if err != nil {
		return badFile(path, ioProblem(path, err))
	}
	return o.Parse(path, content)
}

// readContent reads a regular file, and of one that is too large one byte more
// than the limit, which shows that there is too much.
func readContent(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

// Read reads a rule file's content from r; path only names it.
func (o Options) Read(path string, r io.Reader) File {
	content, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return badFile(path, ioProblem(path, err))
	}
	return o.Parse(path, content)
}

var errNotRegular = errors.New("is not a regular file")

// openRegular opens a regular file and nothing else: opening a FIFO would wait
// for its writer, and opening a device may do things.
func openRegular(path string) (*os.File, error) {
	check := func(info fs.FileInfo, err error) error {
		if err == nil && !info.Mode().IsRegular() {
			return errNotRegular
		}
		return err
	}
	if err := check(os.Stat(path)); err != nil {
		return nil, err
	}
	// It may have become a FIFO since.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := check(f.Stat()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func badFile(path string, p Problem) File {
	return File{Path: path, Problems: []Problem{p}}
}

// ioProblem words an error of the file system; the path is told already.
func ioProblem(path string, err error) Problem {
	p := Problem{File: path, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Msg, p.Hint = "there is no such file or directory", "check the path; a file, a directory or a glob may be given"
		return p
	case errors.Is(err, fs.ErrPermission):
		p.Msg, p.Hint = "permission denied", "make it readable for the user that Tocsin runs as"
		return p
	case errors.Is(err, errNotRegular):
		p.Msg, p.Hint = err.Error(), "give a plain file, a directory or a glob"
		return p
	}
	cause := err
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		cause = pathErr.Err
	}
	p.Msg = fmt.Sprintf("cannot be read: %v", cause)
	return p
}
