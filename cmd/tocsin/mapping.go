package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space.
type mapping struct{ start, end uintptr }

// programMappings are where the process has its own program mapped, code and
// constants, as far as the file has all that stands there: what the loader has
// written to, as it does to a program that may stand anywhere, would be lost.
func programMappings() ([]mapping, error) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	defer file.Close()
	var out []mapping
	ours := mapping{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) < 3:
		case !strings.HasSuffix(fields[0], ":"):
			ours = parseMapping(fields, exe)
		case fields[0] == "Anonymous:" && fields[1] != "0":
			ours = mapping{}
		case fields[0] == "Swap:" && fields[1] == "0" && ours.end != 0: // it comes after the other
			out = append(out, ours)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	return out, nil
}

// parseMapping reads the first line of a mapping: start-end, permissions, offset,
// device, inode and path. It is empty unless that is of the file and not writable.
func parseMapping(fields []string, path string) mapping {
	if len(fields) < 6 || fields[5] != path || strings.Contains(fields[1], "w") {
		return mapping{}
	}
	from, to, _ := strings.Cut(fields[0], "-")
	start, err := strconv.ParseUint(from, 16, strconv.IntSize)
	if err != nil {
		return mapping{}
	}
	end, err := strconv.ParseUint(to, 16, strconv.IntSize)
	if err != nil {
		return mapping{}
	}
	return mapping{uintptr(start), uintptr(end)}
}

// drop unmaps all pages, which come back from the page cache when they are next used.
func (m mapping) drop() error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
		return fmt.Errorf("drop pages: %w", errno)
	}
	return nil
}
