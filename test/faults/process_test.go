package faults

import (
	"path/filepath"
	"testing"

	"github.com/tocsin/tocsin/alert"
)

// TestProcessOutlivesPowerCuts runs all of tocsin on a disk whose power is cut
// later, at every moment at which a receiver was told something: that is in the
// journal then, and what is left lets the next process start.
func TestProcessOutlivesPowerCuts(t *testing.T) {
	d := newDisk()
	k := newWorld(t, filepath.Join(mount(t, d), dataDir), "disk", 21, ruleSet)
	tg, am := k.target, k.am
	for range 3 {
		k.victim.life++
		tg.begin(k.victim.life)
		am.onPost(func() { d.mark(len(am.all())) })
		k.victim.start()
		k.scrapes(20 + *cuts/20)
		k.victim.kill()
		am.onPost(nil)
	}
	told := am.all()
	if len(told) == 0 {
		t.Fatal("the receiver was told nothing")
	}
	served, starts := len(tg.scrapes()), 0
	cutAll(t, d.ops(), func(o *outage) {
		records := o.load()
		o.judge(records, told, tg, served)
		if starts < *cuts/15 && k.rand.IntN(40) == 0 {
			starts++
			k.restart(o)
		}
	})
	t.Logf("%d reports, %d starts on what was left", len(told), starts)
}

// restart starts a tocsin on what is left.
func (k *killing) restart(o *outage) {
	k.t.Helper()
	k.victim = newVictim(k.t, filepath.Join(o.dir, dataDir), "disk", k.target, k.am)
	writeRules(k.t, k.victim.rules(), ruleSet, 0)
	drain(k.target.heard)
	k.victim.start()
	k.scrapes(3)
	if err := k.victim.end(); err != nil {
		o.fatal("%v", err)
	}
}

// judge compares the journal with what the receiver had been told by then.
func (o *outage) judge(records []alert.Record, told []told, tg *target, served int) {
	o.t.Helper()
	if o.mark < len(told) {
		served = told[o.mark].served // it had not been told that yet
	}
	now := map[string]alert.Alert{}
	for _, r := range records {
		now[r.Alert.Labels.Get("alertname")+"/"+r.Alert.Labels.Get("n")] = r.Alert
	}
	oracle := newOracle(o.t, true, tg, nil, "")
	last := map[string]int{}
	for i, p := range told[:o.mark] {
		last[p.key] = i
	}
	for key, i := range last {
		p, is := told[i], now[key]
		same := is.State == alert.Firing && sameTime(is.FiredAt, p.startsAt)
		switch {
		case p.late:
		case p.resolved && same:
			o.fatal("the receiver was told %s, and the journal has %s", p, show(is))
		case !p.resolved && !same && !oracle.evidence(key, p.seq, served, false):
			o.fatal("the receiver was told %s, and the journal has %s", p, show(is))
		}
	}
}
