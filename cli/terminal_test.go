package cli

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a real one, of 72 columns.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 72}); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return tty
}

func TestTerminal(t *testing.T) {
	tty := terminal(t)
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, tt := range []struct {
		out    *os.File
		env    map[string]string
		width  int
		colour bool
	}{
		{tty, nil, 72, true},
		{tty, map[string]string{"NO_COLOR": "1"}, 72, false},
		{tty, map[string]string{"NO_COLOR": ""}, 72, true},
		{tty, map[string]string{"TERM": "dumb"}, 72, false},
		{file, nil, 0, false},
	} {
		s := newScreen(tt.out, func(name string) string { return tt.env[name] })
		if s.width != tt.width || s.colour != tt.colour {
			t.Errorf("%s with %v: width %d, colour %v; want %d, %v", tt.out.Name(), tt.env, s.width, s.colour, tt.width, tt.colour)
		}
	}
}
