package web

import (
	"math"
	"testing"
	"time"
)

func TestMoment(t *testing.T) {
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "never"},
		{now, "just now"},
		{ago(999 * time.Millisecond), "just now"},
		{ago(time.Second), "1 s ago"},
		{ago(-time.Minute), "in 1 min"},
		{ago(90 * time.Minute), "1 h 30 min ago"},
		{time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), "106751 d 23 h ago"},
	} {
		if got := (moment{tt.at, now}).Relative(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.at, got, tt.want)
		}
	}
	elsewhere := moment{now.In(time.FixedZone("", 3600)), now}
	if got := elsewhere.Absolute(); got != "2026-11-22 03:12:40+00:00" {
		t.Errorf("absolute: %q", got)
	}
	if got := elsewhere.Machine(); got != "2026-11-22T03:12:40Z" {
		t.Errorf("machine: %q", got)
	}
}

func TestSpanText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", time.Nanosecond: "< 1 ms", 812 * time.Millisecond: "812 ms", 59900 * time.Millisecond: "59 s",
		time.Minute: "1 min", time.Hour: "1 h", 25 * time.Hour: "1 d 1 h", 72*time.Hour + time.Minute: "3 d",
		-time.Minute: "-1 min", math.MinInt64: "-106751 d 23 h",
	} {
		if got := spanText(d); got != want {
			t.Errorf("spanText(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 1: "1", -3: "-3", 1.0 / 3: "0.333333", 1763781160: "1763781160", 1e20: "1e+20", math.Inf(1): "+Inf", 0.0000012: "1.2e-06"} {
		if got := valueText(f); got != want {
			t.Errorf("valueText(%v) = %q, want %q", f, got, want)
		}
	}
	if got := valueText(math.NaN()); got != "NaN" {
		t.Errorf("valueText(NaN) = %q", got)
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 87 << 20: "87 MiB", 1536 << 20: "1.5 GiB", math.MaxInt64: "8192 PiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("bytesText(%d) = %q, want %q", n, got, want)
		}
	}
	for since, want := range map[time.Duration]string{time.Minute: "12 MiB since the start", time.Hour: "12 MiB an hour", 10 * time.Hour: "1.2 MiB an hour"} {
		if got := writtenText(&Process{Started: ago(since), Written: 12 << 20}, now); got != want {
			t.Errorf("of %v writtenText tells %q, want %q", since, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"http://am:9093":                       "http://am:9093",
		"http://u:p@am":                        "http://u:xxxxx@am",
		"http://u:p@ss@am/x":                   "http://u:xxxxx@am/x",
		"http://token@am":                      "http://xxxxx@am",
		"http://u:p@a,https://v:q@b/c?d=e@f":   "http://u:xxxxx@a,https://v:xxxxx@b/c?xxxxx",
		`Get "http://h/m?token=abc&x=1": EOF`:  `Get "http://h/m?xxxxx": EOF`,
		"http://a/?t=1,http://b/":              "http://a/?xxxxx,http://b/",
		"up? a=b":                              "up? a=b",
		`Post "https://u:p@am/api": no route`:  `Post "https://u:xxxxx@am/api": no route`,
		"mail to me@example.com about http://": "mail to me@example.com about http://",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWebLink(t *testing.T) {
	for in, want := range map[string]bool{
		"https://example.com/a?b=c#d": true, "http://10.0.0.1:3000": true, "HTTPS://example.com": true,
		"javascript:alert(1)": false, "JaVaScRiPt://example.com/%0aalert(1)": false, "data:text/html,x": false, "//example.com": false,
		"/runbook": false, "http:": false, "http:///x": false, " https://example.com": false, "https://exa mple.com": false, "see https://example.com": false,
	} {
		if got := webLink(in); (got != "") != want {
			t.Errorf("webLink(%q) = %q, want a link: %t", in, got, want)
		}
	}
}
