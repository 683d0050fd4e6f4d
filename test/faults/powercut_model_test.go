package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPowercut: what the model of the power cut keeps and what it loses. The tests
// that go by it prove no more than it does.
func TestPowercut(t *testing.T) {
	const root, dir, file = 0, 1, 2
	made := []op{
		{kind: opMake, dir: root, name: "d", ino: dir, directory: true},
		{kind: opMake, dir: dir, name: "f", ino: file},
		{kind: opWrite, ino: file, data: []byte("one")},
	}
	sync := func(inos ...int) (ops []op) {
		for _, ino := range inos {
			ops = append(ops, op{kind: opSync, ino: ino})
		}
		return ops
	}
	for _, tc := range []struct {
		name  string
		trace []op
		want  map[string]string
	}{
		{"nothing is synced", nil, map[string]string{}},
		{"the file alone", sync(file), map[string]string{}},
		{"its directory too", sync(file, dir), map[string]string{}},
		{"all of them", sync(file, dir, root), map[string]string{"d/f": "one"}},
		{"the directories alone", sync(dir, root), map[string]string{"d/f": ""}},
		{"written again", append(sync(file, dir, root), op{kind: opWrite, ino: file, data: []byte("two")}), map[string]string{"d/f": "one"}},
		{"cut and synced", append(sync(dir, root), op{kind: opTruncate, ino: file, off: 2}, op{kind: opSync, ino: file}), map[string]string{"d/f": "on"}},
		{"removed", append(sync(file, dir, root), op{kind: opRemove, dir: dir, name: "f", ino: file}), map[string]string{"d/f": "one"}},
		{"removed and synced", append(sync(file, dir, root), op{kind: opRemove, dir: dir, name: "f", ino: file}, op{kind: opSync, ino: dir}), map[string]string{}},
		{"renamed", append(sync(file, dir, root), op{kind: opRename, dir: dir, name: "f", newDir: root, newName: "g", ino: file}), map[string]string{"d/f": "one"}},
		{
			"renamed and one of its directories synced",
			append(sync(file, dir, root), op{kind: opRename, dir: dir, name: "f", newDir: root, newName: "g", ino: file}, op{kind: opSync, ino: root}),
			map[string]string{"g": "one"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			trace := append(append([]op(nil), made...), tc.trace...)
			p := newPowercut(trace)
			p.follow(len(trace))
			dir := tempDir(t)
			if err := p.cut(loss{}).save(dir); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				name, _ := filepath.Rel(dir, path)
				got[name] = string(text)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
		})
	}
}
