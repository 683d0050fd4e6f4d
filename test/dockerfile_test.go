package test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const goImage = "tocsin-go"

// The way of the Dockerfile's own comment, with an image of the machine's Go
// toolchain: the same files as with "make plugin", and a plugin that runs.
func TestDockerfile(t *testing.T) {
	e := sharedEngine(t)
	importGo(t, e)
	t.Cleanup(func() { _, _ = e.docker("image", "rm", "--force", "tocsin-rootfs", goImage) })
	e.mustDocker(t, "build", "--network", "host", "--build-arg", "GO_IMAGE="+goImage, "--tag", "tocsin-rootfs", root)
	e.mustDocker(t, "create", "--name", "tocsin-rootfs", "tocsin-rootfs", "/usr/bin/tocsin")
	t.Cleanup(func() { e.mustDocker(t, "rm", "tocsin-rootfs") })

	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	script := `mkdir "$1/rootfs" && docker export tocsin-rootfs | tar -x -C "$1/rootfs" && cp config.json "$1"`
	cmd := exec.Command("sh", "-c", script, "sh", dir)
	cmd.Dir, cmd.Env = root, e.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("export: %v\n%s", err, out)
	}
	got, want := listing(t, rootfs), listing(t, filepath.Join(root, "build", "plugin", "rootfs"))
	for path, kind := range want {
		if got[path] != kind {
			t.Errorf("%s: got %q, want %q", path, got[path], kind)
		}
	}
	for path := range got {
		// What docker create adds to any container.
		added := path == ".dockerenv" || slices.Contains([]string{"dev", "etc", "proc", "sys"}, strings.Split(path, "/")[0])
		if _, ok := want[path]; !ok && !added {
			t.Errorf("%s: only in the Dockerfile's rootfs", path)
		}
	}

	p := createPlugin(t, e, "tocsin-dockerfile", dir)
	p.enable(t)
	eventually(t, 20*time.Second, "the plugin scrapes", func() error {
		_, err := p.value("engine_daemon_engine_info", time.Now())
		return err
	})
}

// listing is the type and permission of each file below a directory.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		files[name] = info.Mode().String()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// importGo makes an image that builds Tocsin without a registry and without the
// module proxy: the machine's Go toolchain, module downloads and build cache, and
// a busybox in place of a distribution.
func importGo(t *testing.T, e *dockerEngine) {
	t.Helper()
	goroot, cache, modules := goEnv(t, "GOROOT"), goEnv(t, "GOCACHE"), goEnv(t, "GOMODCACHE")
	const proxy = "/modules"
	cmd := exec.Command("docker", "import",
		"--change", "ENV PATH=/usr/local/go/bin:/bin HOME=/ GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOCACHE=/cache GOPROXY=file://"+proxy+" GOSUMDB=off",
		"-", goImage)
	cmd.Env = e.environ()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		w := tar.NewWriter(in)
		err := errors.Join(
			addTree(w, goroot, "usr/local/go", nil),
			addCache(w, cache, "cache"),
			addModules(w, filepath.Join(modules, "cache", "download"), proxy[1:]),
			addTree(w, "/usr/share/zoneinfo", "usr/share/zoneinfo", nil),
			addFile(w, "/etc/ssl/certs/ca-certificates.crt", "etc/ssl/certs/ca-certificates.crt"),
			addUserland(w),
		)
		written <- errors.Join(err, w.Close(), in.Close())
	}()
	out, err := cmd.CombinedOutput()
	if err := errors.Join(err, <-written); err != nil {
		t.Fatalf("import the Go toolchain: %v: %s", err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	lines, err := goLines("env", name)
	if err != nil || len(lines) != 1 {
		t.Fatalf("go env %s: %q, %v", name, lines, err)
	}
	return lines[0]
}

// addUserland adds busybox under the names that the scripts call, and /tmp.
func addUserland(w *tar.Writer) error {
	path, err := command("busybox")
	if err == nil {
		err = addFile(w, path, "bin/busybox")
	}
	for _, applet := range []string{"chmod", "cp", "mkdir", "rm", "sh"} {
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
		}
	}
	if err == nil {
		err = w.WriteHeader(&tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777})
	}
	return err
}

// addModules adds what a build needs of the module cache: the go.mod files of the
// whole graph, and the source of the modules that the binary links.
func addModules(w *tar.Writer, from, to string) error {
	modules, err := goLines("list", "-deps", "-f", "{{with .Module}}{{if not .Replace}}{{with .Version}}{{$.Module.Path}}@{{.}}{{end}}{{end}}{{end}}", "./cmd/tocsin")
	if err != nil {
		return err
	}
	slices.Sort(modules)
	// The paths of the cache escape capital letters; this command knows how.
	lines, err := goLines(append([]string{"mod", "download", "-json"}, slices.Compact(modules)...)...)
	if err != nil {
		return err
	}
	linked := map[string]bool{}
	for _, line := range lines {
		if path, ok := strings.CutPrefix(line, `"Zip": "`); ok {
			linked[strings.TrimSuffix(path, `",`)] = true
		}
	}
	return addTree(w, from, to, func(path string) bool {
		if filepath.Ext(path) == ".zip" {
			return linked[path]
		}
		return filepath.Base(path) != "sumdb" && filepath.Ext(path) != ".lock"
	})
}

// addCache adds the compiled packages of the binary from the build cache: "make
// plugin" has just put them there, and the compiler's work is not what is tested.
func addCache(w *tar.Writer, from, to string) error {
	exports, err := goLines("list", "-deps", "-export", "-trimpath", "-f", "{{.Export}}", "./cmd/tocsin")
	if err != nil {
		return err
	}
	compiled := map[string]bool{}
	for _, path := range exports {
		compiled[strings.TrimSuffix(filepath.Base(path), "-d")] = true
	}
	return addTree(w, from, to, func(path string) bool {
		output, isOutput := strings.CutSuffix(filepath.Base(path), "-d")
		if isOutput {
			return compiled[output]
		}
		if !strings.HasSuffix(path, "-a") {
			return len(filepath.Base(path)) == 2 // a directory of entries
		}
		// An action's entry: version, action, output, size, time.
		entry, err := os.ReadFile(path)
		fields := strings.Fields(string(entry))
		return err == nil && len(fields) > 2 && compiled[fields[2]]
	})
}

// goLines runs the go command as scripts/build does, and returns its lines
// without the blanks around them.
func goLines(args ...string) ([]string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// addTree adds the files below a directory that keep accepts; a nil keep accepts
// all. A directory that it refuses is left out as a whole.
func addTree(w *tar.Writer, from, to string, keep func(path string) bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if keep != nil && !keep(path) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		return addFile(w, path, filepath.Join(to, name))
	})
}

func addFile(w *tar.Writer, from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(from); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name = to
	if err := w.WriteHeader(header); err != nil || link != "" || info.Size() == 0 {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
