package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// restarts is how many restarts TestRestarts goes through: one of each kind, or as
// many as one has time for.
var restarts = flag.Int("restarts", len(departures), "restarts in TestRestarts")

const (
	// backLimit is from the moment at which an engine serves its metrics to the first
	// scrape that succeeds.
	backLimit = 30 * time.Second
	// awayTime is how long an engine stays down, at least.
	awayTime = 2 * time.Second
	// slowFor and keptFor are those of restartRules: the restarts fall into them.
	slowFor, keptFor = 20 * time.Second, 20 * time.Second
)

// restartRules look at what a restart of the engine disturbs.
const restartRules = `groups:
- name: restarts
  rules:
  - alert: ContainersRun
    expr: engine_daemon_container_states_containers{state="running"} > 0
  - alert: ContainersRunFor20s
    expr: engine_daemon_container_states_containers{state="running"} > 0
    for: 20s
  - alert: NoContainerRuns
    expr: engine_daemon_container_states_containers{state="running"} == 0
  - alert: ContainerWasPaused
    expr: engine_daemon_container_states_containers{state="paused"} > 0
    keep_firing_for: 20s
  - alert: EngineDown
    expr: up == 0
    for: 25s
`

// departure is one way in which the engine or the plugin goes and comes back.
type departure struct {
	name string
	// before and after are the engine's setting live-restore.
	before, after bool
	// leaves: it is the engine that goes, and stays away for a while.
	leaves bool
	// down takes it away and up brings it back, where it does not come by itself.
	down func(*plugin) error
	up   func(*plugin) error
}

func stopEngine(p *plugin) error  { return p.engine.stop() }
func killEngine(p *plugin) error  { return p.engine.kill() }
func bootEngine(p *plugin) error  { return p.engine.start() }
func stopPlugin(p *plugin) error  { return p.signal(syscall.SIGTERM) }
func killPlugin(p *plugin) error  { return p.signal(syscall.SIGKILL) }
func comesByItself(*plugin) error { return nil }

// departures are all kinds.
var departures = []departure{
	{"live-restore, planned", true, true, true, stopEngine, bootEngine},
	{"live-restore, killed", true, true, true, killEngine, bootEngine},
	{"plugin killed", true, true, false, killPlugin, comesByItself},
	{"live-restore no more", true, false, true, stopEngine, bootEngine},
	{"planned", false, false, true, stopEngine, bootEngine},
	{"plugin terminated", false, false, false, stopPlugin, comesByItself},
	{"killed", false, false, true, killEngine, bootEngine},
	{"live-restore from now on", false, true, true, killEngine, bootEngine},
}

// restarted is an engine with containers and a plugin that goes through departures.
type restarted struct {
	*plugin
	am   *alertmanager
	from time.Time                  // when ContainerWasPaused was last true
	back map[string][]time.Duration // by kind of departure
}

