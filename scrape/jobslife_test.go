package scrape

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/teststorage"
)

// TestStopDoesNotWaitForHangingJobs: targets hang, on the network and behind a socket,
// so Run can only return if the stop cuts their scrapes off. What was cut off leaves
// nothing, and it can run again.
func TestStopDoesNotWaitForHangingJobs(t *testing.T) {
	t.Parallel()
	const timeout = 5 * time.Second
	arrived, release := make(chan string, 1000), make(chan struct{})
	hang := func(name string) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) { arrived <- name; <-release }
	}
	u := serve(t, hang("network"))
	path := shortDir(t) + "/s"
	serveSocket(t, path, false, hang("socket"))
	defer close(release)
	st := teststorage.New(t)
	opened := &countingStorage{AppendableV2: st}
	j := NewJobs(JobsOptions{Appendable: opened, Heard: func(r Report) {
		if !r.Waiting {
			t.Errorf("a scrape that was cut off was reported: %+v", r)
		}
	}})
	if err := j.Apply(configured(t, `
global: {scrape_interval: 5s, scrape_timeout: 5s}
scrape_configs: [{job_name: j, static_configs: [{targets: [%q]}, {targets: [localhost], labels: {__unix_socket__: %q}}]}]`, host(u), path)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		// One of them may have timed out before the other has begun: then it begins anew.
		last := <-arrived
		for next := range arrived {
			if next != last {
				break
			}
		}
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(timeout - time.Second):
			t.Fatal("stop waits for scrapes under way")
		}
		if n := opened.open.Load(); n != 0 {
			t.Errorf("%d transactions are open after the stop", n)
		}
	}
	if got := last(t, st, ".+"); len(got) != 0 {
		t.Errorf("samples of scrapes that were cut off: %v", got)
	}
}

// countingStorage counts the transactions that are open.
type countingStorage struct {
	storage.AppendableV2
	open atomic.Int64
}

func (c *countingStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	c.open.Add(1)
	return &countedAppender{c.AppendableV2.AppenderV2(ctx), c}
}

type countedAppender struct {
	storage.AppenderV2
	storage *countingStorage
}

func (a *countedAppender) Commit() error   { a.storage.open.Add(-1); return a.AppenderV2.Commit() }
func (a *countedAppender) Rollback() error { a.storage.open.Add(-1); return a.AppenderV2.Rollback() }

// TestHangingTargetsHoldNoTransaction: one that hangs must not keep the storage from
// being closed or cut over.
func TestHangingTargetsHoldNoTransaction(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	u := serve(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-release })
	defer close(release)
	var opened *countingStorage
	runJobs(t, configured(t, "scrape_configs: [{job_name: j, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{targets: [%q]}]}]", host(u)), func(o *JobsOptions) {
		opened = &countingStorage{AppendableV2: o.Appendable}
		o.Appendable = opened
	})
	<-arrived
	if n := opened.open.Load(); n != 0 {
		t.Errorf("%d transactions are open while a target hangs", n)
	}
}

// TestApplyChangesWhatChanged: a job that stays as it is does not notice.
func TestApplyChangesWhatChanged(t *testing.T) {
	t.Parallel()
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a 1\n") })
	cfg := func(b string) *config.Config {
		return configured(t, seldom+`
- job_name: stays
  static_configs: [{targets: [%q, "unix:1"]}]
  relabel_configs: [{source_labels: [__address__], regex: "unix:(.*)", target_label: __address__, replacement: "unix:///none/$1"}]
- {job_name: changes, static_configs: [{targets: [%q], labels: {b: %q}}]}`, host(u), host(u), b)
	}
	reg := prometheus.NewRegistry()
	j, st, reports := runJobs(t, cfg("0"), func(o *JobsOptions) { o.Registerer = reg })
	changed := func(b string) func(Report) bool {
		return func(r Report) bool {
			if r.Job == "stays" && r.Gone || r.Job == "stays" && r.Waiting && b != "0" {
				t.Errorf("job that stays: %+v", r)
			}
			return r.Up && r.Labels.Get("b") == b
		}
	}
	until(t, reports, "stays is up", func(r Report) bool { return r.Job == "stays" && r.Up })
	until(t, reports, "stays is down", func(r Report) bool { return r.Job == "stays" && isDown(r) })
	until(t, reports, "changes is up", changed("0"))
	first := j.Targets()
	if err := j.Apply(cfg("0")); err != nil {
		t.Fatal(err)
	}
	if err := j.Apply(cfg("1")); err != nil {
		t.Fatal(err)
	}
	until(t, reports, "the new target is up", changed("1"))
	if got := testutil.ToFloat64(gathered{reg, "jobs_prometheus_target_scrape_pool_reloads_total"}); got != 1 {
		t.Errorf("%v jobs were started anew, want 1", got)
	}
	if n := staleMarkers(t, st, labels.MustNewMatcher(labels.MatchEqual, "job", "stays")); n != 0 {
		t.Errorf("%d stale markers for a job that stays", n)
	}
	bad := cfg("2")
	bad.ScrapeConfigs[1].HTTPClientConfig.TLSConfig.CAFile = "/none"
	if err := j.Apply(bad); err == nil || !strings.Contains(err.Error(), "job changes") {
		t.Errorf("a job without its CA was taken: %v", err)
	}
	if got := j.Targets(); len(got) != len(first) || got[0].Labels.Get("b") != "1" {
		t.Errorf("after a bad configuration the targets are %+v, want those before", got)
	}
	if err := j.Apply(nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		until(t, reports, "a target is gone", func(r Report) bool { return r.Gone && r.Labels.Get("b") != "0" })
	}
}

// gathered is a counter of a registry.
type gathered struct {
	from prometheus.Gatherer
	name string
}

func (g gathered) Describe(chan<- *prometheus.Desc) {}
func (g gathered) Collect(to chan<- prometheus.Metric) {
	families, _ := g.from.Gather()
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == g.name })
	to <- prometheus.MustNewConstMetric(prometheus.NewDesc("x", "", nil, nil), prometheus.CounterValue, families[i].GetMetric()[0].GetCounter().GetValue())
}

// staleMarkers counts them.
func staleMarkers(t *testing.T, st *teststorage.TestStorage, m *labels.Matcher) (n int) {
	t.Helper()
	q, err := st.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	ss := q.Select(t.Context(), false, nil, m)
	for ss.Next() {
		it := ss.At().Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			if _, v := it.At(); value.IsStaleNaN(v) {
				n++
			}
		}
	}
	return n
}

// TestLimitsOfJobs: a job's own limits stay; where it has none it has the engine's.
func TestLimitsOfJobs(t *testing.T) {
	p, err := newPlan(configured(t, `
scrape_configs:
- {job_name: none}
- {job_name: own, body_size_limit: 1GB, sample_limit: 1000000, label_limit: 500, label_value_length_limit: 100000}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][4]uint64{}
	for _, sc := range p.jobs {
		got[sc.JobName] = [4]uint64{uint64(sc.BodySizeLimit), uint64(sc.SampleLimit), uint64(sc.LabelLimit), uint64(sc.LabelValueLengthLimit)}
	}
	if want := map[string][4]uint64{
		"none": {defaultBodySizeLimit, defaultSampleLimit, labelLimit, labelValueLimit},
		"own":  {1 << 30, 1_000_000, 500, 100_000},
	}; !maps.Equal(got, want) {
		t.Errorf("limits %v, want %v", got, want)
	}
}
