package main

import (
	"bytes"
	"os"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// newWritten is the metric of what this process costs a flash.
func newWritten() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tocsin_disk_written_bytes_total",
		Help: "Bytes that this process has sent towards disks, in whole pages, as the kernel counts them; 0 where it does not.",
	}, func() float64 { return float64(written()) })
}

// written is how many bytes this process has sent towards disks; 0 where the kernel
// does not tell. Pages that were cut off again before they got there count too: the
// number never falls.
func written() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	return writtenIn(text)
}

// writtenIn reads the number out of a file like /proc/self/io.
func writtenIn(text []byte) int64 {
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("write_bytes:")); ok {
			count, err := strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
			if err != nil {
				return 0
			}
			return count
		}
	}
	return 0
}
