package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestWorkloadIsTheSameAgain(t *testing.T) {
	w := workload{seed: 7, series: 500, rules: 100, interval: time.Second, flips: 2, storm: 3}
	if a, b := w.ruleFile(), w.ruleFile(); a != b {
		t.Error("one seed, two rule files")
	}
	a, b := w.metrics(), w.metrics()
	at := a.begun.Add(time.Minute)
	b.begun = a.begun
	if string(a.expose(at, nil, false)) != string(b.expose(at, nil, false)) {
		t.Error("one seed, two expositions")
	}
	other := w
	other.seed++
	if w.ruleFile() == other.ruleFile() {
		t.Error("two seeds, one rule file")
	}
}

func TestMetricsCanBeParsed(t *testing.T) {
	w := workload{seed: 1, series: 510, rules: 1, interval: time.Second, flips: 2, storm: 3}
	m := w.metrics()
	text := m.expose(m.begun.Add(time.Hour), map[int]*change{1: {}}, true)
	p := textparse.NewPromParser(text, nil, false)
	seen := map[string]bool{}
	for {
		entry, err := p.Next()
		if err != nil {
			break
		}
		if entry != textparse.EntrySeries {
			t.Fatalf("entry %v", entry)
		}
		name, _, _ := p.Series()
		if seen[string(name)] {
			t.Errorf("%s twice", name)
		}
		seen[string(name)] = true
	}
	if want := 510 + 2 + 3; len(seen) != want {
		t.Errorf("%d series, want %d", len(seen), want)
	}
	for _, want := range []string{`bench_flip{flip="0"} 0`, `bench_flip{flip="1"} 1`, `bench_storm{id="2"} 1`} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func TestCountersNeverFall(t *testing.T) {
	m := workload{seed: 1, series: 500, interval: time.Second}.metrics()
	for _, s := range m.sources {
		if !s.counter {
			continue
		}
		last := 0.0
		for sec := 0.0; sec < 1000; sec++ {
			v := s.value(sec)
			if v < last {
				t.Fatalf("%s falls from %v to %v", s.prefix, last, v)
			}
			last = v
		}
	}
}

func TestRulesArePrometheusRules(t *testing.T) {
	w := workload{seed: 1, series: 500, rules: 1000, interval: time.Second, flips: 38, storm: 1}
	groups, errs := rulefmt.Parse([]byte(w.ruleFile()), false, model.UTF8Validation, parser.NewParser(parser.Options{}), nil)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	rules, flips := 0, 0
	for _, g := range groups.Groups {
		rules += len(g.Rules)
		for _, r := range g.Rules {
			if r.Alert == flipAlert {
				flips++
			}
		}
	}
	if rules != w.rules || flips != w.flips {
		t.Errorf("%d rules, %d of flips, want %d and %d", rules, flips, w.rules, w.flips)
	}
}

// A workload whose flips have no rule would be waited for in vain.
func TestFormsHaveRoomForTheirStimuli(t *testing.T) {
	for _, f := range []form{shortForm(), mediumForm(), longForm()} {
		if f.flips%f.latencyRounds != 0 {
			t.Errorf("%s form: %d flips in %d rounds", f.name, f.flips, f.latencyRounds)
		}
		if groups := f.latencyRules / rulesPerGroup; f.flips+1 > groups {
			t.Errorf("%s form: %d flips and one more rule in %d groups", f.name, f.flips, groups)
		}
	}
}
