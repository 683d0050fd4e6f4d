package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/storage"
)

// twin is one of two processes to which the same happens: an engine over a data
// directory, with what outlives it.
type twin struct {
	*Engine
	t       *testing.T
	planned bool
	dir     string
	store   *storage.Store
	epoch   uint64 // how many stores were before this one
	feed    promstorage.AppendableV2
	failing func(promstorage.AppenderV2) error // how the next transactions commit; nil as ever

	registry *prometheus.Registry // of the plan

	records map[alert.Key]alert.Record
	savedAt time.Time
	sent    []alert.Notification
}

func newTwin(t *testing.T, planned bool) *twin {
	t.Helper()
	w := &twin{t: t, planned: planned, dir: filepath.Join(t.TempDir(), "data"), records: map[alert.Key]alert.Record{}}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

// open opens the store, on the disk or where that is not there in memory.
func (w *twin) open() {
	w.t.Helper()
	w.epoch++
	w.store = storage.New(storage.Options{Dir: w.dir})
	if err := w.store.OpenOrFallBack(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) close() {
	w.t.Helper()
	if err := w.store.Close(context.Background()); err != nil && !w.store.Degraded() {
		w.t.Fatal(err)
	}
}

// Querier, AppenderV2 and extent are those of the store that is open now.
func (w *twin) Querier(mint, maxt int64) (promstorage.Querier, error) {
	return w.store.Querier(mint, maxt)
}

func (w *twin) AppenderV2(ctx context.Context) promstorage.AppenderV2 {
	app := promstorage.AppenderV2(epochAppender{w.store.AppenderV2(ctx), promstorage.SeriesRef(w.epoch) << epochShift})
	if w.failing != nil {
		return otherwiseAppender{app, w.failing}
	}
	return app
}

// otherwiseAppender commits in some other way.
type otherwiseAppender struct {
	promstorage.AppenderV2
	commit func(promstorage.AppenderV2) error
}

func (a otherwiseAppender) Commit() error { return a.commit(a.AppenderV2) }

func (w *twin) extent(mint, maxt int64) (generation uint64, oldest int64, blocks bool) {
	generation, oldest, blocks = w.store.Extent(mint, maxt)
	return generation + w.epoch<<32, oldest, blocks
}

// begin starts a process over what the one before left.
func (w *twin) begin(content string, now time.Time) {
	w.t.Helper()
	opts := Options{
		Queryable: w, Appendable: w, Interval: step15, ScrapeInterval: step15, HoldLimit: 5 * time.Minute,
		Oldest: func() time.Time { return w.store.Oldest() }, ExternalURL: &url.URL{Scheme: "http", Host: "h"},
		Journal: func(c alert.Changes) error {
			if c.Replace {
				clear(w.records)
			}
			for _, k := range c.Deletes {
				delete(w.records, k)
			}
			for _, r := range c.Upserts {
				w.records[alert.Key{Rule: r.Rule, Fingerprint: r.Alert.Fingerprint()}] = r
			}
			w.savedAt = c.At
			return nil
		},
		Notify: func(ns []alert.Notification) { w.sent = append(w.sent, ns...) },
	}
	w.feed, w.registry = w, prometheus.NewRegistry()
	if w.planned {
		opts.Plan = plan.New(plan.Options{Queryable: w, Appendable: w, Extent: w.extent, MaxSamples: MaxSamples, Registerer: w.registry})
		opts.Appendable, w.feed = opts.Plan, opts.Plan
	}
	w.Engine = New(opts)
	w.load(content)
	if len(w.records) > 0 {
		rs := slices.SortedFunc(maps.Values(w.records), func(a, b alert.Record) int {
			return cmp.Or(cmp.Compare(fmt.Sprint(a.Rule), fmt.Sprint(b.Rule)), labels.Compare(a.Alert.Labels, b.Alert.Labels))
		})
		w.Restore(rs, later(w.savedAt, w.store.Newest()), now)
	}
}

func (w *twin) load(content string) {
	w.t.Helper()
	f := rules.Parse("rules.yml", []byte(content))
	if len(f.Problems) > 0 {
		w.t.Fatal(f.Problems)
	}
	w.Load(f.Groups, true)
}

// write stores samples in one transaction, as far as storage takes them.
func (w *twin) write(samples []sample) {
	w.t.Helper()
	app := w.feed.AppenderV2(w.t.Context())
	w.append(app, samples)
	if err := app.Commit(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) append(app promstorage.AppenderV2, samples []sample) {
	for _, s := range samples {
		if s.h != nil {
			s.h = s.h.Copy()
		}
		_, _ = app.Append(0, s.labels, 0, s.at.UnixMilli(), s.v, s.h, nil, promstorage.AOptions{})
	}
}

// crash ends the process without a word: the next one finds the files.
func (w *twin) crash() {
	w.t.Helper()
	next := w.dir + "-"
	err := os.CopyFS(next, os.DirFS(w.dir))
	w.close()
	if err == nil {
		err = os.RemoveAll(w.dir)
	}
	if err == nil {
		err = os.Rename(next, w.dir)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// exchange goes on with another store under the process, in memory, which has the
// recent samples alone.
func (w *twin) exchange(now time.Time, kept time.Duration) {
	w.t.Helper()
	from := w.store
	w.dir += "x"
	w.epoch++
	w.store = storage.New(storage.Options{Dir: w.dir, Memory: true})
	if err := w.store.Open(); err != nil {
		w.t.Fatal(err)
	}
	var all []sample
	read(w.t, from, now.Add(-kept), now.Add(time.Minute), labels.MustNewMatcher(labels.MatchNotEqual, labels.MetricName, ""), func(s sample) { all = append(all, s) })
	slices.SortStableFunc(all, func(a, b sample) int { return a.at.Compare(b.at) })
	app := w.store.AppenderV2(w.t.Context())
	for _, s := range all {
		if _, err := app.Append(0, s.labels, 0, s.at.UnixMilli(), s.v, nil, s.fh, promstorage.AOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		w.t.Fatal(err)
	}
	if err := from.Close(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// read gives all samples of series, in the order of their labels.
func read(t *testing.T, from promstorage.Queryable, mint, maxt time.Time, m *labels.Matcher, each func(sample)) {
	t.Helper()
	q, err := from.Querier(mint.UnixMilli(), maxt.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), true, nil, m)
	for set.Next() {
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			s := sample{labels: set.At().Labels(), at: time.UnixMilli(it.AtT())}
			if kind == chunkenc.ValFloat {
				_, s.v = it.At()
			} else {
				_, s.fh = it.AtFloatHistogram(nil)
			}
			each(s)
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
}

// evaluations are how many this process had answered by the plan, and by the engine.
func (w *twin) evaluations() (byPlan, byEngine float64) {
	by := evaluationsBy(w.t, w.registry)
	return by["plan"], by["engine"]
}

// look is all that can be seen of the process after an evaluation.
func (w *twin) look(now time.Time) seen {
	w.t.Helper()
	v := seen{}
	for _, g := range w.Snapshot().Groups {
		for _, r := range g.Rules {
			v.Rules = append(v.Rules, fmt.Sprint(g.Name, r.Rule.Name(), r.Health, r.LastError, r.HeldBack))
			for _, a := range r.Alerts {
				v.Alerts = append(v.Alerts, describe(a.State.String(), a.Labels, a.Annotations, a.Value, a.ActiveAt, a.FiredAt, a.ResolvedAt, a.KeepFiringSince, a.HeldSince, a.LastSentAt))
			}
		}
	}
	for _, n := range w.sent {
		v.Sent = append(v.Sent, fmt.Sprint(n.Labels, n.Annotations, n.StartsAt, n.EndsAt, n.GeneratorURL, n.Resolved))
	}
	w.sent = nil
	for k, r := range w.records {
		v.Journal = append(v.Journal, fmt.Sprint(k, describe(r.Alert.State.String(), r.Alert.Labels, r.Alert.Annotations, r.Alert.Value, r.Alert.ActiveAt, r.Alert.FiredAt, r.Alert.ResolvedAt)))
	}
	written := labels.MustNewMatcher(labels.MatchRegexp, labels.MetricName, "ALERTS|ALERTS_FOR_STATE|rec|"+heldMetric)
	read(w.t, w.store, now.Add(-time.Minute), now, written, func(s sample) {
		text := fmt.Sprintf("%016x", math.Float64bits(s.v))
		if math.IsNaN(s.v) && !value.IsStaleNaN(s.v) {
			text = "NaN"
		}
		v.Series = append(v.Series, fmt.Sprint(s.labels, s.at.Sub(t0), text, s.fh))
	})
	for _, list := range [][]string{v.Alerts, v.Sent, v.Journal} {
		slices.Sort(list)
	}
	return v
}

// seen is all that can be seen of one twin after an evaluation.
type seen struct {
	Rules, Alerts, Sent, Journal, Series []string
}
