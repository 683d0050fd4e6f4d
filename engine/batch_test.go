package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/storage"
)

// commits counts the transactions of an engine that stored something.
type commits struct {
	storage.AppendableV2
	n int
}

func (c *commits) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return countedAppender{c.AppendableV2.AppenderV2(ctx), c}
}

type countedAppender struct {
	storage.AppenderV2
	c *commits
}

func (a countedAppender) Commit() error {
	a.c.n++
	return a.AppenderV2.Commit()
}

// TestRulesShareATransaction, unless one may read what another wrote: each sees what
// those before it gave, however it asks.
func TestRulesShareATransaction(t *testing.T) {
	for name, tc := range map[string]struct {
		rules string
		want  int
		seen  string // an alert of the last rule, if it sees what it should
	}{
		"strangers":        {`[{record: a, expr: x}, {record: b, expr: x}, {alert: A, expr: x > 0}, {alert: B, expr: x > 0}]`, 1, "B"},
		"by name":          {`[{record: a, expr: x}, {record: b, expr: x}, {alert: B, expr: a > 0}]`, 2, "B"},
		"by pattern":       {`[{record: a, expr: x}, {record: b, expr: x}, {alert: B, expr: '{__name__=~"b|c"} > 0'}]`, 2, "B"},
		"by a label":       {`[{record: a, expr: x, labels: {made: yes}}, {alert: B, expr: '{made="yes"} > 0'}]`, 2, "B"},
		"alerts":           {`[{alert: A, expr: x > 0}, {record: a, expr: x}, {alert: B, expr: 'ALERTS{alertname="A"}'}]`, 2, "B"},
		"in a template":    {`[{record: a, expr: x}, {alert: B, expr: x > 0, labels: {n: '{{ query "count(a)" | first | value }}'}}]`, 2, "B"},
		"one read by many": {`[{record: a, expr: x}, {alert: A, expr: a > 0}, {alert: C, expr: a > 0}, {alert: B, expr: a > 0}]`, 2, "B"},
		"a chain":          {`[{record: a, expr: x}, {record: b, expr: a}, {record: c, expr: b}, {alert: B, expr: c > 0}]`, 4, "B"},
	} {
		t.Run(name, func(t *testing.T) {
			var c *commits
			b := newBench(t, func(o *Options) {
				c = &commits{AppendableV2: o.Appendable}
				o.Appendable = c
			})
			b.load("groups: [{name: g, rules: " + tc.rules + "}]")
			b.put(t0, `x 1`)
			c.n = 0
			b.tick(t0, true)
			if c.n != tc.want {
				t.Errorf("%d transactions, want %d", c.n, tc.want)
			}
			if b.states()[tc.seen] != "firing" {
				t.Errorf("%s does not see what was written before it", tc.seen)
			}
			if got := b.rule(len(b.Snapshot().Groups[0].Rules) - 1); len(got.Alerts) == 1 && strings.Contains(got.Alerts[0].Labels.String(), "error") {
				t.Errorf("labels %s", got.Alerts[0].Labels)
			}
		})
	}
}

// TestRefusedSamplesAreTold to the rule that gave them, though they share a
// transaction with others or write the same series.
func TestRefusedSamplesAreTold(t *testing.T) {
	b := newBench(t, nil)
	b.load(`groups: [{name: g, rules: [{record: a, expr: x}, {record: b, expr: x}, {record: a, expr: x + 1}, {record: c, expr: x}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	for i, want := range []string{"", "", "1 of 1 refused", ""} {
		if got := b.rule(i).LastError; !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("rule %d: error %q, want %q", i, got, want)
		}
	}
	at := t0.Add(step15)
	b.put(at.Add(step15), `b 7`) // what comes for b now is too old
	b.put(at, `x 2`)
	b.tick(at, true)
	for i, want := range []string{"", "1 of 1 refused", "1 of 1 refused", ""} {
		if got := b.rule(i).LastError; !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("rule %d, with what is too old: error %q, want %q", i, got, want)
		}
	}
}

// TestFailedTransactionIsToldToAll that were in it, and what it did not store is
// neither marked stale nor taken for written.
func TestFailedTransactionIsToldToAll(t *testing.T) {
	var fail bool
	b := newBench(t, func(o *Options) { o.Appendable = failingCommit{o.Appendable, &fail} })
	b.load(`groups: [{name: g, rules: [{record: rec, expr: x}, {alert: A, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	at := t0.Add(step15)
	b.put(at, `x{new="1"} 1`, `x 1`)
	fail = true
	b.tick(at, true)
	for i := range 2 {
		if got := b.rule(i).LastError; !strings.Contains(got, "store results") {
			t.Errorf("rule %d: error %q, want that of the transaction", i, got)
		}
	}
	fail = false
	at = at.Add(step15)
	b.put(at, `x{new="1"} stale`, `x 1`)
	b.tick(at, true)
	if got := b.everySample(b.db, at); strings.Contains(strings.Join(got, "\n"), "new") {
		t.Errorf("series that were never stored are there: %q", got)
	}
	if err := errors.Join(errors.New(b.rule(0).LastError), errors.New(b.rule(1).LastError)); strings.TrimSpace(err.Error()) != "" {
		t.Errorf("errors after the recovery: %v", err)
	}
}
