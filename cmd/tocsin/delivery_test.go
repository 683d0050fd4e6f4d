package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
)

// span is an incident: when it fires and when it ends, in minutes of the story.
type span struct {
	name     string
	from, to float64
}

// story is what happens: short and long incidents, one that goes on, one alert
// that fires twice.
var story = []span{
	{"A", 1, 1000}, {"B", 3, 9}, {"C", 5, 12}, {"D", 14, 18}, {"E", 20, 21}, {"B", 30, 36},
}

const (
	storyEnd   = 60 // minutes
	evaluation = 15 * time.Second
	resend     = time.Minute
	retention  = 15 * time.Minute
)

// world is a journal and a notifier, wired as in run, and an engine that tells
// them the story.
type world struct {
	t     *testing.T
	am    *modelAM
	begin time.Time
	dir   string
	lives int

	jrnl     *journal.Journal
	notifier *notify.Notifier
	kill     *atomic.Bool // of the present life
	stop     func()
	// save and ack say what becomes of the journal's calls.
	save, ack func() fault
	lastSent  map[span]time.Time
}

// minutes is the time of the story.
func (w *world) minutes() float64 { return time.Since(w.begin).Minutes() }

// live starts a process on the journal of the one before.
func (w *world) live() {
	w.lives++
	path := filepath.Join(w.dir, fmt.Sprint(w.lives))
	if w.lives > 1 {
		copyFile(w.t, filepath.Join(w.dir, fmt.Sprint(w.lives-1)), path)
	}
	dead := &atomic.Bool{}
	w.kill = dead
	endpoints, err := notify.ParseURLs("http://am:9093")
	if err != nil {
		w.t.Fatal(err)
	}
	var notifier *notify.Notifier
	jrnl := journal.New(journal.Options{
		Path: path, Receivers: []string{"http://am:9093"},
		Undelivered: func() map[string][]alert.Undelivered { return notifier.Undelivered() },
	})
	notifier, err = notify.New(notify.Options{
		Endpoints: endpoints, RoundTripper: mortal{w.am, dead}, DrainTimeout: time.Second,
		Delivered: func(receiver string, rs []alert.Receipt) {
			if f := w.ack(); dead.Load() || f == fails {
				return
			} else if f == doneButFails {
				jrnl.Delivered(receiver, rs)
			}
			jrnl.Delivered(receiver, rs)
		},
	})
	if err := errors.Join(err, jrnl.Open()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- notifier.Run(ctx) }()
	left, err := jrnl.Undelivered()
	if err != nil {
		w.t.Fatal(err)
	}
	notifier.Restore(left)
	w.jrnl, w.notifier = jrnl, notifier
	w.stop = func() {
		cancel()
		if err := errors.Join(<-done, jrnl.Close()); err != nil {
			w.t.Error(err)
		}
	}
}

// crash ends the process without a word; what it left is in a copy of its file.
func (w *world) crash() {
	w.kill.Store(true)
	before := filepath.Join(w.dir, fmt.Sprint(w.lives))
	copyFile(w.t, before, before+".kept")
	w.stop()
	if err := os.Rename(before+".kept", before); err != nil {
		w.t.Fatal(err)
	}
}

