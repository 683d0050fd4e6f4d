package engine

import (
	"strings"
	"sync"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// KeptEvaluations is how many evaluations of each rule are remembered.
const KeptEvaluations = 20

// Evaluation is one evaluation of a rule.
type Evaluation struct {
	// At is its timestamp, Took how long it was under way.
	At   time.Time
	Took time.Duration
	// Series is how many elements the expression returned; 0 if it failed.
	Series int
	// Planned: the plan gave the result, and not promql.
	Planned bool
	// Blind: the expression was not evaluated, as the counts of a Docker engine that
	// starts mean nothing.
	Blind bool
	Error string // its first 300 bytes; empty if it succeeded
}

// history are the last evaluations of the rules of one group: a ring of rows, one
// for each evaluation of the group, with 8 bytes a rule. It is written by the group's
// goroutine and read by any.
type history struct {
	mu    sync.Mutex
	rows  [KeptEvaluations]row
	count uint64 // of rows begun, ever
	// failures are the errors of rules, by index: only of those that have failed
	// among the rows.
	failures map[int][]failure
}

// row is one evaluation of a group.
type row struct {
	at    int64 // in milliseconds
	rules []entry
}

// entry is what one evaluation of one rule came to. The zero value is none: the rule
// had no turn.
type entry struct {
	// took is in microseconds, at least 1, with the flags on top.
	took   uint32
	series uint32
}

const (
	failedFlag  = 1 << 31
	plannedFlag = 1 << 30
	askedFlag   = 1 << 29
	tookMask    = askedFlag - 1
)

// maxKeptError bounds the text of one error: those of promql name all series that
// they are about, and differ each time.
const maxKeptError = 300

// failure is an error of a rule, from the row of this number until the next one. Most
// rules that fail say the same each time, so that it is kept once.
type failure struct {
	from uint64
	text string
}

// begin opens the row of an evaluation of n rules.
func (h *history) begin(at time.Time, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := &h.rows[h.count%KeptEvaluations]
	h.count++
	r.at = at.UnixMilli()
	if len(r.rules) != n {
		r.rules = make([]entry, n)
		return
	}
	clear(r.rules)
}

// note enters how the evaluation of the i-th rule ended.
func (h *history) note(i int, b *ruleBase) {
	e := entry{took: uint32(min(max(b.duration.Microseconds(), 1), tookMask)), series: uint32(b.returned)}
	if b.byPlan {
		e.took |= plannedFlag
	}
	if b.asked {
		e.took |= askedFlag
	}
	if b.lastErr != "" {
		e = entry{took: e.took | failedFlag}
	}
	b.returned, b.byPlan, b.asked = 0, false, false
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == 0 {
		return
	}
	last := h.count - 1
	h.rows[last%KeptEvaluations].rules[i] = e
	if b.lastErr != "" || len(h.failures) > 0 {
		h.remember(i, last, b.lastErr)
	}
}

// remember enters an error of the i-th rule, if there is one, and forgets those that
// no row has any more. The caller holds mu.
func (h *history) remember(i int, at uint64, text string) {
	fs := h.failures[i]
	if len(text) > maxKeptError {
		text = strings.Clone(strings.ToValidUTF8(text[:maxKeptError], "")) + "…"
	}
	if text != "" && (len(fs) == 0 || fs[len(fs)-1].text != text) {
		fs = append(fs, failure{at, text})
	}
	for len(fs) > 1 && fs[1].from+KeptEvaluations <= at+1 {
		fs = fs[1:]
	}
	if len(fs) == 1 && text == "" && !h.fails(i) {
		fs = nil
	}
	switch {
	case len(fs) == 0:
		delete(h.failures, i)
	case h.failures == nil:
		h.failures = map[int][]failure{i: fs}
	default:
		h.failures[i] = fs
	}
}

// fails tells whether a row has an error of the i-th rule. The caller holds mu.
func (h *history) fails(i int) bool {
	for _, r := range h.rows {
		if i < len(r.rules) && r.rules[i].took&failedFlag != 0 {
			return true
		}
	}
	return false
}

// of lists the evaluations of the i-th rule, the oldest first.
func (h *history) of(i int) []Evaluation {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []Evaluation
	for n := h.count - min(h.count, KeptEvaluations); n < h.count; n++ {
		r := &h.rows[n%KeptEvaluations]
		if i >= len(r.rules) || r.rules[i].took == 0 {
			continue
		}
		e := r.rules[i]
		ev := Evaluation{
			At: time.UnixMilli(r.at).UTC(), Took: time.Duration(e.took&tookMask) * time.Microsecond,
			Series: int(e.series), Planned: e.took&plannedFlag != 0,
			Blind: e.took&(askedFlag|failedFlag) == 0,
		}
		if e.took&failedFlag != 0 {
			for _, f := range h.failures[i] {
				if f.from <= n {
					ev.Error = f.text
				}
			}
		}
		out = append(out, ev)
	}
	return out
}

// passHistory prepares new groups for readers, and gives each what the group of its
// name in its file knows of the rules that are still there.
func passHistory(groups, old []*group) {
	byKey := make(map[string]*group, len(old))
	for _, g := range old {
		byKey[g.key()] = g
	}
	for _, g := range groups {
		g.insights = insightsOf(g.rules)
		if from := byKey[g.key()]; from != nil {
			g.history.inherit(&from.history, ids(g.rules), ids(from.rules))
		}
	}
}

// inherit takes over the evaluations of the rules that have the same identity.
func (h *history) inherit(from *history, heirs, forebears []alert.RuleID) {
	from.mu.Lock()
	defer from.mu.Unlock()
	was := make(map[alert.RuleID]int, len(forebears))
	for j, id := range forebears {
		was[id] = j
	}
	h.count = from.count
	for n := range from.rows {
		r := &from.rows[n]
		if r.rules == nil {
			continue
		}
		h.rows[n] = row{at: r.at, rules: make([]entry, len(heirs))}
		for i, id := range heirs {
			if j, ok := was[id]; ok && j < len(r.rules) {
				h.rows[n].rules[i] = r.rules[j]
			}
		}
	}
	for i, id := range heirs {
		if j, ok := was[id]; ok && from.failures[j] != nil {
			if h.failures == nil {
				h.failures = map[int][]failure{}
			}
			h.failures[i] = from.failures[j]
		}
	}
}
