package rules

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree makes a directory with rule files and with things that are none.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	good := inRule("")
	write(t, dir+"/rules/b.yml", good)
	write(t, dir+"/rules/a.yaml", good)
	write(t, dir+"/rules/c.RULES", good)
	write(t, dir+"/rules/readme.md", "no rules")
	write(t, dir+"/rules/.hidden.yml", "no rules")
	write(t, dir+"/rules/sub/deep.yml", good)
	write(t, dir+"/rules/folder.yml/deep.yml", good)
	write(t, dir+"/empty/readme.md", "no rules")
	write(t, dir+"/bad/bad.yml", "groups: [")
	write(t, dir+"/a,b.yml", good)
	// A ConfigMap mount: the files are links into a hidden directory.
	write(t, dir+"/configmap/..2026/z.yml", good)
	link(t, "..2026", dir+"/configmap/..data")
	link(t, "..data/z.yml", dir+"/configmap/z.yml")
	link(t, "nowhere", dir+"/dangling/x.yml")
	return dir
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	dir := tree(t)
	for _, tt := range []struct {
		name, pattern string
		files         []string
		problems      []string
	}{
		{"nothing", "", nil, nil},
		{"commas only", " , ,", nil, nil},
		{"file", "rules/b.yml", []string{"rules/b.yml"}, nil},
		{"file of another name", "rules/readme.md", []string{"rules/readme.md"},
			[]string{"rules/readme.md:1:1: must be a mapping"}},
		{"directory", "rules", []string{"rules/a.yaml", "rules/b.yml", "rules/c.RULES"}, nil},
		{"directory with slash", "rules/", []string{"rules/a.yaml", "rules/b.yml", "rules/c.RULES"}, nil},
		{"empty directory", "empty", nil, nil},
		{"configmap", "configmap", []string{"configmap/z.yml"}, nil},
		{"glob", "rules/*.y*ml", []string{"rules/a.yaml", "rules/b.yml"}, nil},
		{"glob over directories", "*/*.yml", []string{"bad/bad.yml", "configmap/z.yml", "dangling/x.yml", "rules/b.yml"},
			[]string{"bad/bad.yml:1:1: not valid YAML", "dangling/x.yml: there is no such file"}},
		{"glob for hidden", "rules/.*.yml", []string{"rules/.hidden.yml"},
			[]string{"rules/.hidden.yml:1:1: must be a mapping"}},
		{"glob without match", "rules/*.txt", nil, []string{"rules/*.txt: matches no file"}},
		{"glob over a configmap", "configmap/*", []string{"configmap/z.yml"}, nil},
		{"broken glob", "rules/[", nil, []string{"rules/[: is not a valid glob"}},
		{"missing", "missing.yml", nil, []string{"missing.yml: there is no such file or directory"}},
		{"dangling link", "dangling", []string{"dangling/x.yml"},
			[]string{"dangling/x.yml: there is no such file or directory"}},
		{"several", "rules/b.yml, empty,@rules,@nowhere", []string{"rules/b.yml", "rules/a.yaml", "rules/c.RULES"},
			[]string{"nowhere: there is no such file or directory"}},
		{"name with comma", "a,b.yml", []string{"a,b.yml"}, nil},
		{"bad beside good", "bad,@rules/b.yml", []string{"bad/bad.yml", "rules/b.yml"},
			[]string{"bad/bad.yml:1:1: not valid YAML"}},
		{"below a file", "rules/b.yml/x", nil, []string{"rules/b.yml/x: cannot be read: not a directory"}},
		{"nul byte", "a\x00b", nil, []string{"a\x00b: cannot be read: invalid argument"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pattern := tt.pattern
			if strings.Trim(pattern, " ,") != "" {
				pattern = dir + "/" + strings.ReplaceAll(pattern, "@", dir+"/")
				pattern = strings.ReplaceAll(pattern, ", empty", ", "+dir+"/empty")
			}
			set := Load(pattern)
			var files []string
			for _, f := range set.Files {
				files = append(files, strings.TrimPrefix(f.Path, dir+"/"))
			}
			if diff := cmp.Diff(tt.files, files); diff != "" {
				t.Errorf("files: -want +got\n%s", diff)
			}
			got := set.AllProblems()
			if len(got) != len(tt.problems) {
				t.Fatalf("want %d problems, got %v", len(tt.problems), got)
			}
			for i, want := range tt.problems {
				if text := strings.TrimPrefix(got[i].Error(), dir+"/"); !strings.HasPrefix(text, want) {
					t.Errorf("want %q, got %q", want, text)
				}
			}
		})
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "pipe.yml")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Skip(err)
	}
	write(t, dir+"/good.yml", inRule(""))
	link(t, "/dev/zero", dir+"/zero.yml")
	for _, pattern := range []string{dir, dir + "/*.yml"} {
		set := Load(pattern)
		if got := len(set.Groups()); got != 1 {
			t.Errorf("%s: want one group, got %d", pattern, got)
		}
		problems := set.AllProblems()
		if len(problems) != 2 || !errors.Is(problems[0], errNotRegular) || !errors.Is(problems[1], errNotRegular) {
			t.Errorf("%s: want two files refused, got %v", pattern, problems)
		}
	}
}

func TestLoadLimitsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yml")
	write(t, path, "")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	problems := Load(path).AllProblems()
	if len(problems) != 1 || problems[0].Msg != "is larger than 4 MiB, the limit for one file" {
		t.Errorf("got %v", problems)
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/b.yml", inRule(""))
	// The memory of the process itself: it opens, and its first page reads as EIO, for
	// root too, whom permissions do not keep out.
	if err := os.Symlink("/proc/self/mem", dir+"/a.yml"); err != nil {
		t.Fatal(err)
	}
	set := Load(dir)
	problems := set.AllProblems()
	if len(problems) != 1 || !errors.Is(problems[0], syscall.EIO) || len(set.Groups()) != 1 {
		t.Errorf("got %v and %d groups", problems, len(set.Groups()))
	}
}

func TestIOProblems(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission},
			"x: permission denied (hint: make it readable for the user that Tocsin runs as)"},
		{&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, "x: cannot be read: input/output error"},
		{errors.New("odd"), "x: cannot be read: odd"},
	} {
		p := ioProblem("x", tt.err)
		if p.Error() != tt.want || !errors.Is(p, tt.err) {
			t.Errorf("want %q, got %q", tt.want, p.Error())
		}
	}
}

func TestLoadFS(t *testing.T) {
	set := LoadFS(fstest.MapFS{
		"b.yml":     {Data: []byte(inRule(""))},
		"a.yml":     {Data: []byte("groups: [")},
		"readme.md": {Data: []byte("x")},
		"sub/c.yml": {Data: []byte("groups: [")},
	}, "bundled:")
	var paths []string
	for _, f := range set.Files {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{"bundled:a.yml", "bundled:b.yml"}, paths); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	groups := set.Groups()
	if len(groups) != 1 || groups[0].File != "bundled:b.yml" {
		t.Errorf("got %v", groups)
	}
	if problems := set.AllProblems(); len(problems) != 1 || problems[0].File != "bundled:a.yml" {
		t.Errorf("got %v", problems)
	}
	bad := LoadFS(os.DirFS(filepath.Join(t.TempDir(), "missing")), "bundled:")
	if len(bad.Problems) != 1 || !errors.Is(bad.Problems[0], fs.ErrNotExist) {
		t.Errorf("got %v", bad)
	}
}

func TestSetOrder(t *testing.T) {
	set := Set{
		Problems: []Problem{{Msg: "set"}},
		Files: []File{
			{Groups: []Group{{Name: "a"}, {Name: "b"}}, Problems: []Problem{{Msg: "1"}}, Warnings: []Problem{{Msg: "w1"}}},
			{Groups: []Group{{Name: "a"}}, Problems: []Problem{{Msg: "2"}}, Warnings: []Problem{{Msg: "w2"}}},
		},
	}
	want := "[a b a] [set 1 2] [w1 w2]"
	var names, problems, warnings []string
	for _, g := range set.Groups() {
		names = append(names, g.Name)
	}
	for _, p := range set.AllProblems() {
		problems = append(problems, p.Error())
	}
	for _, p := range set.AllWarnings() {
		warnings = append(warnings, p.Error())
	}
	if got := sprint(names, problems, warnings); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

func sprint(lists ...[]string) string {
	var parts []string
	for _, l := range lists {
		parts = append(parts, "["+strings.Join(l, " ")+"]")
	}
	return strings.Join(parts, " ")
}
