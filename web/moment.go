package web

import (
	"time"

	"github.com/tocsin/tocsin/api"
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
func spanText(d time.Duration) string { return api.SpanText(d) }

// valueText is the value of an alert with the digits that a reader can use.
func valueText(f float64) string { return api.Value(f).String() }

// bytesText is a size in binary units.
func bytesText(n int64) string { return api.SizeText(n) }

// countText is a number and its noun, in the right form.
func countText[N int | uint64](n N, one string) string { return api.CountText(n, one) }
