package plugin

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestNewRejects(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no socket":        func(o *Options) { o.Socket = "" },
		"required":         func(o *Options) { o.Start = nil },
		"Start and Stop":   func(o *Options) { o.Stop = nil },
		"no logger":        func(o *Options) { o.Logger = nil },
		"negative call ti": func(o *Options) { o.CallTimeout = -1 },
	} {
		opts := fill(t, Options{})
		spoil(&opts)
		if _, err := New(opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one with %q", err, name)
		}
	}
}

func TestListenMakesDirectoryAndMode(t *testing.T) {
	s, stop := start(t, Options{})
	info, err := os.Stat(s.opts.Socket)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.ModeSocket|socketMode; got != want {
		t.Errorf("mode %v, want %v", got, want)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.opts.Socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after Run: %v, want it gone", err)
	}
}

// What a process leaves that was killed: a file that refuses connections.
func TestListenReplacesStaleSocket(t *testing.T) {
	path := socketPath(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, Options{Socket: path})
	if got := send(t, client(t, s.opts.Socket), http.MethodPost, pathStart, ""); got.Status != 200 {
		t.Errorf("got %+v", got)
	}
}

func TestListenRefuses(t *testing.T) {
	live := func(t *testing.T, path string) {
		other := exec.Command(os.Args[0], "-test.run=^TestHelperListens$")
		other.Env = append(os.Environ(), "PLUGIN_TEST_SOCKET="+path, "GORACE=atexit_sleep_ms=0")
		stdin, err := other.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := other.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stdin.Close(); _ = other.Wait() })
		if _, err := stdout.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	file := func(t *testing.T, path string) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		put  func(t *testing.T, path string)
		base string
		want string
	}{
		"live socket":   {live, "p.sock", "another process answers there"},
		"file":          {file, "p.sock", "a file that is not a socket"},
		"long path":     {func(*testing.T, string) {}, strings.Repeat("p", 108), "the system takes 107"},
		"directory":     {func(t *testing.T, path string) { file(t, filepath.Dir(path)) }, "d/p.sock", "make directory"},
		"live, symlink": {func(t *testing.T, path string) { live(t, path+"2"); symlink(t, path+"2", path) }, "p.sock", "not a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Dir(socketPath(t))
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, tt.base)
			tt.put(t, path)
			before, _ := os.Lstat(path)
			s, err := New(fill(t, Options{Socket: path}))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Listen(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if after, _ := os.Lstat(path); before != nil && !os.SameFile(before, after) {
				t.Error("the file was replaced")
			}
		})
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// TestHelperListens is the other process of TestListenRefuses.
func TestHelperListens(t *testing.T) {
	path := os.Getenv("PLUGIN_TEST_SOCKET")
	if path == "" {
		t.Skip("only as a helper process")
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := os.Stdout.WriteString("."); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent closes it
}

func TestCloseInsteadOfRun(t *testing.T) {
	s, err := New(fill(t, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil {
		t.Error("Run before Listen succeeded")
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(s.opts.Socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after Close: %v", err)
	}
}

// The socket of a successor stays.
func TestCloseLeavesForeignSocket(t *testing.T) {
	s, stop := start(t, Options{})
	if err := os.Remove(s.opts.Socket); err != nil {
		t.Fatal(err)
	}
	next, err := net.Listen("unix", s.opts.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.opts.Socket); err != nil {
		t.Errorf("the successor's socket: %v", err)
	}
}

// A call in flight ends by itself within the grace, or by its context after it,
// and either way gets its answer.
func TestShutdownDuringCall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		ends   func(ctx context.Context, stopping <-chan struct{}) error
		status int
	}{
		{"by itself", func(_ context.Context, stopping <-chan struct{}) error { <-stopping; return nil }, 200},
		{"by its context", func(ctx context.Context, _ <-chan struct{}) error { <-ctx.Done(); return ctx.Err() }, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entered, stopping := make(chan struct{}), make(chan struct{})
			s, stop := start(t, Options{Stop: func(ctx context.Context) error {
				close(entered)
				return tt.ends(ctx, stopping)
			}})
			s.http.RegisterOnShutdown(sync.OnceFunc(func() { close(stopping) }))
			answer := make(chan reply, 1)
			go func() { answer <- send(t, client(t, s.opts.Socket), http.MethodPost, pathStop, "") }()
			<-entered
			if err := stop(); err != nil {
				t.Error(err)
			}
			if got := <-answer; got.Status != tt.status {
				t.Errorf("answer %+v, want status %d", got, tt.status)
			}
		})
	}
}

func TestShutdownGivesUp(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	s, stop := start(t, Options{Stop: func(context.Context) error {
		close(entered)
		<-leave
		return nil
	}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://x"+pathStop, nil)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		resp, err := client(t, s.opts.Socket).Do(req)
		if err == nil {
			resp.Body.Close()
		}
		result <- err
	}()
	<-entered
	if err := stop(); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("Run returned %v, want that a call still runs", err)
	}
	if err := <-result; err == nil {
		t.Error("the client got an answer")
	}
}
