package scrape

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/util/teststorage"
)

// TestReportsAndSamples: a failed scrape is told before its stale markers are stored,
// a good one after its samples are.
func TestReportsAndSamples(t *testing.T) {
	t.Parallel()
	var scrapes atomic.Int64
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		if n%2 == 0 {
			w.WriteHeader(500)
			return
		}
		fmt.Fprintf(w, "x %d\n", n)
	})
	var st *teststorage.TestStorage
	stored := func() (v float64) {
		v = math.NaN()
		for _, v = range last(t, st, "x") {
		}
		return v
	}
	told, done := 0, make(chan struct{})
	runJobs(t, configured(t, seldom+`- {job_name: j, static_configs: [{targets: [%q]}]}`, host(u)), func(o *JobsOptions) {
		st = o.Appendable.(*teststorage.TestStorage)
		o.Heard = func(r Report) {
			switch {
			case r.Waiting && told == 0: // before any scrape
			case r.Waiting: // at the end
			case r.Up != (scrapes.Load()%2 == 1):
				t.Errorf("scrape %d: %+v", scrapes.Load(), r)
			case r.Up && stored() != float64(scrapes.Load()):
				t.Errorf("scrape %d was told when %v was stored", scrapes.Load(), stored())
			case !r.Up && value.IsStaleNaN(stored()):
				t.Errorf("the failed scrape %d was told when its stale marker was stored", scrapes.Load())
			}
			if told++; told == 10 {
				close(done)
			}
		}
	})
	<-done
}

// TestReports: a target waits until it is scraped, and is gone when nothing names it any
// more. Its key is the same all the time.
func TestReports(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "mine 1\n") })
	cfg := configured(t, often+`- {job_name: j, static_configs: [{targets: [%q]}]}`, host(u))
	reports := make(chan Report, 1000)
	j := NewJobs(JobsOptions{Appendable: teststorage.New(t), Heard: func(r Report) { reports <- r }})
	if err := j.Apply(cfg); err != nil {
		t.Fatal(err)
	}
	first := <-reports
	if want := labels.FromStrings("instance", host(u), "job", "j"); !first.Waiting || first.Names != nil || !labels.Equal(first.Labels, want) {
		t.Errorf("before the first scrape: %+v, want that it waits, that it may bring anything, with labels %v", first, want)
	}
	if got := j.Targets(); len(got) != 1 || got[0].Health != "unknown" || got[0].Discovered.Get("__address__") != host(u) {
		t.Errorf("targets before the run: %+v", got)
	}
	for range 2 {
		stop := running(t, j)
		up := until(t, reports, "it is up", isUp)
		if up.Target != first.Target || up.Interval != first.Interval || up.At.IsZero() {
			t.Errorf("report %+v, want target and interval of %+v", up, first)
		}
		if !up.Names("mine") || !up.Names("up") || !up.Names("scrape_duration_seconds") || up.Names("other") {
			t.Error("the names are not those that it brings")
		}
		stop()
		again := until(t, reports, "it waits again", func(r Report) bool { return r.Waiting })
		if again.Target != first.Target || again.Names == nil || again.Names("other") {
			t.Errorf("after the run %+v, want what is known of its names", again)
		}
	}
	if err := j.Apply(nil); err != nil {
		t.Fatal(err)
	}
	if end := <-reports; !end.Gone || end.Waiting || end.Target != first.Target {
		t.Errorf("without configuration %+v, want that it is gone", end)
	}
	if got := j.Targets(); len(got) != 0 {
		t.Errorf("targets without configuration: %+v", got)
	}
}

// TestNamesOfTargetThatIsDown: until it has been up, what storage has of it counts, and
// anything where storage has nothing.
func TestNamesOfTargetThatIsDown(t *testing.T) {
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	_, _, reports := runJobs(t, configured(t, often+`
- {job_name: known, static_configs: [{targets: [%q]}]}
- {job_name: unknown, static_configs: [{targets: [%q]}]}`, host(u), host(u)), func(o *JobsOptions) {
		o.Stored = func(ls labels.Labels) ([]string, bool) {
			return []string{"stored"}, ls.Get("job") == "known"
		}
	})
	known := until(t, reports, "known is down", func(r Report) bool { return isDown(r) && r.Job == "known" })
	if known.Names == nil || !known.Names("stored") || known.Names("other") {
		t.Errorf("%+v, want the names that are stored", known)
	}
	unknown := until(t, reports, "unknown is down", func(r Report) bool { return isDown(r) && r.Job == "unknown" })
	if unknown.Names != nil {
		t.Error("nothing is known of it, and it may not bring anything")
	}
}

// TestTargetWithTooManyNames: what is remembered is bounded; beyond it may bring
// anything.
func TestTargetWithTooManyNames(t *testing.T) {
	var body strings.Builder
	for i := range maxNames + 1 {
		fmt.Fprintf(&body, "n%d 1\n", i)
	}
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body.String()) })
	j, _, reports := runJobs(t, configured(t, "scrape_configs: [{job_name: j, scrape_interval: 1s, static_configs: [{targets: [%q]}]}]", host(u)), nil)
	if up := until(t, reports, "it is up", isUp); up.Names != nil {
		t.Error("it may not bring anything")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if s := j.known.sources[j.known.order[0]]; len(s.names.set) != 0 || !s.names.has("any") {
		t.Errorf("%d names are remembered", len(s.names.set))
	}
}

// TestSureLabels: what a target's samples may lose, or have another value of, is not
// promised.
func TestSureLabels(t *testing.T) {
	for _, tc := range []struct{ job, want string }{
		{"", `{instance="h:1", job="j", site="n"}`},
		{"honor_labels: true", `{}`},
		{"metric_relabel_configs: [{regex: noise, source_labels: [__name__], action: drop}]", `{instance="h:1", job="j", site="n"}`},
		{"metric_relabel_configs: [{regex: site, action: labeldrop}]", `{instance="h:1", job="j"}`},
		{"metric_relabel_configs: [{regex: __name__|job, action: labelkeep}]", `{job="j"}`},
		{"metric_relabel_configs: [{source_labels: [x], target_label: instance}]", `{job="j", site="n"}`},
		{"metric_relabel_configs: [{source_labels: [x], target_label: site, action: lowercase}]", `{instance="h:1", job="j"}`},
		{"metric_relabel_configs: [{source_labels: [x], target_label: '${1}'}]", `{}`},
		{"metric_relabel_configs: [{regex: x_(.+), action: labelmap}]", `{}`},
	} {
		j := NewJobs(JobsOptions{})
		if err := j.Apply(configured(t, "scrape_configs: [{job_name: j, static_configs: [{targets: ['h:1'], labels: {site: n}}], %s}]", tc.job)); err != nil {
			t.Fatal(err)
		}
		if got := j.known.sources[j.known.order[0]].labels.String(); got != tc.want {
			t.Errorf("%s: sure are %s, want %s", tc.job, got, tc.want)
		}
	}
}
