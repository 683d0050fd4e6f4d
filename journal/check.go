package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

// What is on a page of bbolt's, by its flags.
const (
	branchPage = 0x01
	leafPage   = 0x02
	// pageHeader and element are the sizes of both in bytes, and bucketHeader that
	// of what a bucket's value begins with.
	pageHeader, element, bucketHeader = 16, 16, 16
	bucketFlag                        = 0x01
)

// check looks at every page that is in use. bbolt's own check would do, but reads
// the mapped file in a goroutine of its own, where a page that points beyond it
// ends the process. Called in guard: what is out of bounds is a panic.
func check(db *database) error {
	return db.View(func(tx *bolt.Tx) error {
		file, err := os.ReadFile(db.Path())
		if err != nil {
			return err
		}
		w := walker{file: file, size: uint64(db.Info().PageSize), seen: map[uint64]bool{}, free: func(id uint64) bool {
			info, err := tx.Page(int(id))
			return err != nil || info == nil || info.Type == "free"
		}}
		return w.page(uint64(tx.Cursor().Bucket().Root()))
	})
}

// walker goes through the pages of a file.
type walker struct {
	file []byte
	size uint64 // of a page
	seen map[uint64]bool
	free func(id uint64) bool
}

// page looks at a page that a bucket or another page points to, and at all below.
func (w *walker) page(id uint64) error {
	if w.seen[id] || w.free(id) {
		return fmt.Errorf("%w: page %d is in use twice, or free", errDamaged, id)
	}
	p := w.file[id*w.size:]
	pages := uint64(binary.LittleEndian.Uint32(p[12:])) + 1
	p = p[:pages*w.size]
	for i := range pages {
		w.seen[id+i] = true
	}
	if got := binary.LittleEndian.Uint64(p); got != id {
		return fmt.Errorf("%w: page %d says that it is page %d", errDamaged, id, got)
	}
	return w.elements(p)
}

// elements looks at what is on a page, or at a bucket that is small enough to be a
// value: such have no page of their own.
func (w *walker) elements(p []byte) error {
	flags, count := binary.LittleEndian.Uint16(p[8:]), int(binary.LittleEndian.Uint16(p[10:]))
	var last []byte
	for i := range count {
		e := p[pageHeader+i*element:]
		var key []byte
		var err error
		switch flags {
		case branchPage:
			pos, n := uint64(binary.LittleEndian.Uint32(e)), uint64(binary.LittleEndian.Uint32(e[4:]))
			key, err = e[pos:pos+n], w.page(binary.LittleEndian.Uint64(e[8:]))
		case leafPage:
			pos, n := uint64(binary.LittleEndian.Uint32(e[4:])), uint64(binary.LittleEndian.Uint32(e[8:]))
			value := e[pos+n:][:binary.LittleEndian.Uint32(e[12:])]
			key = e[pos : pos+n]
			if binary.LittleEndian.Uint32(e)&bucketFlag != 0 {
				err = w.bucket(value)
			}
		default:
			err = fmt.Errorf("%w: a page of kind %#x", errDamaged, flags)
		}
		if err != nil {
			return err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w: keys are not in their order", errDamaged)
		}
		last = key
	}
	return nil
}

func (w *walker) bucket(value []byte) error {
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.page(root)
	}
	return w.elements(value[bucketHeader:])
}
