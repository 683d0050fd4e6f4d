package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a process has used, by the kernel's own count.
type usage struct {
	cpu       time.Duration // user and system, since its start
	rss, anon int64         // bytes at this moment; anon has no file behind it
	peak      int64         // the most that rss has been
	written   int64         // bytes that it has sent towards a disk since its start
	tmpfs     int64         // bytes of memory in its open files on tmpfs, which no rss counts
}

// add sums up the processes of one contestant.
func (u usage) add(v usage) usage {
	return usage{
		cpu: u.cpu + v.cpu, rss: u.rss + v.rss, anon: u.anon + v.anon, peak: u.peak + v.peak,
		written: u.written + v.written, tmpfs: u.tmpfs + v.tmpfs,
	}
}

// usageOf reads what the process has used so far.
func usageOf(pid int) (usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	var u usage
	var err error
	if u.cpu, err = cpuTime(pid); err != nil {
		return usage{}, err
	}
	smaps, err := procFields(filepath.Join(dir, "smaps_rollup"))
	if err != nil {
		return usage{}, err
	}
	status, err := procFields(filepath.Join(dir, "status"))
	if err != nil {
		return usage{}, err
	}
	io, err := procFields(filepath.Join(dir, "io"))
	if err != nil {
		return usage{}, err
	}
	const kib = 1 << 10
	u.rss, u.anon, u.peak = smaps["Rss"]*kib, smaps["Anonymous"]*kib, status["VmHWM"]*kib
	u.written = io["write_bytes"] - io["cancelled_write_bytes"]
	u.tmpfs, err = tmpfsUse(dir)
	return u, err
}

// tmpfs is where Linux keeps files in memory.
const tmpfs = "/dev/shm/"

// tmpfsUse is the size of the directories on tmpfs in which a process has files
// mapped or open.
func tmpfsUse(proc string) (int64, error) {
	maps, err := os.ReadFile(filepath.Join(proc, "maps"))
	if err != nil {
		return 0, fmt.Errorf("read usage: %w", err)
	}
	paths := strings.Fields(string(maps))
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return 0, fmt.Errorf("read usage: %w", err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(proc, "fd", fd.Name())); err == nil { // else closed meanwhile
			paths = append(paths, to)
		}
	}
	roots := map[string]bool{}
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, tmpfs); ok {
			root, _, _ := strings.Cut(rest, "/")
			roots[tmpfs+root] = true
		}
	}
	var sum int64
	for root := range roots {
		n, err := diskUse(root)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// diskUse is what the files below a path occupy.
func diskUse(root string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // its owner removes files as we look
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if st, ok := statOf(info); err == nil && ok {
			sum += st.Blocks * 512
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure %s: %w", root, err)
	}
	return sum, nil
}

func statOf(info fs.FileInfo) (*syscall.Stat_t, bool) {
	if info == nil {
		return nil, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return st, ok
}

// cpuTime is the user and the system time of a process, to the nanosecond: its CPU
// clock, as clock_getcpuclockid(3) makes the number of it.
func cpuTime(pid int) (time.Duration, error) {
	const perProcess = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|perProcess), &t); err != nil {
		return 0, fmt.Errorf("read CPU time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// procFields reads lines of the form "name: number unit".
func procFields(path string) (map[string]int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read usage: %w", err)
	}
	defer f.Close()
	out := map[string]int64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if !ok || len(fields) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			out[name] = n
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read usage: %s: %w", path, err)
	}
	return out, nil
}
