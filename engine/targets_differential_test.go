package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/internal/randomrules"
)

// TestTargetsDifferential runs random rules over random targets, twice: once all
// answer, once some fail, are late, go and come back, and the process restarts. But for
// what is held, alerts are the same: none ends that has not ended without the faults,
// and none fires. What asks whether something is there is left out, as it sees the
// faults, and so is what a window gives before it is full again.
func TestTargetsDifferential(t *testing.T) {
	compared, held := 0, 0
	for seed := range uint64(8) {
		if ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			c, h := targetsDifferential(t, seed)
			compared, held = compared+c, held+h
		}); !ok {
			return
		}
	}
	if compared < 1000 || held < 100 {
		t.Errorf("only %d alerts were compared, and %d were held", compared, held)
	}
}

// faultyTargets are targets, of which some are in trouble.
type faultyTargets struct {
	*rand.Rand
	down map[targetID]int // for so many scrapes
	gone map[targetID]int
	had  map[targetID][]string // what each brought last
}

func targetsDifferential(t *testing.T, seed uint64) (compared, held int) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	restarts := seed%2 == 0 // after one, groups of other intervals have other turns
	content := targetRules(rnd, restarts)
	sound := newBench(t, nil)
	faulty := newBench(t, func(o *Options) { o.HoldLimit = 24 * time.Hour })
	for _, b := range []*workbench{sound, faulty} {
		b.Describe(labels.FromStrings("job", "docker"), func(name string) bool { return name == "containers" })
		b.load(content)
	}
	f := &faultyTargets{rnd, map[targetID]int{}, map[targetID]int{}, map[targetID][]string{}}
	at, failed := t0, map[int]bool{}
	for i := range 80 {
		quiet := i >= 55 // faults are over, and windows fill
		data := randomTargets(rnd)
		for _, id := range slices.SortedFunc(maps.Keys(data), func(a, b targetID) int { return strings.Compare(a.i+a.g, b.i+b.g) }) {
			f.scrape(sound, faulty, id, at, data[id], quiet)
		}
		for _, b := range []*workbench{sound, faulty} {
			b.put(at, `containers{job="docker"} 1`)
		}
		before := activeOf(faulty)
		sound.tick(at, true)
		faulty.tick(at, quiet || rnd.IntN(5) > 0)
		c, h := compareTargets(t, sound, faulty, before, failed, quiet && i > 78, restarts)
		compared, held = compared+c, held+h
		if t.Failed() {
			t.Fatalf("evaluation %d at %s, down %v, gone %v, rules:\n%s", i, at, f.down, f.gone, content)
		}
		if restarts && !quiet && rnd.IntN(25) == 0 {
			faulty = f.restart(faulty, content, at)
		}
		at = at.Add(step15)
	}
	return compared, held
}

// targetRules are random rules, some over what others record.
func targetRules(rnd *rand.Rand, sameTurns bool) string {
	intervals := []string{"interval: 15s", "interval: 30s"}
	if sameTurns {
		intervals = intervals[:1]
	}
	speaker := randomrules.New(rnd)
	return speaker.Rules(randomrules.Form{
		Groups: 3, Rules: 12, Group: [][]string{intervals},
		Expr: func() string {
			switch rnd.IntN(4) {
			case 0:
				return speaker.Pick("rec > 1", "sum by (i) (rec)", `rec{i="1"}`, "max by (i, g) (rec) > 0")
			case 1:
				return speaker.Pick("gauge", "a_total", "steps") + speaker.Pick(" > 2", `{i="0"} > 1`, " > on (i, g) b_total", ` and on (i) steps{g="x"} > 1`)
			}
			for {
				expr := speaker.Vector(2)
				if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err == nil && !strings.Contains(expr, "count_values") { // of sums in another order
					return expr
				}
			}
		},
		Labels: []string{"l: 1"}, Annotations: []string{"x"}, For: []string{"0s"}, Keep: []string{"0s"},
	})
}

