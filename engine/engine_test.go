package engine

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/rules"
)

// workbench is an engine over a real TSDB, driven evaluation by evaluation, with what
// it sent and journalled.
type workbench struct {
	*Engine
	t       *testing.T
	db      *teststorage.TestStorage
	feed    storage.AppendableV2 // what is put goes through it
	mu      sync.Mutex           // groups notify and journal at the same time
	sent    []alert.Notification
	journal map[alert.Key]alert.Alert
}

func newBench(t *testing.T, change func(*Options)) *workbench {
	t.Helper()
	b := &workbench{t: t, db: teststorage.New(t), journal: map[alert.Key]alert.Alert{}}
	opts := Options{
		Queryable: b.db, Appendable: b.db, Interval: 15 * time.Second,
		Notify: func(ns []alert.Notification) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sent = append(b.sent, ns...)
		},
		Journal: func(c alert.Changes) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, k := range c.Deletes {
				delete(b.journal, k)
			}
			for _, r := range c.Upserts {
				b.journal[alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()}] = r.Alert
			}
			return nil
		},
	}
	opts.Plan = newPlan(t, b.db)
	opts.Appendable = opts.Plan
	if change != nil {
		change(&opts)
	}
	b.feed = opts.Appendable
	b.Engine = New(opts)
	return b
}

// load reads the rules of one file and puts them into effect.
func (b *workbench) load(content string) {
	b.t.Helper()
	f := rules.Parse("rules.yml", []byte(content))
	if len(f.Problems) > 0 {
		b.t.Fatal(f.Problems)
	}
	b.Load(f.Groups, true)
	b.takeNext(b.lastTick.Load())
}

