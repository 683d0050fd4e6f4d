package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// socketMode keeps the calls for root and the socket's group: whoever can
	// write to the socket can pause the alerting.
	socketMode = 0o660
	// probeTimeout bounds the look for a process behind an existing socket.
	probeTimeout = time.Second
)

// Listen opens the socket, so that the engine's first dial, half a second after
// the start, finds it; calls wait in the kernel until Run. It makes the parent
// directory, and replaces the socket of a process that is gone. It fails if
// another process answers there, if the path is something other than a socket,
// and where the file system refuses. Call it once, before anything slow.
func (s *Server) Listen() error {
	path := s.opts.Socket
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make directory of plugin socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > limit {
			return fmt.Errorf("listen on plugin socket: path of %d bytes, the system takes %d: %w", len(path), limit, err)
		}
		return fmt.Errorf("listen on plugin socket: %w", err)
	}
	// Close removes the file itself, as it looks first whether it is still ours.
	l.SetUnlinkOnClose(false)
	// Until here the umask rules, and the usual ones are stricter than the mode.
	err = os.Chmod(path, socketMode)
	var info os.FileInfo
	if err == nil {
		info, err = os.Lstat(path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("set mode of plugin socket: %w", err), l.Close(), os.Remove(path))
	}
	s.listener, s.socket = l, info
	return nil
}

// Close closes the socket and removes its file, unless another process has put
// its own in that place. It is for a start that fails between Listen and Run; Run
// does the same at its end. It may be called at any time and more than once.
func (s *Server) Close() error {
	if s.listener == nil {
		return nil
	}
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	info, statErr := os.Lstat(s.opts.Socket)
	if statErr != nil || !os.SameFile(info, s.socket) {
		return err
	}
	if rmErr := os.Remove(s.opts.Socket); rmErr != nil {
		err = errors.Join(err, fmt.Errorf("remove plugin socket: %w", rmErr))
	}
	return err
}

// removeStale removes the socket that a process which is gone has left. Bind
// would fail on it for ever.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at plugin socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("plugin socket %s: there is a file that is not a socket; remove it or choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, probeTimeout)
	if err == nil {
		_ = conn.Close() // it was only a probe
		return fmt.Errorf("plugin socket %s: another process answers there; is Tocsin running already?", path)
	}
	// Only a refusal proves that nobody listens: a full backlog, say, does not.
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("plugin socket %s: cannot tell whether another process has it: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale plugin socket: %w", err)
	}
	return nil
}