// scrape scrapes one target for both, and lets it fail for one.
func (f *faultyTargets) scrape(sound, faulty *workbench, id targetID, at time.Time, data []string, quiet bool) {
	stale := func() (out []string) {
		for _, s := range f.had[id] {
			out = append(out, s[:strings.LastIndex(s, " ")]+" stale")
		}
		return out
	}
	if f.gone[id] > 0 { // for both: discovery is evidence
		f.gone[id]--
		return
	}
	if !quiet && f.IntN(120) == 0 {
		f.gone[id], f.down[id] = 1+f.IntN(8), 0
		for _, b := range []*workbench{sound, faulty} {
			b.Hear(Source{Target: id.i + id.g, Job: id.g, Gone: true})
			b.put(at, stale()...)
		}
		f.had[id] = nil
		return
	}
	sound.hears(id.source(at, true), data...)
	begins := !quiet && f.down[id] == 0 && f.IntN(15) == 0
	if begins {
		f.down[id] = 1 + f.IntN(6)
	}
	if f.down[id] > 0 && !quiet {
		f.down[id]--
		up := fmt.Sprintf("up{i=%q,g=%q} 0", id.i, id.g)
		if begins || f.IntN(10) > 0 { // else nothing is heard at all
			faulty.hears(id.source(at, false), append(slices.DeleteFunc(stale(), func(s string) bool { return strings.HasPrefix(s, "up{") }), up)...)
		}
		f.had[id] = data
		return
	}
	faulty.hears(id.source(at, true), data...)
	f.had[id] = data
}

// restart begins another process over what the one before left.
func (f *faultyTargets) restart(b *workbench, content string, at time.Time) *workbench {
	n := newBench(b.t, func(o *Options) {
		o.HoldLimit, o.Queryable, o.Appendable, o.Plan = 24*time.Hour, b.db, b.db, nil
	})
	n.db, n.feed = b.db, b.db
	n.Describe(labels.FromStrings("job", "docker"), func(name string) bool { return name == "containers" })
	for id := range f.had {
		if f.gone[id] == 0 {
			s := id.source(at, false)
			s.Waiting = true
			n.Hear(s)
		}
	}
	n.Restore(b.recs(), at, at.Add(time.Second))
	n.load(content)
	maps.Copy(n.journal, b.journal)
	return n
}

type activeKey struct {
	rule   string
	labels string
}

func activeOf(b *workbench) map[activeKey]alert.Alert {
	out := map[activeKey]alert.Alert{}
	for _, g := range b.Snapshot().Groups {
		for _, r := range g.Rules {
			for _, a := range r.Alerts {
				if a.State != alert.Inactive {
					out[activeKey{fmt.Sprint(g.Name, r.Rule.Pos.Line), a.Labels.String()}] = a
				}
			}
		}
	}
	return out
}

// compareTargets compares what is active with faults and without.
func compareTargets(t *testing.T, sound, faulty *workbench, before map[activeKey]alert.Alert, failed map[int]bool, whole, restarts bool) (compared, held int) {
	want, got := activeOf(sound), activeOf(faulty)
	for _, g := range sound.Snapshot().Groups {
		for _, st := range g.Rules {
			failed[st.Rule.Pos.Line] = failed[st.Rule.Pos.Line] || st.Health == HealthErr
		}
	}
	for i, g := range faulty.Snapshot().Groups {
		rules := (*faulty.groups.Load())[i].alerting()
		for _, st := range g.Rules {
			r := ruleOf(rules, st)
			if r == nil || r.watchesAbsence || st.Health == HealthErr || goesByErrors(r, failed) {
				continue
			}
			// What fires over a window that is not full is what is there, and so is what a
			// process before has recorded last.
			exact := r.origin.window == 0 || whole
			for key, a := range got {
				if key.rule != fmt.Sprint(g.Name, st.Rule.Pos.Line) {
					continue
				}
				compared++
				if !a.HeldSince.IsZero() {
					held++
				} else if _, ok := want[key]; exact && !ok && a.State == alert.Firing && (!restarts || len(r.origin.sources) == 0) {
					t.Errorf("%s %v fires, and did not without faults", st.Rule.ExprText, key.labels)
				}
			}
			for key, a := range before {
				_, still := got[key]
				_, ok := want[key]
				if key.rule == fmt.Sprint(g.Name, st.Rule.Pos.Line) && ok && !still && a.State == alert.Firing && exact {
					t.Errorf("%s %v has ended, and had not without faults", st.Rule.ExprText, key.labels)
				}
			}
		}
	}
	return compared, held
}

// goesByErrors tells whether a rule reads what one records that has failed without
// faults: they may take away what it has failed for.
func goesByErrors(r *alertingRule, failed map[int]bool) bool {
	return slices.ContainsFunc(r.origin.sources, func(src *recordingRule) bool { return failed[src.rule.Pos.Line] })
}

func ruleOf(rs []*alertingRule, st RuleStatus) *alertingRule {
	for _, r := range rs {
		if r.rule == st.Rule {
			return r
		}
	}
	return nil
}
