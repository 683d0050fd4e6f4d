package timeline

import (
	"time"

	"golang.org/x/sys/unix"
)

// Read reads the clocks of this machine.
func Read() Reading {
	mono := clock(unix.CLOCK_MONOTONIC)
	return Reading{Wall: time.Now().Round(0), Mono: mono, Boot: clock(unix.CLOCK_BOOTTIME)}
}

// clock reads one clock; 0 where there is none, which is nowhere on Linux.
func clock(id int32) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