// newAnnouncer is a notifier that has nobody to tell.
func newAnnouncer(t *testing.T) *notify.Notifier {
	t.Helper()
	n, err := notify.New(notify.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mortal sends nothing more for a process that was killed.
type mortal struct {
	am   *modelAM
	dead *atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (m mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.dead.Load() {
		return nil, errors.New("the process is gone")
	}
	return m.am.RoundTrip(req)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err := errors.Join(err, os.WriteFile(to, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// tick is one evaluation: as the engine does it, the journal first, then the
// receivers. With torn the process ends between the two.
func (w *world) tick(torn bool) {
	now := time.Now()
	var ns []alert.Notification
	for _, s := range story {
		from, to := w.begin.Add(minutesOf(s.from)), w.begin.Add(minutesOf(s.to))
		if now.Before(from) || now.After(to.Add(retention)) || w.continued(s, now) {
			continue
		}
		n := alert.Notification{
			Labels: labels.FromStrings("alertname", s.name), StartsAt: from, EndsAt: now.Add(4 * resend),
			Resolved: !now.Before(to),
		}
		if n.Resolved {
			n.EndsAt = to
		}
		last := w.lastSent[s]
		n.News = last.Before(from) || n.Resolved && last.Before(to)
		if n.News || now.Sub(last) > resend {
			ns = append(ns, n)
			w.lastSent[s] = now
		}
	}
	c := alert.Changes{At: now}
	for _, n := range ns {
		if n.News {
			c.News = append(c.News, n)
		}
	}
	if len(c.News) > 0 {
		switch f := w.save(); f {
		case fine, doneButFails: // the engine goes on in either case
			if err := w.jrnl.Save(c); err != nil {
				w.t.Error(err)
			}
		case hangs:
			time.Sleep(3 * time.Second)
			if err := w.jrnl.Save(c); err != nil {
				w.t.Error(err)
			}
		}
	}
	if torn {
		w.crash()
		w.live()
		return
	}
	w.notifier.Send(ns)
}

// continued tells whether a later incident of the same alert has begun.
func (w *world) continued(s span, now time.Time) bool {
	return slices.ContainsFunc(story, func(o span) bool {
		return o.name == s.name && o.from > s.from && !now.Before(w.begin.Add(minutesOf(o.from)))
	})
}

func minutesOf(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

// event is something that is done at a minute of the story.
type event struct {
	at float64
	do func(w *world)
}

// tell tells the story, with faults between two of its minutes and with events,
// and returns what Alertmanager notified of.
func tell(t *testing.T, faulty func(w *world), events ...event) []string {
	t.Helper()
	w := &world{
		t: t, am: newModelAM(), begin: time.Now(), dir: t.TempDir(), lastSent: map[span]time.Time{},
		save: func() fault { return fine }, ack: func() fault { return fine },
	}
	if faulty != nil {
		faulty(w)
	}
	w.live()
	for w.minutes() < storyEnd {
		torn := false
		for len(events) > 0 && w.minutes() >= events[0].at {
			if events[0].do == nil {
				torn = true
			} else {
				events[0].do(w)
			}
			events = events[1:]
		}
		w.tick(torn)
		time.Sleep(evaluation)
		synctest.Wait()
		w.noInventions()
	}
	w.stop()
	w.am.restart() // ends its timers
	return w.am.seen()
}

// noInventions fails if somebody was told of what never was.
func (w *world) noInventions() {
	for _, line := range w.am.seen() {
		if !slices.ContainsFunc(story, func(s span) bool {
			return line == w.am.line(s.name, w.begin.Add(minutesOf(s.from)), "firing") ||
				line == w.am.line(s.name, w.begin.Add(minutesOf(s.from)), "resolved")
		}) {
			w.t.Fatalf("at minute %.1f: %s never was", w.minutes(), line)
		}
	}
}

// undisturbed is what a run without faults notifies of.
func undisturbed(t *testing.T) []string {
	t.Helper()
	var want []string
	synctest.Test(t, func(t *testing.T) { want = tell(t, nil) })
	if len(want) != 1+2*(len(story)-1) {
		t.Fatalf("without faults: %v", want)
	}
	return slices.Sorted(slices.Values(want))
}

// TestDeliveryUnderFaults breaks each call to the outside in each way, before,
// between and after the incidents. What people are notified of is what they are
// notified of without faults, each once.
func TestDeliveryUnderFaults(t *testing.T) {
	want := undisturbed(t)
	windows := [][2]float64{{0, 4}, {3.3, 8}, {8, 10}, {2, 16}, {19, 22}, {29, 45}}
	for _, tc := range []struct {
		call  string
		kinds []fault
	}{
		{"post", []fault{fails, hangs, doneButFails, doneButHangs, badGateway, notFound, doneButGateway}},
		{"status", []fault{fails, hangs, doneButFails, badGateway, notFound}},
		{"network", []fault{fails, hangs}},
		{"save", []fault{fails, hangs, doneButFails}},
		{"ack", []fault{fails, doneButFails}},
	} {
		for _, kind := range tc.kinds {
			for _, window := range windows {
				t.Run(fmt.Sprintf("%s/%s/%v to %v", tc.call, kind, window[0], window[1]), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						got := tell(t, func(w *world) { w.breaks(tc.call, kind, window) })
						if cutOff(kind) && window[1]-window[0] > 4 {
							got = withoutGivenUp(got)
						}
						slices.Sort(got)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("notified (-without faults +with):\n%s", diff)
						}
					})
				})
			}
		}
	}
}

func cutOff(f fault) bool { return f == fails || f == hangs || f == badGateway || f == notFound }

// withoutGivenUp leaves out that Alertmanager gave up an alert that it was not
// told of for 4 minutes, and took it up again. Nobody can help that from here.
func withoutGivenUp(lines []string) []string {
	var out []string
	for _, l := range lines {
		ended := strings.Replace(l, "firing", "resolved", 1)
		if i := slices.Index(out, ended); i >= 0 && ended != l {
			out = slices.Delete(out, i, i+1)
			continue
		}
		out = append(out, l)
	}
	return out
}

// TestDeliveryAcrossCrashes kills the process between two evaluations, and between
// the journal and the receivers, while all is well and in an outage.
func TestDeliveryAcrossCrashes(t *testing.T) {
	want := undisturbed(t)
	crash := func(w *world) { w.crash(); w.live() }
	stop := func(w *world) { w.stop(); w.live() }
	for name, do := range map[string]func(w *world){"crash": crash, "stop": stop, "torn": nil} {
		for _, outage := range [][2]float64{{0, 0}, {2, 5}, {4, 11}, {8, 14}, {19, 24}, {2, 18}} {
			for _, at := range []float64{3, 5.2, 9, 13, 18, 21, 28} {
				t.Run(fmt.Sprintf("%s at %v, outage %v to %v", name, at, outage[0], outage[1]), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						got := tell(t, func(w *world) { w.breaks("network", fails, outage) }, event{at, do}, event{at + 1.5, crash})
						if outage[1]-outage[0] >= 3 {
							got = withoutGivenUp(got)
						}
						slices.Sort(got)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("notified (-without faults +with):\n%s", diff)
						}
					})
				})
			}
		}
	}
}

