package cluster

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// incident is what there was: a series of the target that was above zero.
type incident struct {
	name         string
	began, ended time.Time // ended is zero while it goes on
	// unheard: no member could be told of it while it lasted.
	unheard bool
}

// target is what tocsin scrapes, and what the control sender reads.
type target struct {
	mu        sync.Mutex
	incidents []*incident // guarded by mu
}

func (tg *target) begin(name string) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.incidents = append(tg.incidents, &incident{name: name, began: time.Now()})
}

func (tg *target) end(name string, unheard bool) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for _, in := range tg.incidents {
		if in.name == name {
			in.ended, in.unheard = time.Now(), unheard
		}
	}
}

// all are the incidents so far.
func (tg *target) all() []incident {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	var all []incident
	for _, in := range tg.incidents {
		all = append(all, *in)
	}
	return all
}

func (tg *target) incident(name string) (incident, bool) {
	all := tg.all()
	i := slices.IndexFunc(all, func(in incident) bool { return in.name == name })
	if i < 0 {
		return incident{}, false
	}
	return all[i], true
}

func (tg *target) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprintln(w, `fault{incident="never"} 0`)
	for _, in := range tg.all() {
		value := 0
		if in.ended.IsZero() {
			value = 1
		}
		fmt.Fprintf(w, "fault{incident=%q} %d\n", in.name, value)
	}
}

// rules make an alert of each incident.
const rules = `groups:
- name: cluster
  rules:
  - alert: Fault
    expr: fault > 0
    annotations: {summary: 'incident {{ $labels.incident }}'}
`
