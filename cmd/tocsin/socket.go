package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// sighting is what is seen of the Docker engine's metrics socket.
type sighting int

const (
	// answering: somebody listens, or it cannot be told.
	answering sighting = iota
	// refusing: nobody listens. The engine is down, or has been started again.
	refusing
	// replaced: nobody listens, and the file was removed, as an engine does when it
	// ends in order and when the next one puts its own in that place.
	replaced
)

// metricsSocket is the Docker engine's metrics socket as the plugin has it: a file
// that the engine mounted when it started this process. The mount stays with that
// file for ever. An engine that is started again serves another one of the same
// name, so what has once refused never answers again.
type metricsSocket struct {
	path string
	// mounted: at path there is a mount of its own. What is found by its path, as in a
	// directory that is mounted, is a new file without a new process, and a path that
	// is wrong stays so with one.
	mounted bool
}

func newMetricsSocket(path string) metricsSocket {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return metricsSocket{path: path, mounted: err == nil && isMountPoint(string(mounts), path)}
}

// isMountPoint looks for path in the kernel's list of mounts, of which it is the
// fifth field.
func isMountPoint(mounts, path string) bool {
	for line := range strings.Lines(mounts) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == path {
			return true
		}
	}
	return false
}

// look connects to the socket, and sends nothing.
func (s metricsSocket) look() sighting {
	conn, err := net.DialTimeout("unix", s.path, probeTimeout)
	if err == nil {
		_ = conn.Close() // it was only a look
		return answering
	}
	if !s.mounted || !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
		return answering
	}
	if s.removed() {
		return replaced
	}
	return refusing
}

// removed tells whether the file has no name any more outside of the mount, or is
// something else than a socket: what was mounted there is gone.
func (s metricsSocket) removed() bool {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0 || info.Mode().Type() != fs.ModeSocket
}

// replacedPatience is how long a socket that was replaced is left to the engine's
// StartMetrics, or SIGTERM, which follows at once if it follows at all.
const replacedPatience = 10 * time.Second

// stale tells whether the socket is that of an engine that is gone while another
// one is there: called says that an engine has just called, lasting for how long
// the socket has been replaced while this process was to scrape. A socket that
// refuses is no sign by itself: the engine may be down, and that is to be told.
func stale(s sighting, called bool, lasting time.Duration) bool {
	return s != answering && called || s == replaced && lasting >= replacedPatience
}