// put stores samples: "name{labels} value", stale for a stale marker.
func (b *workbench) put(at time.Time, samples ...string) {
	b.t.Helper()
	app := b.feed.AppenderV2(b.t.Context())
	for _, s := range samples {
		i := strings.LastIndex(s, " ")
		ls, err := parser.NewParser(parser.Options{}).ParseMetric(s[:i])
		if err != nil {
			b.t.Fatal(err)
		}
		v := math.Float64frombits(value.StaleNaN)
		if s[i+1:] != "stale" {
			if _, err := fmt.Sscan(s[i+1:], &v); err != nil {
				b.t.Fatal(err)
			}
		}
		if _, err := app.Append(0, ls, 0, at.UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		b.t.Fatal(err)
	}
}

// tick evaluates every group once and returns what was sent.
func (b *workbench) tick(at time.Time, up bool) []string {
	b.t.Helper()
	b.sent = nil
	b.Step(b.t.Context(), Tick{At: at, Up: up})
	var out []string
	for _, n := range b.sent {
		state := "firing"
		if n.Resolved {
			state = "resolved"
		}
		out = append(out, state+" "+n.Labels.String())
	}
	return out
}

// series are the results of an expression, as text.
func (b *workbench) series(expr string, at time.Time) []string {
	b.t.Helper()
	v, _, err := b.Query(b.t.Context(), expr, at)
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, s := range v.(promql.Vector) {
		out = append(out, fmt.Sprintf("%s %v", s.Metric, s.F))
	}
	sort.Strings(out)
	return out
}

func (b *workbench) rule(i int) RuleStatus {
	b.t.Helper()
	for _, g := range b.Snapshot().Groups {
		if i < len(g.Rules) {
			return g.Rules[i]
		}
		i -= len(g.Rules)
	}
	b.t.Fatalf("no rule %d", i)
	return RuleStatus{}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

const step15 = 15 * time.Second

const hotRule = `
groups:
  - name: g
    rules:
      - alert: Hot
        expr: temp > 30
        labels: {severity: page, room: "{{ $labels.room }}!"}
        annotations: {summary: "{{ $value }} in {{ $labels.room }} of {{ $externalLabels.host }}"}
`

func TestAlertFiresAndResolves(t *testing.T) {
	b := newBench(t, func(o *Options) { o.ExternalLabels = labels.FromStrings("host", "h1") })
	b.load(hotRule)
	b.put(t0, `temp{room="a"} 20`, `temp{room="b"} 31`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="Hot", room="b!", severity="page"}`)
	n := b.sent[0]
	if got := n.Annotations.Get("summary"); got != "31 in b of h1" {
		t.Errorf("summary = %q", got)
	}
	if !n.StartsAt.Equal(t0) || !n.EndsAt.Equal(t0.Add(4*time.Minute)) || !strings.Contains(n.GeneratorURL, "/graph?g0.expr=temp+%3E+30") {
		t.Errorf("notification %+v: want start %v, end 4 resend delays later, and a link to the expression", n, t0)
	}
	expect(t, "series", b.series(`{__name__=~"ALERTS.*"}`, t0),
		`{__name__="ALERTS", alertname="Hot", alertstate="firing", room="b!", severity="page"} 1`,
		fmt.Sprintf(`{__name__="ALERTS_FOR_STATE", alertname="Hot", room="b!", severity="page"} %v`, float64(t0.Unix())))

	at := t0.Add(step15)
	b.put(at, `temp{room="b"} 29`)
	expect(t, "sent", b.tick(at, true), `resolved {alertname="Hot", room="b!", severity="page"}`)
	if !b.sent[0].EndsAt.Equal(at) {
		t.Errorf("resolved at %v, want %v", b.sent[0].EndsAt, at)
	}
	expect(t, "series after the end", b.series(`{__name__=~"ALERTS.*"}`, at))
}

func TestNotReturnedWithoutFreshDataIsHeld(t *testing.T) {
	b := newBench(t, func(o *Options) { o.HoldLimit = time.Minute })
	b.load(hotRule + `
      - alert: Gone
        expr: absent(temp)
      - alert: Down
        expr: up == 0
`)
	b.put(t0, `temp{room="b"} 31`, `up 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `temp{room="b"} stale`, `up 0`) // what a failed scrape leaves
	expect(t, "sent at a failed scrape", b.tick(at, false), `firing {alertname="Gone"}`, `firing {alertname="Down"}`)
	if a := b.rule(0).Alerts; len(a) != 1 || a[0].State != alert.Firing || !a[0].HeldSince.Equal(at) {
		t.Errorf("alert over the vanished series: %+v, want firing and held since %v", a, at)
	}
	expect(t, "ALERTS of what is held", b.series(`ALERTS{alertname="Hot"}`, at),
		`{__name__="ALERTS", alertname="Hot", alertstate="firing", room="b!", severity="page"} 1`)
	for range 3 {
		at = at.Add(step15)
		b.put(at, `up 0`)
		b.tick(at, false)
	}
	at = at.Add(step15)
	b.put(at, `up 0`)
	got := b.tick(at, false)
	if len(got) == 0 || got[0] != `resolved {alertname="Hot", room="b!", severity="page"}` {
		t.Errorf("sent at the hold limit: %v, want the alert resolved", got)
	}
}

func TestErrorKeepsAlerts(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - name: g
    rules:
      - alert: A
        expr: x * on (k) group_left () y > 0
`)
	b.put(t0, `x{k="1"} 1`, `y{k="1"} 1`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A", k="1"}`)
	at := t0
	for i := range 8 {
		at = at.Add(step15)
		b.put(at, `x{k="1"} 1`, `y{k="1"} 1`, `y{k="1", z="2"} 1`) // many to many
		got := b.tick(at, true)
		if want := i == 4; (len(got) > 0) != want { // after the resend delay
			t.Errorf("evaluation %d sent %v", i, got)
		}
	}
	if r := b.rule(0); r.Health != HealthErr || !strings.Contains(r.LastError, "duplicate series") || r.State != alert.Firing {
		t.Errorf("rule %+v: want an error, and its alert firing", r)
	}
	expect(t, "ALERTS of a failing rule", b.series(`ALERTS`, at), `{__name__="ALERTS", alertname="A", alertstate="firing", k="1"} 1`)
	at = at.Add(step15)
	b.put(at, `x{k="1"} 0`, `y{k="1"} 1`, `y{k="1", z="2"} stale`)
	expect(t, "sent once it works again", b.tick(at, true), `resolved {alertname="A", k="1"}`)
}

