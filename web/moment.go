package web

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// moment is a time as the page shows it: how long ago, and when. All moments of a
// page count from the same now.
type moment struct{ at, now time.Time }

// Known says whether the thing has happened at all.
func (m moment) Known() bool { return !m.at.IsZero() }

// Machine is the time for <time datetime>.
func (m moment) Machine() string { return m.at.UTC().Format(time.RFC3339) }

// Absolute is the time in UTC, with the offset that it is in.
func (m moment) Absolute() string { return m.at.UTC().Format("2006-01-02 15:04:05-07:00") }

// Relative is the distance from now, as in "12 min ago".
func (m moment) Relative() string {
	d := m.now.Sub(m.at)
	switch {
	case m.at.IsZero():
		return "never"
	case d > -time.Second && d < 0:
		return "now"
	case d >= 0 && d < time.Second:
		return "just now"
	case d < 0:
		return "in " + spanText(-d)
	}
	return spanText(d) + " ago"
}

// spanText is a duration in the one or two units that matter to a reader.
func spanText(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d < 0:
		return "-" + spanText(-max(d, -math.MaxInt64))
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "< 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return twoUnits(d, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d, day, "d", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// valueText is the value of an alert with the digits that a reader can use.
func valueText(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

// bytesText is a size in binary units.
func bytesText(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < 4 {
		f /= 1024
		unit++
	}
	if f < 10 {
		return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[unit])
	}
	return fmt.Sprintf("%.0f %ciB", f, "KMGTP"[unit])
}

// countText is a number and its noun, in the right form.
func countText[N int | uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
