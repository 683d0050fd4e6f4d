package main

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// kind is what a request is for.
type kind int

const (
	news    kind = iota // tells something for the first time
	refresh             // tells nothing new
	status              // asks an Alertmanager since when it runs
	kinds
)

// second is how many requests were answered in it.
type second [kinds]int

func (s second) sum() int { return s[news] + s[refresh] + s[status] }

// tally counts what passes in one phase.
type tally struct {
	name   string
	begin  time.Time
	length time.Duration // set when it has ended
	// fromFirst: it begins with its first answer.
	fromFirst bool
	seconds   []second
	posted    int64 // bytes of alerts
	alerts    int64
	failed    int // requests without an answer
	dialled   int
	wire      int64 // bytes both ways, as far as the network counts them

	lastBegin, lastEnd, lastLate time.Time // when these were first told, for the last time
	lastHeard                    time.Time // when the last host was first heard
	used                         []usage   // of each Alertmanager
}

// record is the tallies of all phases.
type record struct {
	mu      sync.Mutex
	current *tally
	tallies []*tally
}

func newRecord() *record { r := &record{}; r.enter("start"); return r }

// enter begins a phase.
func (r *record) enter(name string) *tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if r.current != nil {
		r.current.length = now.Sub(r.current.begin)
	}
	r.current = &tally{name: name, begin: now, fromFirst: name == backPhase}
	r.tallies = append(r.tallies, r.current)
	return r.current
}

func (r *record) failed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.failed++
}

// dialled counts a connection, and wired what passes over one.
func (r *record) dialled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.dialled++
}

func (r *record) wired(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.wire += int64(n)
}

// passed counts a request that was answered.
func (r *record) passed(u *uplink, req *http.Request, code int, alerts []posted, sent time.Time, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, t := time.Now(), r.current
	if t.fromFirst && len(t.seconds) == 0 {
		t.begin = now
	}
	b := u.books[req.URL.Host]
	if b == nil {
		b = &book{incidents: map[incident]*told{}}
		u.books[req.URL.Host] = b
	}
	k := refresh
	if strings.HasSuffix(req.URL.Path, "/status") {
		k = status
	} else if code == http.StatusOK {
		if b.phase != t {
			b.phase, t.lastHeard = t, now
		}
		t.alerts += int64(len(alerts))
		for _, a := range alerts {
			if b.enter(a, sent) {
				k = news
				t.first(a, sent, now)
			}
		}
	}
	t.posted += int64(size)
	for i := int(now.Sub(t.begin) / time.Second); i >= len(t.seconds); {
		t.seconds = append(t.seconds, second{})
	}
	t.seconds[int(now.Sub(t.begin)/time.Second)][k]++
}

// first notes when something was told for the first time.
func (t *tally) first(a posted, sent, now time.Time) {
	_, isLate := a.Annotations[late]
	switch {
	case isLate:
		t.lastLate = now
	case a.EndsAt.After(sent):
		t.lastBegin = now
	default:
		t.lastEnd = now
	}
}

// rates are how many requests came in each second.
type rates struct {
	mean float64
	peak int // in one second
	// ten is the most in ten seconds that follow each other, for each of them.
	ten  float64
	kind second
}

// over is the peak as a multiple of the mean.
func (r rates) over() float64 {
	if r.mean == 0 {
		return 0
	}
	return float64(r.peak) / r.mean
}

// rates are those of the seconds up to an end.
func (t *tally) rates(until time.Duration) rates {
	n := int(until / time.Second)
	var r rates
	sum, window := 0, 0
	at := func(i int) second {
		if i >= 0 && i < len(t.seconds) {
			return t.seconds[i]
		}
		return second{}
	}
	for i := range n {
		s := at(i)
		for k := range kinds {
			r.kind[k] += s[k]
		}
		sum += s.sum()
		window += s.sum() - at(i-10).sum()
		r.peak = max(r.peak, s.sum())
		r.ten = max(r.ten, float64(window)/10)
	}
	if n > 0 {
		r.mean = float64(sum) / float64(n)
	}
	return r
}
