package journal

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/test/smalldisk"
)

// TestDiskFails fills and breaks the disk of an open journal. What was saved is
// there, what ended meanwhile does not come back, and it works again once the disk
// does.
func TestDiskFails(t *testing.T) {
	for _, tc := range []struct {
		name       string
		breakDisk  func(d *smalldisk.Disk)
		repairDisk func(d *smalldisk.Disk)
	}{
		{"full", (*smalldisk.Disk).Fill, (*smalldisk.Disk).Free},
		{"read-only", (*smalldisk.Disk).Abort, (*smalldisk.Disk).Exchange},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := smalldisk.New(t, 8)
			path := filepath.Join(d.Dir, "journal.db")
			j := open(t, path)
			gone := record1("Gone", 1)
			save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1("Stays", 1), gone}})
			if got := len(load(t, j)); got != 2 {
				t.Fatalf("%d records, want 2", got)
			}
			tc.breakDisk(d)
			var err error
			for i := 0; err == nil && i < 1000; i++ { // until the space that bbolt has is used up
				err = j.Save(alert.Changes{At: t0, Upserts: []alert.Record{record1(strings.Repeat("x", 100*i), 1)}})
			}
			if err == nil || j.IsOpen() || j.Damage() == "" {
				t.Fatalf("save on a broken disk: %v; open %t, damage %q", err, j.IsOpen(), j.Damage())
			}
			ended := alert.Changes{ // with something that a full disk has no room for
				At: t0, Deletes: []alert.Key{{Rule: gone.Rule, Fingerprint: gone.Alert.Fingerprint()}},
				Upserts: []alert.Record{record1(strings.Repeat("x", 4<<20), 1)},
			}
			if err := j.Save(ended); err == nil {
				t.Fatal("saved on a broken disk")
			}
			tc.repairDisk(d)
			if err := j.Reopen(); err != nil {
				t.Fatal(err)
			}
			if !j.IsOpen() || j.Damage() != "" {
				t.Errorf("after the repair: open %t, damage %q", j.IsOpen(), j.Damage())
			}
			got := load(t, j)
			if _, ok := got["Stays"]; !ok {
				t.Error("what was saved is lost")
			}
			if _, ok := got["Gone"]; ok {
				t.Error("what ended came back")
			}
			save(t, j, alert.Changes{Upserts: []alert.Record{record1("New", 1)}})
		})
	}
}

// TestStartsOnARefusingDisk: what is in the file is read all the same.
func TestStartsOnARefusingDisk(t *testing.T) {
	for _, tc := range []struct {
		name       string
		breakDisk  func(d *smalldisk.Disk)
		repairDisk func(d *smalldisk.Disk)
	}{
		{"full", (*smalldisk.Disk).Fill, (*smalldisk.Disk).Free},
		{"read-only", (*smalldisk.Disk).ReadOnly, (*smalldisk.Disk).Writable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := smalldisk.New(t, 8)
			path := filepath.Join(d.Dir, "journal.db")
			j := open(t, path)
			save(t, j, alert.Changes{At: t0, Upserts: []alert.Record{record1("Stays", 1)}})
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			tc.breakDisk(d)
			j = open(t, path)
			if got := len(load(t, j)); got != 1 {
				t.Fatalf("%d records, want 1", got)
			}
			tc.repairDisk(d)
			if err := j.Reopen(); err != nil {
				t.Fatal(err)
			}
			save(t, j, alert.Changes{Upserts: []alert.Record{record1("New", 1)}})
			if got := len(load(t, j)); got != 2 || j.Damage() != "" {
				t.Errorf("%d records, want 2; damage %q", got, j.Damage())
			}
		})
	}
}
