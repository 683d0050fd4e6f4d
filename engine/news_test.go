package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// newsBench is a workbench that also notes the order in which news reach the
// journal and the receivers.
func newsBench(t *testing.T) (b *workbench, take func() []string) {
	t.Helper()
	var seen []string
	note := func(where string, ns []alert.Notification) {
		for _, n := range ns {
			state := "firing"
			if n.Resolved {
				state = "resolved"
			}
			if n.News {
				state += " news"
			}
			seen = append(seen, where+" "+n.Labels.Get("alertname")+" "+state)
		}
	}
	b = newBench(t, func(o *Options) {
		notify, journal := o.Notify, o.Journal
		o.Notify = func(ns []alert.Notification) {
			note("sent", ns)
			notify(ns)
		}
		o.Journal = func(c alert.Changes) error {
			note("kept", c.News)
			return journal(c)
		}
	})
	return b, func() []string {
		out := seen
		seen = nil
		return out
	}
}

// What begins to fire or ends is news once: in the journal first, in the same
// changes as the state, then for the receivers. A repetition is none.
func TestNewsAreKeptBeforeTheyAreSent(t *testing.T) {
	b, take := newsBench(t)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: x > 0, for: 15s}, {alert: C, expr: x > 5}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	expect(t, "A fires", take(), "kept A firing news", "sent A firing news")
	at := t0.Add(step15)
	b.put(at, `x 1`)
	b.tick(at, true)
	expect(t, "B fires", take(), "kept B firing news", "sent B firing news")
	for range 5 {
		at = at.Add(step15)
		b.put(at, `x 1`)
		b.tick(at, true)
	}
	expect(t, "repeated", take(), "sent A firing", "sent B firing")
	at = at.Add(step15)
	b.put(at, `x 0`)
	b.tick(at, true)
	expect(t, "ended", take(), "kept A resolved news", "kept B resolved news", "sent A resolved news", "sent B resolved news")
	for range 5 {
		at = at.Add(step15)
		b.put(at, `x 0`)
		b.tick(at, true)
	}
	expect(t, "the end repeated", take(), "sent A resolved", "sent B resolved")
	at = at.Add(step15)
	b.put(at, `x 6`)
	b.tick(at, true)
	expect(t, "fires again", take(), "kept A firing news", "kept C firing news", "sent A firing news", "sent C firing news")
	if err := b.Pause(at); err != nil {
		t.Fatal(err)
	}
	got := take()
	expect(t, "the last will", got, "sent A firing", "sent C firing")
}

// The end of what a removed rule had firing is news too.
func TestTestamentIsNews(t *testing.T) {
	b, take := newsBench(t)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}, {alert: B, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	b.tick(t0, true)
	take()
	b.load(`groups: [{name: g, rules: [{alert: B, expr: x > 0}]}]`)
	expect(t, "removed", take(), "kept A resolved news", "sent A resolved news")
}

// After a step back of the clock an end looks older than the last message; it is
// news all the same.
func TestNewsAfterAStepBack(t *testing.T) {
	b, take := newsBench(t)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	at := t0.Add(24 * time.Hour)
	b.put(at, `x 1`)
	b.tick(at, true)
	take()
	for _, g := range *b.groups.Load() {
		g.last = time.Time{} // or Step would wait for the old time to come again
	}
	b.tick(t0, true) // nothing is there yet
	expect(t, "ended in the past", take(), "kept A resolved news", "sent A resolved news")
}

// A stop in the middle of an evaluation leaves what it found to the last will.
func TestNewsOfAnEvaluationCutOff(t *testing.T) {
	b, take := newsBench(t)
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	g := (*b.groups.Load())[0]
	cutOff := func(at time.Time) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		g.evalRule(ctx, 0, input{ts: at, at: at, fresh: true})
		cancel()
		g.eval(ctx, Tick{At: at, Up: true})
		expect(t, "cut off", take())
		if err := b.Pause(at.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	cutOff(t0)
	expect(t, "the last will", take(), "kept A firing news", "sent A firing news")
	at := t0.Add(step15)
	b.put(at, `x 0`)
	cutOff(at)
	expect(t, "the last will of what has ended", take(), "kept A resolved news", "sent A resolved news")
}

// A journal that fails keeps nothing from being sent.
func TestNewsAreSentWithoutAJournal(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Journal = func(alert.Changes) error { return errors.New("the disk is full") } })
	b.load(`groups: [{name: g, rules: [{alert: A, expr: x > 0}]}]`)
	b.put(t0, `x 1`)
	expect(t, "sent", b.tick(t0, true), `firing {alertname="A"}`)
	if !b.sent[0].News {
		t.Error("it is no news")
	}
}
