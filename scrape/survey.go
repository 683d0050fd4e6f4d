package scrape

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

// rememberFor bounds what storage is asked before anything is scraped: it takes a
// millisecond for each target and block.
const rememberFor = 2 * time.Second

// survey is all targets that the findings make.
type survey struct {
	sources map[sourceID]*source
	order   []sourceID         // of sources
	pending map[string]*source // by job: those that stand for one
	sockets map[string]string  // paths by the host that stands for them
	dropped map[string]int     // by job
}

// take adds the targets of a job.
func (s *survey) take(sc *config.ScrapeConfig, f findings) {
	b := labels.NewBuilder(labels.EmptyLabels())
	dropped := 0
	for _, group := range f.groups {
		// What cannot be a target is the manager's to log.
		targets, _ := scrape.TargetsFromGroup(group, sc, nil, b)
		for _, t := range targets {
			if t.Labels(b).IsEmpty() {
				dropped++
			} else {
				s.add(t, sc)
			}
		}
	}
	s.dropped[sc.JobName] = dropped
	if !f.whole {
		s.pending[sc.JobName] = &source{
			key: sc.JobName + "/", job: sc.JobName, labels: sureOfJob(sc), interval: time.Duration(sc.ScrapeInterval), names: &names{}, waiting: true,
		}
	}
}

func (s *survey) add(t *scrape.Target, sc *config.ScrapeConfig) {
	id := identify(t)
	if _, ok := s.sources[id]; ok {
		return
	}
	s.order = append(s.order, id)
	s.sources[id] = &source{
		key: fmt.Sprintf("%s/%016x", sc.JobName, uint64(id)), job: sc.JobName, labels: sure(t, sc),
		interval: intervalOf(t), names: &names{}, waiting: true, target: t,
	}
	if path := t.GetValue(scrape.UnixSocketLabel); path != "" {
		s.sockets[t.URL().Hostname()] = path
	}
}

// settle makes what was found known: it tells of targets that came, then of those that
// went. Called with settling held.
func (j *Jobs) settle() {
	next := survey{
		sources: map[sourceID]*source{}, pending: map[string]*source{}, sockets: map[string]string{}, dropped: map[string]int{},
	}
	for _, job := range j.plan.jobs {
		next.take(job, j.found[job.JobName])
	}
	j.remember(&next)
	at, _ := j.opts.Clock()
	j.mu.Lock()
	defer j.mu.Unlock()
	last := j.known
	j.known = next
	for _, id := range next.order {
		if have, ok := last.sources[id]; ok {
			next.sources[id] = have.renewed(next.sources[id], j.running)
		} else {
			j.tell(next.sources[id], at)
		}
	}
	for _, job := range j.plan.jobs {
		name := job.JobName
		if have, ok := last.pending[name]; ok && next.pending[name] != nil {
			next.pending[name] = have.renewed(next.pending[name], false)
		} else if next.pending[name] != nil {
			j.tell(next.pending[name], at)
		}
	}
	for _, id := range last.order {
		if next.sources[id] == nil {
			j.end(last.sources[id], at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last.pending)) {
		if next.pending[name] == nil {
			j.end(last.pending[name], at)
		}
	}
}

// renewed is a source that is still there, with what its configuration says now. The
// target is the manager's own while that runs.
func (s *source) renewed(as *source, running bool) *source {
	s.job, s.labels, s.interval = as.job, as.labels, as.interval
	if !running {
		s.target = as.target
	}
	return s
}

// remember fills in, for sources that are new, what storage knows of their names.
// Called with settling held.
func (j *Jobs) remember(next *survey) {
	j.mu.Lock()
	var fresh []*source
	for id, s := range next.sources {
		if j.known.sources[id] == nil {
			fresh = append(fresh, s)
		}
	}
	for name, s := range next.pending {
		if j.known.pending[name] == nil {
			fresh = append(fresh, s)
		}
	}
	j.mu.Unlock()
	begin := time.Now()
	for _, s := range fresh {
		if time.Since(begin) > rememberFor {
			break // the rest may bring any
		}
		if s.labels.IsEmpty() {
			continue
		}
		s.names.remember(j.opts.Stored(s.labels))
	}
}

// tell tells of a source that something else than a scrape happened to. Called with mu
// held.
func (j *Jobs) tell(s *source, at time.Time) { j.opts.Heard(s.report(at)) }

// end is of a source that is gone. Called with mu held.
func (j *Jobs) end(s *source, at time.Time) {
	s.gone, s.waiting = true, false
	j.tell(s, at)
}

// heard tells what became of a scrape.
func (j *Jobs) heard(f *sourceScrape, at time.Time, up bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := f.source
	if s.gone {
		return
	}
	s.waiting, s.target = false, f.target
	if up {
		s.whole = true
		s.names.complete()
	}
	r := s.report(at)
	r.Up = up
	j.opts.Heard(r)
}

// follow is for the gate. A target that is gone is scraped until the manager knows it.
func (j *Jobs) follow(t *scrape.Target) follower {
	id := identify(t)
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.known.sources[id]
	if s == nil {
		return nil
	}
	return &sourceScrape{jobs: j, source: s, target: t, all: !s.whole}
}

// socket is for connections.
func (j *Jobs) socket(host string) (path string, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.known.sockets[host], strings.HasSuffix(host, socketDomain)
}