// TestDeliveryAcrossRestarts empties Alertmanager: whoever was to be notified of
// an incident is, at least once.
func TestDeliveryAcrossRestarts(t *testing.T) {
	want := firings(undisturbed(t))
	for _, outage := range [][2]float64{{0, 0}, {2, 4}, {8, 14}, {17, 25}} {
		for _, kind := range []fault{fails, hangs, doneButFails} {
			for _, at := range []float64{0.5, 3.2, 8.8, 12.1, 14.2, 20.2, 21.1, 30.2} {
				t.Run(fmt.Sprintf("at %v, %s %v to %v", at, kind, outage[0], outage[1]), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						got := tell(t, func(w *world) { w.breaks("network", kind, outage) }, event{at, func(w *world) { w.am.restart() }})
						if diff := cmp.Diff(want, firings(got)); diff != "" {
							t.Errorf("notified (-without faults +with):\n%s", diff)
						}
					})
				})
			}
		}
	}
}

// firings are the incidents that people were notified of.
func firings(lines []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		return strings.HasSuffix(l, "resolved")
	}))))
}

// breaks makes calls of a kind fail in a window of the story.
func (w *world) breaks(call string, kind fault, window [2]float64) {
	in := func(c string) fault {
		hit := c == call || call == "network" && (c == "post" || c == "status")
		if m := w.minutes(); hit && m >= window[0] && m < window[1] {
			return kind
		}
		return fine
	}
	w.am.fault = in
	w.save = func() fault { return in("save") }
	w.ack = func() fault { return in("ack") }
}
