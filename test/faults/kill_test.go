package faults

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. It decides nothing but
// how long a failure takes.
const patience = 45 * time.Second

// killing is one victim with its world.
type killing struct {
	t      *testing.T
	rand   *rand.Rand
	target *target
	am     *receiver
	victim *victim
	oracle *oracle
	form   int // of the rule file
}

// TestKill kills a tocsin at random points and looks after each kill at what the
// journal has, what the receiver was told, and what there was to see.
func TestKill(t *testing.T) {
	worlds := []string{"disk", "memory", "disk", "memory"}
	for i, mode := range worlds {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			k := newKilling(t, mode, uint64(i), ruleSet)
			for range (*kills + len(worlds) - 1) / len(worlds) {
				k.live()
				k.oracle.inspect()
				if t.Failed() {
					t.Fatalf("after life %d", k.victim.life)
				}
			}
			k.finish()
		})
	}
}

func newKilling(t *testing.T, mode string, stream uint64, rules []rule) *killing {
	k := newWorld(t, filepath.Join(tempDir(t), dataDir), mode, stream, rules)
	k.oracle = newOracle(t, mode == "disk", k.target, k.am, k.victim.journal())
	return k
}

// newWorld has no oracle yet.
func newWorld(t *testing.T, data, mode string, stream uint64, rules []rule) *killing {
	tg := newTarget(t, rand.New(rand.NewPCG(*seed, stream+100)), rules)
	am := newReceiver(t, tg)
	k := &killing{t: t, rand: random(t, stream), target: tg, am: am, victim: newVictim(t, data, mode, tg, am)}
	writeRules(t, k.victim.rules(), rules, 0)
	return k
}

// TestPendingOutlivesKills: nothing changes but that a process is killed now and
// then, each of them before the alert is due. It fires all the same.
func TestPendingOutlivesKills(t *testing.T) {
	for i, mode := range []string{"disk", "memory"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			if mode == "memory" && open[memoryForgets] {
				t.Skip("known: " + memoryForgets)
			}
			long := rule{name: "Long", group: "follow", every: interval, hold: 4 * time.Second, series: 1}
			k := newKilling(t, mode, uint64(10+i), []rule{long})
			on := true
			k.target.all(&on)
			for range 5 {
				k.die("a third of what is due", func(k *killing) { k.scrapes(int(long.hold / interval / 3)) })
				k.oracle.inspect()
			}
			if told := k.am.all(); len(told) == 0 {
				t.Errorf("it is due three times over, and nobody was told:\n%s", k.oracle.history("Long/0"))
			}
		})
	}
}

// live is one life of the process and the time until the next.
func (k *killing) live() {
	k.t.Helper()
	plan := plans[k.rand.IntN(len(plans))]
	k.die(plan.name, plan.wait)
	switch k.rand.IntN(8) {
	case 0:
		<-time.After(between(k.rand, 0, 1500*time.Millisecond))
	case 1, 2:
		<-time.After(between(k.rand, 0, 150*time.Millisecond))
	}
}

// die is one life of the process, as long as wait takes.
func (k *killing) die(plan string, wait func(*killing)) {
	k.t.Helper()
	k.victim.life++
	k.target.begin(k.victim.life)
	drain(k.target.heard)
	drain(k.am.heard)
	k.victim.start()
	k.oracle.begin(k.victim.began)
	wait(k)
	if !k.victim.alive() && plan != planStop {
		k.t.Fatalf("tocsin ended by itself in life %d (%s)", k.victim.life, plan)
	}
	k.victim.kill()
	k.oracle.plan(plan)
	k.am.onPost(nil)
}

// planStop is to stop in good order, with a kill in the midst of it or after it.
const planStop = "stop"

// plans are the points at which a process is killed. A random wait is meant to
// be random, and is not there for anything to have happened.
var plans = []struct {
	name string
	wait func(*killing)
}{
	{"start", func(k *killing) { k.pause(0, 25*time.Millisecond) }},
	{"any time", func(k *killing) { k.pause(0, 400*time.Millisecond) }},
	{"first scrape", func(k *killing) { k.scrapes(1); k.pause(0, 10*time.Millisecond) }},
	{"a scrape", func(k *killing) { k.scrapes(1 + k.rand.IntN(9)); k.pause(0, 15*time.Millisecond) }},
	{"long life", func(k *killing) { k.scrapes(10 + k.rand.IntN(20)); k.pause(0, interval) }},
	{"commit", func(k *killing) { k.scrapes(1 + k.rand.IntN(3)); k.commit() }},
	{"sending", func(k *killing) { k.post() }},
	{"reload", func(k *killing) { k.scrapes(1 + k.rand.IntN(3)); k.reload(true); k.pause(0, 20*time.Millisecond) }},
	{planStop, func(k *killing) {
		k.scrapes(1 + k.rand.IntN(3))
		k.signal(syscall.SIGTERM)
		k.pause(0, 30*time.Millisecond)
	}},
	{"reload at start", func(k *killing) { k.pause(0, 25*time.Millisecond); k.reload(false); k.pause(0, 40*time.Millisecond) }},
}

func (k *killing) pause(from, to time.Duration) { <-time.After(between(k.rand, from, to)) }

// scrapes waits for the next n scrapes.
func (k *killing) scrapes(n int) {
	k.t.Helper()
	for range n {
		k.await("a scrape", k.target.heard)
	}
}

func (k *killing) await(what string, heard <-chan struct{}) {
	k.t.Helper()
	select {
	case <-heard:
	case <-k.victim.ended:
		k.t.Fatalf("tocsin ended by itself in life %d", k.victim.life)
	case <-time.After(patience):
		k.t.Fatalf("waited %s for %s", patience, what)
	}
}

func (k *killing) signal(s syscall.Signal) {
	if err := k.victim.cmd.Process.Signal(s); err != nil {
		k.t.Error(err)
	}
}

// commit waits until the journal is written to, or not for long: what changes is
// up to the script.
func (k *killing) commit() {
	path := k.victim.journal()
	before, err := os.Stat(path)
	if err != nil {
		return
	}
	deadline := time.After(10 * interval)
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-deadline:
			return
		}
		if now, err := os.Stat(path); err != nil || !now.ModTime().Equal(before.ModTime()) {
			return
		}
	}
}

// post waits for a POST, whose reply waits for the kill or comes just before it.
func (k *killing) post() {
	if k.rand.IntN(2) == 0 {
		ended := k.victim.ended
		k.am.onPost(func() { <-ended })
	}
	select {
	case <-k.am.heard:
	case <-time.After(10 * interval): // there is nothing to tell
	}
}

// reload puts the other form of the rule file in place; it is noticed, or told by
// a signal, which a process that has just begun does not survive.
func (k *killing) reload(signal bool) {
	k.form = 1 - k.form
	writeRules(k.t, k.victim.rules(), k.target.rules, k.form)
	if signal && k.rand.IntN(2) == 0 {
		k.signal(syscall.SIGHUP)
	}
}

// finish lets the process live: all that is on must fire in the end, and all that
// is off must end.
func (k *killing) finish() {
	k.t.Helper()
	k.victim.life++
	k.target.begin(k.victim.life)
	k.victim.start()
	k.oracle.begin(k.victim.began)
	for _, on := range []bool{true, false} {
		k.target.all(&on)
		k.oracle.settle(on)
	}
	if err := k.victim.end(); err != nil {
		k.t.Error(err)
	}
	k.oracle.judgeReports(k.oracle.read())
	k.oracle.sum()
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}
