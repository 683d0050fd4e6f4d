package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// socketDir is short: the path of a socket ends at 108 bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tocsin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listenAt serves nothing on a socket; closing it leaves the file, as an engine
// does that is killed.
func listenAt(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
	return l
}

// pinned is a path that stays with the file at path, as a bind mount does.
func pinned(t *testing.T, path string) string {
	t.Helper()
	const oPath = 0x200000 // O_PATH
	fd, err := syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	return fmt.Sprintf("/proc/self/fd/%d", fd)
}

func TestLookAtSocket(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string) string
		want sighting
	}{
		{"somebody listens", func(t *testing.T, path string) string { listenAt(t, path); return path }, answering},
		{"engine killed", func(t *testing.T, path string) string { listenAt(t, path).Close(); return path }, refusing},
		{"engine killed, seen through a mount", func(t *testing.T, path string) string {
			l := listenAt(t, path)
			mount := pinned(t, path)
			l.Close()
			return mount
		}, refusing},
		{"another engine has its own in that place", func(t *testing.T, path string) string {
			l := listenAt(t, path)
			mount := pinned(t, path)
			l.Close()
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			listenAt(t, path)
			return mount
		}, replaced},
		{"removed, and still served", func(t *testing.T, path string) string {
			listenAt(t, path)
			mount := pinned(t, path)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			return mount
		}, answering},
		{"gone", func(_ *testing.T, path string) string { return path }, replaced},
		{"an empty file", func(t *testing.T, path string) string {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, replaced},
		{"busy", func(t *testing.T, path string) string {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err == nil {
				t.Cleanup(func() { syscall.Close(fd) })
				err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
			}
			if err == nil {
				err = syscall.Listen(fd, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			for { // until nobody else is let in
				conn, err := net.DialTimeout("unix", path, time.Second)
				if err != nil {
					return path
				}
				t.Cleanup(func() { conn.Close() })
			}
		}, answering},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := metricsSocket{path: tc.make(t, filepath.Join(socketDir(t), "m.sock")), mounted: true}
			if got := s.look(); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			s.mounted = false
			if got := s.look(); got != answering {
				t.Errorf("no mount: got %v, want %v: a new process would not help", got, answering)
			}
		})
	}
}

func TestIsMountPoint(t *testing.T) {
	const mounts = `1045 1034 254:0 /x/plugins/2a/propagated-mount /data rw,relatime - ext4 /dev/vda rw
1047 1034 0:24 /docker/metrics.sock//deleted /run/docker/metrics.sock rw,nosuid - tmpfs tmpfs rw
`
	for path, want := range map[string]bool{
		"/run/docker/metrics.sock": true, "/data": true, "/run/docker": false, "/docker/metrics.sock//deleted": false, "": false,
	} {
		if got := isMountPoint(mounts, path); got != want {
			t.Errorf("isMountPoint(%q) = %t, want %t", path, got, want)
		}
	}
	if newMetricsSocket("/proc").mounted == false {
		t.Error("/proc is no mount point of this process")
	}
}

func TestStale(t *testing.T) {
	long := replacedPatience
	for _, tc := range []struct {
		seen    sighting
		called  bool
		lasting time.Duration
		want    bool
	}{
		{answering, true, 0, false}, // the engine repeats a call
		{answering, false, long, false},
		{refusing, true, 0, true},
		{refusing, false, 0, false},
		{refusing, false, long, false}, // the engine is down, which is to be told
		{replaced, true, 0, true},
		{replaced, false, long - 1, false}, // its call is under way
		{replaced, false, long, true},
	} {
		if got := stale(tc.seen, tc.called, tc.lasting); got != tc.want {
			t.Errorf("stale(%v, %t, %s) = %t, want %t", tc.seen, tc.called, tc.lasting, got, tc.want)
		}
	}
}
