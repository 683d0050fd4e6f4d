package faults

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// pageSize is what a disk keeps of a file as one; sector is the least that a write
// tears at.
const (
	pageSize = 4096
	sector   = 512
)

// inode is a file or a directory.
type inode struct {
	pages   map[int64][]byte // of a file; a page that is not there is zero
	size    int64
	entries map[string]int // of a directory: the numbers of its inodes
}

// tree are the inodes by number; the root is 0, and no number is used twice.
type tree map[int]*inode

type opKind int

const (
	opMake     opKind = iota // name in dir becomes ino
	opWrite                  // data at off in ino
	opTruncate               // ino has size off
	opRemove                 // name leaves dir
	opRename                 // name in dir becomes newName in newDir
	opSync                   // ino is asked to be durable
	opMark                   // nothing: a point in time
)

// op is one thing that was asked of the disk.
type op struct {
	kind          opKind
	ino           int
	dir, newDir   int
	name, newName string
	off           int64
	data          []byte
	directory     bool
	mark          int
	durable       bool // of a powercut: a sync has made it so
}

// disk keeps files in memory, and everything that was ever asked of it: from that
// follows what is left when the power fails at any point.
type disk struct {
	mu    sync.Mutex
	now   tree // guarded by mu
	trace []op // guarded by mu
}

func newDisk() *disk { return &disk{now: newTree()} }

func newTree() tree { return tree{0: {entries: map[string]int{}}} }

// do applies an op and notes it.
func (d *disk) do(o op) {
	d.now.apply(o)
	d.trace = append(d.trace, o)
}

// mark notes a point in time: what is durable by now must be so for ever.
func (d *disk) mark(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.do(op{kind: opMark, mark: n})
}

// ops are the ops so far.
func (d *disk) ops() []op {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.trace)
}

// apply does what was asked. What it is asked of may not be there after a power
// cut that has lost an earlier op.
func (t tree) apply(o op) {
	switch o.kind {
	case opMake:
		if t[o.ino] == nil {
			t[o.ino] = newInode(o.directory)
		}
		t.link(o.dir, o.name, o.ino)
	case opWrite:
		t.file(o.ino).write(o.off, o.data)
	case opTruncate:
		t.file(o.ino).truncate(o.off)
	case opRemove:
		if d := t[o.dir]; d != nil && d.entries[o.name] == o.ino {
			delete(d.entries, o.name)
		}
	case opRename:
		if d := t[o.dir]; d != nil && d.entries[o.name] == o.ino {
			delete(d.entries, o.name)
		}
		t.link(o.newDir, o.newName, o.ino)
	}
}

func newInode(directory bool) *inode {
	if directory {
		return &inode{entries: map[string]int{}}
	}
	return &inode{pages: map[int64][]byte{}}
}

func (t tree) link(dir int, name string, ino int) {
	if t[dir] == nil {
		t[dir] = newInode(true)
	}
	t[dir].entries[name] = ino
}

func (t tree) file(ino int) *inode {
	if t[ino] == nil {
		t[ino] = newInode(false)
	}
	return t[ino]
}

func (f *inode) write(off int64, data []byte) {
	f.size = max(f.size, off+int64(len(data)))
	for len(data) > 0 {
		n, at := off/pageSize, off%pageSize
		page := f.pages[n]
		if page == nil {
			page = make([]byte, pageSize)
			f.pages[n] = page
		}
		done := copy(page[at:], data)
		data, off = data[done:], off+int64(done)
	}
}

func (f *inode) truncate(size int64) {
	for n, page := range f.pages {
		switch from := size - n*pageSize; {
		case from <= 0:
			delete(f.pages, n)
		case from < pageSize:
			clear(page[from:])
		}
	}
	f.size = size
}

func (f *inode) read(dest []byte, off int64) []byte {
	dest = dest[:max(0, min(int64(len(dest)), f.size-off))]
	for i := 0; i < len(dest); {
		n, at := (off+int64(i))/pageSize, (off+int64(i))%pageSize
		step := min(len(dest)-i, int(pageSize-at))
		if page := f.pages[n]; page != nil {
			copy(dest[i:i+step], page[at:])
		} else {
			clear(dest[i : i+step])
		}
		i += step
	}
	return dest
}

// save writes a tree into a directory that is there.
func (t tree) save(dir string) error { return t.saveDir(0, dir) }

func (t tree) saveDir(ino int, dir string) error {
	for name, child := range t[ino].entries {
		path := filepath.Join(dir, name)
		if n := t[child]; n.entries != nil {
			if err := os.Mkdir(path, 0o755); err != nil {
				return err
			}
			if err := t.saveDir(child, path); err != nil {
				return err
			}
		} else if err := n.save(path); err != nil {
			return err
		}
	}
	return nil
}

func (f *inode) save(path string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	for n, page := range f.pages {
		page = page[:min(pageSize, f.size-n*pageSize)]
		if _, err := out.WriteAt(page, n*pageSize); err != nil {
			return err
		}
	}
	return out.Truncate(f.size)
}

// loss says which of the ops that nothing made durable survive the power cut.
type loss struct {
	rand *rand.Rand // nil: none
	keep float64    // the chance of each
	tear int64      // writes are cut at multiples of this
}

// survives tells for one op, and what of its data.
func (l loss) survives(o op) []op {
	if l.rand == nil {
		return nil
	}
	if o.kind != opWrite {
		if l.rand.Float64() < l.keep {
			return []op{o}
		}
		return nil
	}
	var parts []op
	for off := o.off; off < o.off+int64(len(o.data)); {
		end := min(off-off%l.tear+l.tear, o.off+int64(len(o.data)))
		if l.rand.Float64() < l.keep {
			parts = append(parts, op{kind: opWrite, ino: o.ino, off: off, data: o.data[off-o.off : end-o.off]})
		}
		off = end
	}
	return parts
}
