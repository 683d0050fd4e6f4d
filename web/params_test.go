package web

import (
	"math"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]time.Time{
		"0":                              time.Unix(0, 0),
		"1763781160":                     time.Unix(1763781160, 0),
		"1763781160.123":                 time.UnixMilli(1763781160123),
		"1763781160.1239":                time.UnixMilli(1763781160124),
		"-1.5":                           time.UnixMilli(-1500),
		"1e3":                            time.Unix(1000, 0),
		"2026-11-22T03:12:40Z":           now,
		"2026-11-22T04:12:40.5+01:00":    now.Add(500 * time.Millisecond),
		minTime.Format(time.RFC3339Nano): minTime,
		maxTime.Format(time.RFC3339Nano): maxTime,
	} {
		got, err := parseTime(in)
		if err != nil || !got.Equal(want) {
			t.Errorf("parseTime(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "now", "1h", "2026-11-22", "2026-11-22T03:12:40", "NaN", "+Inf", "-Inf", "1e18", "0x"} {
		if got, err := parseTime(in); err == nil {
			t.Errorf("parseTime(%q) = %v, want an error", in, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"1": time.Second, "0.5": 500 * time.Millisecond, "-2": -2 * time.Second,
		"1m": time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour, "100ms": 100 * time.Millisecond,
	} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "s", "1.5h", "1m1h", "NaN", "Inf", "9223372037", "1e300"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func TestParseTimeout(t *testing.T) {
	for in, want := range map[string]time.Duration{"": queryTimeout, "1s": time.Second, "1h": queryTimeout, "0.001": time.Millisecond} {
		if got, err := parseTimeout(in); err != nil || got != want {
			t.Errorf("parseTimeout(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	for in, want := range map[string]time.Time{
		"2026-11-22 03:12:40":       now,
		"2026-11-22 03:12:40+00:00": now,
		"2026-11-22 04:12:40+01:00": now,
		"2026-11-22 03:12":          now.Add(-40 * time.Second),
		"2026-11-22":                time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		"2026-11-22T03:12:40Z":      now,
		"1795317160":                now,
	} {
		if got, err := parseMoment(in); err != nil || !got.Equal(want) {
			t.Errorf("parseMoment(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"0", "1763781160.123", "-62135596800", "1e100", "NaN", "Inf", "0x1p3", "1_0", "2026-11-22T03:12:40Z",
		"2026-11-22 03:12", "292277025-08-18T07:12:54.999999999Z", "-292273086-05-16T16:47:06Z", "9223309901257974", "x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime(s)
		if err != nil {
			if !got.IsZero() {
				t.Errorf("%q: %v with error %v", s, got, err)
			}
			return
		}
		if got.Before(minTime) || got.After(maxTime) {
			t.Errorf("%q: %v is out of range", s, got)
		}
		// Whatever is accepted survives the way to milliseconds and back.
		if d := got.Sub(time.UnixMilli(got.UnixMilli())); d < 0 || d >= time.Millisecond {
			t.Errorf("%q: %v does not fit in milliseconds", s, got)
		}
		if at, err := parseMoment(s); err == nil && !at.Equal(got) {
			t.Errorf("%q: time %v, moment %v", s, got, at)
		}
	})
}

func FuzzParseTimeout(f *testing.F) {
	for _, s := range []string{"", "1", "0", "-1", "1e-9", "1e-10", "NaN", "Inf", "9223372036.8", "2m", "1h30m", "1y", "ms", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTimeout(s)
		if err == nil && (got <= 0 || got > queryTimeout) {
			t.Errorf("%q: timeout %v", s, got)
		}
		if d, err := parseDuration(s); err == nil && d == math.MaxInt64 {
			t.Errorf("%q: duration at the limit of its type", s)
		}
	})
}