// TestRestarts: whatever restarts, planned or not, with containers running: nothing
// that fires resolves, nothing fires that is not so, no time that counts is lost or
// made up, and scraping is back soon.
func TestRestarts(t *testing.T) {
	e, am := ownEngine(t, liveRestoreConfig(true)), startAlertmanager(t)
	// They run before a rule can miss them, and again after a restart.
	e.container(t, []string{"--restart", "always"}, "sleep", "3600")
	paused := e.container(t, []string{"--restart", "always"}, "sleep", "3600")
	e.mustDocker(t, "pause", paused)
	r := &restarted{
		plugin: alertingPlugin(t, e, writeRules(t, "restarts.yml", restartRules), am),
		am:     am, back: map[string][]time.Duration{},
	}
	am.received(t, 10*time.Second, "ContainerWasPaused")
	e.mustDocker(t, "unpause", paused)
	r.from = time.Now()
	am.received(t, 10*time.Second, "ContainersRun")

	for i, kind := range mixed(*restarts) {
		r.goThrough(t, kind)
		if t.Failed() {
			t.Fatalf("restart %d, %s", i+1, kind.name)
		}
	}
	am.resolved(t, 2*keptFor, "ContainerWasPaused")
	am.received(t, 2*slowFor, "ContainersRunFor20s")
	r.check(t)
	for _, kind := range departures {
		if took := r.back[kind.name]; len(took) > 0 {
			slices.Sort(took)
			t.Logf("%-24s %2d times, scraping back after: median %s, longest %s", kind.name, len(took),
				took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
		}
	}
}

// mixed are n departures: all kinds in their order, and then in others, which are the
// same in each run.
func mixed(n int) []departure {
	random := rand.New(rand.NewPCG(1, 2))
	round := slices.Clone(departures)
	var all []departure
	for len(all) < n {
		all = append(all, round...)
		random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
	}
	return all[:n]
}

// goThrough is one departure, until the plugin scrapes again. It begins right after a
// scrape: an engine that ends in order has stopped all containers some 50 ms before
// it calls StopMetrics, and a scrape in between would see that none runs.
func (r *restarted) goThrough(t *testing.T, kind departure) {
	t.Helper()
	if err := r.engine.setLiveRestore(kind.before); err != nil {
		t.Fatal(err)
	}
	r.scraped(t, kind.name+": before", time.Now())
	if err := kind.down(r.plugin); err != nil {
		t.Fatalf("%s: %v", kind.name, err)
	}
	down := time.Now()
	if kind.leaves {
		stays(t, awayTime, kind.name+": nothing is notified that is not so", r.untold)
	}
	served := make(chan time.Time, 1)
	go func() { served <- r.engine.serves() }()
	if err := r.engine.configure(liveRestoreConfig(kind.after)); err != nil {
		t.Fatal(err)
	}
	if err := kind.up(r.plugin); err != nil {
		t.Fatalf("%s: %v", kind.name, err)
	}
	from := <-served
	if from.IsZero() {
		t.Fatalf("%s: the engine's metrics socket does not answer", kind.name)
	}
	took := r.scraped(t, kind.name+": after", from).Sub(from)
	if took > backLimit {
		t.Errorf("%s: scraping is back after %s", kind.name, took)
	}
	r.back[kind.name] = append(r.back[kind.name], took)
	slow, err := r.alert("ContainersRunFor20s")
	if err != nil {
		t.Error(err)
	}
	t.Logf("%s: down for %s, scraping back after %s, ContainersRunFor20s is %s for %s", kind.name, from.Sub(down).Round(time.Millisecond),
		took.Round(time.Millisecond), slow.State, time.Since(slow.ActiveAt).Round(time.Millisecond))
}

// told are how often each alert was notified.
func (r *restarted) told() map[string]int {
	n := map[string]int{}
	for _, a := range r.am.webhook.all() {
		n[a.Status+" "+a.Labels["alertname"]]++
	}
	return n
}

// may be notified, each once.
var may = map[string]int{
	"firing ContainersRun": 1, "firing ContainersRunFor20s": 1,
	"firing ContainerWasPaused": 1, "resolved ContainerWasPaused": 1,
}

// untold returns an error if there was a notification of what is not so.
func (r *restarted) untold() error {
	for what, n := range r.told() {
		if n > may[what] {
			return fmt.Errorf("notified %d times: %s; want %d", n, what, may[what])
		}
	}
	return nil
}

// check looks at all that was notified, and at the time that was counted.
func (r *restarted) check(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(may, r.told()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
	pending, err := r.times(`ALERTS{alertname="ContainersRunFor20s",alertstate="pending"}`, history)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := r.times(`ALERTS{alertname="ContainerWasPaused",alertstate="firing"}`, history)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := r.times("engine_daemon_engine_info", history)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		alert    string
		at       []time.Time // of its evaluations that count
		from, to time.Time
		want     time.Duration
	}{
		// What is held is not seen: its `for` and its keep_firing_for stand still.
		{"ContainersRunFor20s", seen, pending[0], pending[len(pending)-1], slowFor},
		{"ContainerWasPaused", seen, r.from, kept[len(kept)-1], keptFor},
	} {
		counted := watched(tt.at, tt.from, tt.to)
		// A restart counts for an interval at most: a scrape comes at once after it, and
		// what was seen before is not seen for longer than it was.
		least, most := tt.want-2*time.Second, tt.want+2*time.Second+time.Duration(*restarts)*time.Second
		if counted < least || counted > most {
			t.Errorf("%s was watched for %s, want %s to %s", tt.alert, counted, least, most)
		}
		t.Logf("%s was watched for %s, of %s", tt.alert, counted.Round(time.Millisecond), tt.want)
	}
}

// scraped waits until the engine was scraped with success after a moment, and says
// when.
func (r *restarted) scraped(t *testing.T, what string, after time.Time) (at time.Time) {
	t.Helper()
	eventually(t, backLimit, what+": a scrape", func() (err error) {
		at, err = r.scrapedAt()
		if err == nil && !at.After(after) {
			err = fmt.Errorf("the last one was at %s, before %s", at, after)
		}
		return err
	})
	return at
}

// history is how far the test looks back.
const history = 30 * time.Minute

// watched is the time that evaluations at some moments make up, from one to another;
// where nobody looked it counts an interval.
func watched(at []time.Time, from, to time.Time) time.Duration {
	const interval, gap = time.Second, 1500 * time.Millisecond
	var sum time.Duration
	for i := 1; i < len(at); i++ {
		if at[i-1].Before(from) || at[i].After(to) {
			continue
		}
		if d := at[i].Sub(at[i-1]); d > gap {
			sum += interval
		} else {
			sum += d
		}
	}
	return sum
}

func liveRestoreConfig(on bool) string { return fmt.Sprintf(`{"live-restore": %t}`, on) }

// setLiveRestore changes the setting of an engine that runs.
func (e *dockerEngine) setLiveRestore(on bool) error {
	if err := e.configure(liveRestoreConfig(on)); err != nil {
		return err
	}
	if err := e.process.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return poll(10*time.Second, func() error {
		got, err := e.docker("info", "--format", "{{.LiveRestoreEnabled}}")
		if err == nil && got != fmt.Sprint(on) {
			err = fmt.Errorf("live-restore is %s", got)
		}
		return err
	})
}

// serves waits until the engine's metrics are served, and says when; zero if they
// never are.
func (e *dockerEngine) serves() time.Time {
	err := poll(engineStart, func() error {
		conn, err := net.DialTimeout("unix", e.metricsSocket(), time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	if err != nil {
		return time.Time{}
	}
	return time.Now()
}
