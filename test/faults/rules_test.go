package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Time is compressed by 300: 15 s between two scrapes are 50 ms here, 30 s of
// `for` 100 ms, 5 minutes 1 s, 20 minutes 4 s. What receivers are told outlives
// the longest time that the process is dead.
const (
	interval    = 50 * time.Millisecond
	resendDelay = 2 * time.Second
	validFor    = 4 * resendDelay
)

// rule is one alerting rule under test.
type rule struct {
	name   string
	group  string
	every  time.Duration // of its group
	hold   time.Duration // for
	keep   time.Duration // keep_firing_for
	series int
}

var ruleSet = []rule{
	{name: "Now", group: "follow", every: interval, series: 4},
	{name: "Short", group: "follow", every: interval, hold: 100 * time.Millisecond, series: 4},
	{name: "Middle", group: "follow", every: interval, hold: time.Second, series: 4},
	{name: "Long", group: "follow", every: interval, hold: 4 * time.Second, series: 4},
	{name: "Kept", group: "follow", every: interval, keep: 500 * time.Millisecond, series: 4},
	{name: "Both", group: "second", every: 2 * interval, hold: time.Second, keep: time.Second, series: 4},
	{name: "Own", group: "own", every: 70 * time.Millisecond, hold: 500 * time.Millisecond, series: 4},
}

// turn is for how many scrapes a series stays on, or off: often too short for the
// rule to fire, or to end.
func (r rule) turn(rnd *rand.Rand, on bool) int {
	most := r.keep
	if on {
		most = r.hold
	}
	return 1 + rnd.IntN(8+3*int(most/interval))
}

// writeRules writes the rule file in one of its two forms, which mean the same:
// groups have other names, expressions and annotations are written differently.
func writeRules(t *testing.T, path string, rules []rule, form int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("groups:\n")
	group := ""
	for _, r := range rules {
		if r.group != group {
			group = r.group
			fmt.Fprintf(&b, "- name: %s%d\n  interval: %s\n  rules:\n", group, form, r.every)
		}
		fmt.Fprintf(&b, "  - alert: %s\n    expr: load{rule=%q} >= %v\n    annotations: {seq: '{{ $value }}', form: '%d'}\n",
			r.name, r.name, 1-0.5*float64(form), form)
		if r.hold > 0 {
			fmt.Fprintf(&b, "    for: %s\n", r.hold)
		}
		if r.keep > 0 {
			fmt.Fprintf(&b, "    keep_firing_for: %s\n", r.keep)
		}
	}
	next := filepath.Join(filepath.Dir(path), "next")
	if err := os.WriteFile(next, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}
