package engine

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tocsin/tocsin/alert"
)

const twoRules = `
groups:
- name: g
  rules:
  - alert: Low
    expr: x < 10
  - record: y
    expr: x / on(a) group_left z
`

// insight is that of the i-th rule.
func (b *workbench) insight(i int) Insight {
	b.t.Helper()
	in, ok := b.Insight(b.Snapshot().Groups[0].Rules[i].Rule)
	if !ok {
		b.t.Fatal("the rule of a snapshot is not known")
	}
	return in
}

func TestEvaluations(t *testing.T) {
	b := newBench(t, nil)
	b.load(twoRules)
	at := time.Unix(1_000_000, 0)
	if got := b.insight(0).Evaluations; got != nil {
		t.Errorf("before the first evaluation: %v", got)
	}
	for i := range 25 {
		at = at.Add(15 * time.Second)
		b.put(at, `x{a="1"} 5`, `x{a="2"} 7`, `z{a="1"} 1`, `z{a="2"} 1`)
		if i >= 10 && i < 15 { // many to many
			b.put(at, `z{a="1",b="2"} 1`)
		}
		if i == 15 {
			b.put(at, `z{a="1",b="2"} stale`)
		}
		b.tick(at, true)
	}
	low, y := b.insight(0).Evaluations, b.insight(1).Evaluations
	if len(low) != KeptEvaluations || len(y) != KeptEvaluations {
		t.Fatalf("%d and %d evaluations are kept, want %d", len(low), len(y), KeptEvaluations)
	}
	for i, ev := range low {
		if want := at.Add(time.Duration(i-19) * 15 * time.Second); !ev.At.Equal(want) || ev.Series != 2 || ev.Took <= 0 || ev.Error != "" || !ev.Planned || ev.Blind {
			t.Errorf("evaluation %d of Low: %+v, want two series at %s", i, ev, want)
		}
	}
	for i, ev := range y { // the first is the sixth of all
		failed := i >= 5 && i < 10
		if failed != strings.Contains(ev.Error, "many-to-many") || failed == (ev.Series == 2) {
			t.Errorf("evaluation %d of y: %+v, want an error: %v", i, ev, failed)
		}
	}

	b.Step(t.Context(), Tick{At: at.Add(15 * time.Second), Up: true, Restoring: true})
	if last := b.insight(0).Evaluations[KeptEvaluations-1]; !last.Blind || last.Series != 0 {
		t.Errorf("an evaluation without sight: %+v", last)
	}
	if last := b.insight(1).Evaluations; len(last) != KeptEvaluations-1 || last[0] != y[1] {
		t.Errorf("a recording rule without sight has had %d evaluations, the first %+v", len(last), last[0])
	}

	before := b.Snapshot().Groups[0].Rules[1].Rule
	b.load(strings.Replace(twoRules, "  rules:\n", "  rules:\n  - record: new\n    expr: vector(1)\n", 1))
	if _, ok := b.Insight(before); ok {
		t.Error("a rule that was replaced is still known")
	}
	if got := b.insight(0).Evaluations; got != nil {
		t.Errorf("a new rule has evaluations: %v", got)
	}
	if got := b.insight(2).Evaluations; len(got) != KeptEvaluations-1 || got[4].Error != y[5].Error || got[18] != y[19] {
		t.Errorf("after a reload: %v, want %v", got, y)
	}
}

// TestHistoryForgets: what no evaluation shows any more takes no memory.
func TestHistoryForgets(t *testing.T) {
	var h history
	note := func(text string) {
		h.begin(time.Unix(0, 0), 1)
		h.note(0, &ruleBase{lastErr: text})
	}
	note(strings.Repeat("ä", 10_000))
	if got := h.failures[0][len(h.failures[0])-1].text; len(got) > maxKeptError+len("…") || !utf8.ValidString(got) {
		t.Errorf("%d bytes of an error are kept: %s", len(got), got)
	}
	for i := range 100 {
		note(fmt.Sprint("error ", i))
		if n := len(h.failures[0]); n > KeptEvaluations {
			t.Fatalf("%d errors are kept of %d evaluations", n, KeptEvaluations)
		}
	}
	for range KeptEvaluations - 1 {
		note("")
	}
	if got := h.of(0); got[0].Error != "error 99" {
		t.Errorf("the oldest evaluation says %q", got[0].Error)
	}
	note("")
	if len(h.failures) != 0 {
		t.Errorf("errors are kept that no evaluation has: %v", h.failures)
	}
}

// TestHistoryMemory: 10,000 rules are usual where every byte counts.
func TestHistoryMemory(t *testing.T) {
	const n, most = 10_000, 200
	rules := make([]rule, n)
	for i := range rules {
		rules[i] = &alertingRule{ruleBase: ruleBase{id: alert.RuleID{Index: i}}}
	}
	// All that is allocated, as what is in use falls when other tests' leftovers go.
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	h := &history{}
	insights := insightsOf(rules)
	for range 2 * KeptEvaluations {
		h.begin(time.Unix(0, 0), n)
		for i, r := range rules {
			h.note(i, r.base())
		}
	}
	perRule := (allocated() - before) / n
	runtime.KeepAlive(rules)
	runtime.KeepAlive(h)
	runtime.KeepAlive(insights)
	if perRule == 0 || perRule > most {
		t.Errorf("%d bytes a rule, want at most %d", perRule, most)
	}
	t.Logf("%d bytes a rule", perRule)
}

func BenchmarkHistoryNote(b *testing.B) {
	var h history
	r := &ruleBase{duration: time.Millisecond}
	h.begin(time.Unix(0, 0), 10_000)
	for i := 0; b.Loop(); i++ {
		h.note(i%10_000, r)
	}
}

// TestInsightMeanwhile: readers come while groups are evaluated and replaced.
func TestInsightMeanwhile(t *testing.T) {
	b := newBench(t, nil)
	b.load(twoRules)
	done := make(chan struct{})
	seen := make(chan int)
	go func() {
		most := 0
		for over := false; ; {
			select {
			case <-done:
				over = true // once more, for a reader that was never let to
			default:
			}
			for _, g := range b.Snapshot().Groups {
				for _, r := range g.Rules {
					in, _ := b.Insight(r.Rule)
					for i := 1; i < len(in.Evaluations); i++ {
						if !in.Evaluations[i].At.After(in.Evaluations[i-1].At) {
							t.Errorf("evaluation %d is not after the one before: %v", i, in.Evaluations)
						}
					}
					most = max(most, len(in.Evaluations))
				}
			}
			if over {
				seen <- most
				return
			}
		}
	}()
	at := time.Unix(1_000_000, 0)
	for i := range 60 {
		at = at.Add(15 * time.Second)
		b.put(at, `x{a="1"} 5`, `z{a="1"} 1`)
		b.tick(at, i%3 > 0)
		if i%10 == 9 {
			b.load(twoRules)
		}
	}
	close(done)
	if got := <-seen; got != KeptEvaluations {
		t.Errorf("readers saw %d evaluations at most, want %d", got, KeptEvaluations)
	}
}
