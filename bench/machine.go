package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// machineLine describes where the numbers come from, without a name of it.
func machineLine() (string, error) {
	mem, err := procFields("/proc/meminfo")
	if err != nil {
		return "", err
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", fmt.Errorf("read kernel's version: %w", err)
	}
	release, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-") // what follows names who built it
	return fmt.Sprintf("%d CPUs (%s), %.1f GiB of memory, Linux %s, %s",
		runtime.NumCPU(), runtime.GOARCH, float64(mem["MemTotal"])/(1<<20), release, runtime.Version()), nil
}

// load is how busy the machine is: the mean number of runnable processes of the
// last minute.
func load() (string, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", fmt.Errorf("read load: %w", err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first, nil
}

// debianVersion is that of an installed package; empty if there is none.
func debianVersion(pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		return ""
	}
	return string(out)
}

// addBinaries measures what is installed.
func (b *bench) addBinaries() error {
	for _, c := range b.contestants {
		if len(c.parts) > 0 && len(c.paths) == 1 { // a variant
			continue
		}
		var sum int64
		for _, p := range c.paths {
			n, err := strippedSize(p)
			if err != nil {
				return err
			}
			sum += n
		}
		b.results.set(measureBinary, c.name, 0, float64(sum))
	}
	return nil
}

// strippedSize is the size of a program without its symbols and debug sections.
func strippedSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("measure binary: %w", err)
	}
	f, err := elf.Open(path)
	if err != nil {
		return 0, fmt.Errorf("measure binary: %w", err)
	}
	defer f.Close()
	size := info.Size()
	for _, s := range f.Sections {
		if s.Name == ".symtab" || s.Name == ".strtab" || strings.HasPrefix(s.Name, ".debug_") || strings.HasPrefix(s.Name, ".zdebug_") {
			size -= int64(s.FileSize)
		}
	}
	return size, nil
}
