package journal

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// errDamaged is a file that is not what was written.
var errDamaged = errors.New("damaged")

// guard runs f. bbolt trusts what is in its file: a page that is not what it should
// be is a panic, or a read beyond the mapped file, which would end the process.
// Both become errDamaged.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errDamaged, p)
		}
	}()
	return f()
}

// isDamage tells a file that is damaged from one that somebody else has open, or
// that the file system refuses: moving it about would cure nothing there.
func isDamage(err error) bool {
	for _, e := range []error{
		errDamaged, berrors.ErrInvalid, berrors.ErrChecksum, berrors.ErrVersionMismatch, berrors.ErrIncompatibleValue,
		syscall.EISDIR,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

const (
	// mapped is how much of the file's addresses is taken from the start: it costs no
	// memory, where a transaction that outgrows its mapping copies all that it has
	// not written yet.
	mapped = 64 << 20
	// growth is by how many bytes more than it must the file grows.
	growth = 128 << 10
)

// database is an open file.
type database struct {
	*bolt.DB
	file *os.File
}

// openDatabase opens without a look at what is in the file.
func openDatabase(path string, readOnly bool) (*database, error) {
	db := &database{}
	err := guard(func() (err error) {
		db.DB, err = bolt.Open(path, 0o644, &bolt.Options{
			Timeout: lockTimeout, FreelistType: bolt.FreelistMapType, ReadOnly: readOnly, PreLoadFreelist: true,
			InitialMmapSize: mapped,
			OpenFile: func(name string, flag int, perm os.FileMode) (f *os.File, err error) {
				db.file, err = os.OpenFile(name, flag, perm)
				return db.file, err
			},
		})
		return err
	})
	if err == nil {
		db.AllocSize = growth
		return db, nil
	}
	if errors.Is(err, errDamaged) {
		db.abandon()
	}
	if info, serr := os.Stat(path); serr == nil && info.Size() > 0 && info.Size() < leastSize {
		err = fmt.Errorf("%w: %w", errDamaged, err) // bbolt has no name for it
	}
	return nil, err
}

// leastSize is the two pages that say where all else is.
const leastSize = 2 * 4096

// shut closes the file behind an error, or gives it up where that may hang.
func (db *database) shut(err error) error {
	if err == nil || !errors.Is(err, errDamaged) {
		cerr := guard(db.Close)
		if cerr == nil || !errors.Is(cerr, errDamaged) {
			return errors.Join(err, cerr)
		}
		err = errors.Join(err, cerr)
	}
	db.abandon()
	return err
}

// abandon lets go of a file without Close, which may wait for ever for a
// transaction that ended in a panic. What stays behind is the mapped memory; the
// lock would stay with that.
func (db *database) abandon() {
	if db.file != nil {
		_ = syscall.Flock(int(db.file.Fd()), syscall.LOCK_UN) // nothing is left to be done about it
		_ = db.file.Close()
	}
}
