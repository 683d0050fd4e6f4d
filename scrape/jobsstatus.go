package scrape

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/scrape"
)

// Targets tells the state of all targets, by job and instance. While Run does not run
// their health is unknown.
func (j *Jobs) Targets() []TargetStatus {
	targets, running := j.targets()
	var list []TargetStatus
	for _, s := range targets {
		st := TargetStatus{Job: s.job, Health: string(scrape.HealthUnknown), Interval: s.interval}
		st.describe(s.target)
		st.Instance = st.Labels.Get(model.InstanceLabel)
		st.URL = redacted(s.target)
		if d, err := model.ParseDuration(s.target.GetValue(model.ScrapeTimeoutLabel)); err == nil {
			st.Timeout = time.Duration(d)
		}
		if running {
			st.lastScrape(s.target)
		}
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b TargetStatus) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.URL, b.URL))
	})
	return list
}

// redacted is where a target is, without its parameters, which may be a token.
func redacted(t *scrape.Target) string {
	if path := t.GetValue(scrape.UnixSocketLabel); path != "" {
		return "unix://" + path
	}
	return Target{URL: t.URL()}.Redacted()
}

// targets are copies of the sources that are targets.
func (j *Jobs) targets() (list []source, running bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range j.known.order {
		list = append(list, *j.known.sources[id])
	}
	return list, j.running
}

// Metadata tells what the targets said of their metrics in their last scrapes, in the
// order of their names. While Run does not run there is none.
func (j *Jobs) Metadata() []Metadata {
	sources, running := j.targets()
	if !running {
		return nil
	}
	var targets []*scrape.Target
	for _, s := range sources {
		targets = append(targets, s.target)
	}
	return metadata(targets...)
}

// Dropped counts the targets that relabelling dropped, by job.
func (j *Jobs) Dropped() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.known.dropped)
}

// Unfound is a job of which nobody knows all targets, as a discovery has failed.
type Unfound struct {
	Job   string
	Error string // the last one of its discoveries
}

// Unfound lists the jobs whose discoveries have not answered, and have failed. What was
// found before is scraped on.
func (j *Jobs) Unfound() (list []Unfound) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range slices.Sorted(maps.Keys(j.known.pending)) {
		if err := j.complaints.failure(job); err != "" {
			list = append(list, Unfound{job, err})
		}
	}
	return list
}