func TestLimitKeepsWhatFires(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - name: g
    limit: 2
    rules:
      - {alert: A, expr: x > 0}
      - {record: r, expr: x}
`)
	b.put(t0, `x{k="5"} 1`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A", k="5"}`)
	at := t0.Add(step15)
	b.put(at, `x{k="5"} 1`, `x{k="3"} 1`, `x{k="4"} 1`)
	expect(t, "sent over the limit", b.tick(at, true), `firing {alertname="A", k="3"}`)
	if r := b.rule(0); !strings.Contains(r.LastError, "limit of 2 alerts reached: 1 more") {
		t.Errorf("error %q, want one about the limit", r.LastError)
	}
	if r := b.rule(1); !strings.Contains(r.LastError, "limit of 2 series exceeded: the rule gives 3") {
		t.Errorf("error %q of the recording rule, want one about the limit", r.LastError)
	}
	seen := at
	at = at.Add(step15)
	b.put(at, `x{k="5"} 0`, `x{k="3"} 1`, `x{k="4"} 1`, `x{k="1"} 1`)
	got := b.tick(at, true)
	sort.Strings(got)
	expect(t, "sent when there is room: the one that waits longest, not the first by name", got,
		`firing {alertname="A", k="4"}`, `resolved {alertname="A", k="5"}`)
	for _, a := range b.rule(0).Alerts {
		if a.Labels.Get("k") == "4" && !a.ActiveAt.Equal(seen) {
			t.Errorf("active since %v, want since it was first seen, %v", a.ActiveAt, seen)
		}
	}
}

func TestRecordingRuleAndLaterRulesOfTheSameEvaluation(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - name: g
    rules:
      - {record: "job:x:sum", expr: sum by (job) (x), labels: {kind: sum}}
      - {alert: A, expr: "job:x:sum > 2"}
      - {alert: B, expr: 'ALERTS{alertname="A"}'}
`)
	b.put(t0, `x{job="j",i="1"} 1`, `x{job="j",i="2"} 2`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A", job="j", kind="sum"}`,
		`firing {alertname="B", alertstate="firing", job="j", kind="sum"}`)
	at := t0.Add(step15)
	b.put(at, `x{job="j",i="1"} stale`, `x{job="j",i="2"} stale`)
	b.tick(at, true)
	expect(t, "recorded series once its source is gone", b.series(`{__name__="job:x:sum"}`, at))
}

func TestDuplicateAlertIsAnError(t *testing.T) {
	b := newBench(t, nil)
	b.load("groups: [{name: g, rules: [{alert: A, expr: x, labels: {k: same}}, {record: r, expr: x, labels: {k: same}}]}]")
	b.put(t0, `x{k="1"} 1`, `x{k="2"} 1`)
	expect(t, "sent", b.tick(t0, true))
	for i := range 2 {
		if r := b.rule(i); !strings.Contains(r.LastError, "same labels") {
			t.Errorf("rule %d: error %q, want one about equal labels", i, r.LastError)
		}
	}
}

// TestQueryOffset: samples and markers are written at the shifted time.
func TestQueryOffset(t *testing.T) {
	b := newBench(t, nil)
	b.load("groups: [{name: g, query_offset: 1m, rules: [{alert: A, expr: x > 0}]}]")
	b.put(t0, `x 1`)
	expect(t, "sent before the offset", b.tick(t0, true))
	at := t0.Add(time.Minute)
	expect(t, "sent", b.tick(at, true), `firing {alertname="A"}`)
	expect(t, "ALERTS at the shifted time", b.series(`timestamp(ALERTS)`, t0),
		fmt.Sprintf(`{alertname="A", alertstate="firing"} %v`, float64(t0.Unix())))
}

// TestRestoringEngineIsNoEvidence: while a Docker engine starts all its counts
// are 0; nothing may end, begin or be recorded by them.
func TestRestoringEngineIsNoEvidence(t *testing.T) {
	b := newBench(t, nil)
	b.load(`
groups:
  - name: g
    rules:
      - {alert: Some, expr: running > 0}
      - {alert: None, expr: running == 0}
      - {alert: Up, expr: up == 1}
      - {record: r, expr: running}
`)
	b.put(t0, `running 3`, `up 1`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="Some"}`, `firing {alertname="Up"}`)
	at := t0.Add(step15)
	b.put(at, `running 0`, `up 1`)
	b.sent = nil
	b.Step(t.Context(), Tick{At: at, Up: true, Restoring: true})
	if len(b.sent) != 0 {
		t.Errorf("sent while the engine restores: %v", b.sent)
	}
	if diff := cmp.Diff(map[string]string{"Some": "firing", "Up": "firing"}, b.states()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	expect(t, "recorded", b.series("r", at), `{__name__="r"} 3`)
	at = at.Add(step15)
	b.put(at, `running 0`, `up 1`)
	expect(t, "sent once it has", b.tick(at, true), `resolved {alertname="Some"}`, `firing {alertname="None"}`)
}
