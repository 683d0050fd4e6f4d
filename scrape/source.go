package scrape

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
)

// source is one target of a job, or stands for all of a job whose discovery has not
// answered. Its fields are guarded by the mu of its Jobs, names by itself.
type source struct {
	key      string
	job      string
	labels   labels.Labels // those which all samples surely bear
	interval time.Duration
	names    *names
	waiting  bool
	gone     bool
	whole    bool // names are those of a whole scrape at least
	// target is the manager's once it was scraped, and before that one that is as it;
	// nil if the source stands for a job.
	target *scrape.Target
}

func (s *source) report(at time.Time) Report {
	return Report{
		Target: s.key, Job: s.job, Labels: s.labels, Names: s.names.filter(), At: at, Interval: s.interval,
		Waiting: s.waiting, Gone: s.gone,
	}
}

// sourceID is the same for two targets if and only if their samples could be of the
// same series, and are fetched from the same place.
type sourceID uint64

func identify(t *scrape.Target) sourceID {
	h := fnv.New64a()
	t.LabelsRange(func(l labels.Label) { _, _ = fmt.Fprintf(h, "%s\xff%s\xff", l.Name, l.Value) }) // never fails
	_, _ = h.Write([]byte(t.URL().String()))
	return sourceID(h.Sum64())
}

// sure are those of a target's labels that all its samples bear, whatever the target
// brings.
func sure(t *scrape.Target, sc *config.ScrapeConfig) labels.Labels {
	if sc.HonorLabels {
		return labels.EmptyLabels()
	}
	b := labels.NewBuilder(t.Labels(labels.NewBuilder(labels.EmptyLabels())))
	return unchanged(b, sc.MetricRelabelConfigs)
}

// unchanged removes from b what the rules may change.
func unchanged(b *labels.Builder, rules []*relabel.Config) labels.Labels {
	for _, r := range rules {
		switch r.Action {
		case relabel.Keep, relabel.Drop, relabel.KeepEqual, relabel.DropEqual:
		case relabel.LabelDrop:
			b.Range(func(l labels.Label) {
				if r.Regex.MatchString(l.Name) {
					b.Del(l.Name)
				}
			})
		case relabel.LabelKeep:
			b.Range(func(l labels.Label) {
				if !r.Regex.MatchString(l.Name) {
					b.Del(l.Name)
				}
			})
		default:
			if r.Action == relabel.LabelMap || strings.Contains(r.TargetLabel, "$") {
				return labels.EmptyLabels()
			}
			b.Del(r.TargetLabel)
		}
	}
	return b.Labels()
}

// sureOfJob are the labels that samples of every target bear which a job's discovery
// may show. Files may give a target any job.
func sureOfJob(sc *config.ScrapeConfig) labels.Labels {
	for _, c := range sc.ServiceDiscoveryConfigs {
		if _, ok := c.(*file.SDConfig); ok {
			return labels.EmptyLabels()
		}
	}
	if sc.HonorLabels {
		return labels.EmptyLabels()
	}
	b := labels.NewBuilder(labels.FromStrings(model.JobLabel, sc.JobName))
	unchanged(b, sc.RelabelConfigs)
	return unchanged(b, sc.MetricRelabelConfigs)
}

func intervalOf(t *scrape.Target) time.Duration {
	d, err := model.ParseDuration(t.GetValue(model.ScrapeIntervalLabel))
	if err != nil {
		return 0 // no target has such a label: the manager takes none
	}
	return time.Duration(d)
}

// sourceScrape follows one scrape of a source.
type sourceScrape struct {
	jobs   *Jobs
	source *source
	target *scrape.Target
	// all: no scrape before it has told all names. A target that is found again may
	// still have its cache, in which nothing is new.
	all  bool
	told bool // that it failed
}

func (f *sourceScrape) sample(ref storage.SeriesRef, ls labels.Labels) {
	if ref == 0 || f.all {
		f.source.names.add(ls.Get(labels.MetricName))
	}
}

// ended is of no matter here.
func (f *sourceScrape) ended() {}

func (f *sourceScrape) committing(at time.Time, up bool) {
	if !up {
		f.told = true
		f.jobs.heard(f, at, false)
	}
}

func (f *sourceScrape) committed(at time.Time, up bool) {
	if !f.told {
		f.jobs.heard(f, at, up)
	}
}
