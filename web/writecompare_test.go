package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	stale "github.com/prometheus/prometheus/model/value"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/teststorage"
)

// receiving is a receiver of remote writes with the TSDB that it fills.
type receiving struct {
	http.Handler
	db  *teststorage.TestStorage
	reg *prometheus.Registry
}

// compared are ours and Prometheus's, which are sent the same.
type compared struct {
	ours, prometheus receiving
	answers          map[string]int // by kind: see kindOf
}

// newCompared has TSDBs that take samples as late as window, keep start timestamps,
// which tells whether they are passed on, and have no exemplars, as our storage.
func newCompared(t *testing.T, window time.Duration, through func(storage.AppendableV2) storage.AppendableV2) *compared {
	t.Helper()
	build := func(newHandler func(*prometheus.Registry, storage.AppendableV2) http.Handler) receiving {
		db := teststorage.New(t, func(o *tsdb.Options) {
			o.OutOfOrderTimeWindow = window.Milliseconds()
			o.EnableExemplarStorage = false
			o.FloatChunkEncoding, o.EnableHistogramSTEncoding = chunkenc.EncXOR2, true
		})
		reg := prometheus.NewRegistry()
		return receiving{Handler: newHandler(reg, through(db)), db: db, reg: reg}
	}
	messages := remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType}
	return &compared{
		ours: build(func(reg *prometheus.Registry, to storage.AppendableV2) http.Handler {
			return remoteapi.NewWriteHandler(newWriteStore(to, reg), messages)
		}),
		prometheus: build(func(reg *prometheus.Registry, to storage.AppendableV2) http.Handler {
			return remote.NewWriteHandler(slog.New(slog.DiscardHandler), reg, to, messages, false, false)
		}),
		answers: map[string]int{},
	}
}

func direct(db storage.AppendableV2) storage.AppendableV2 { return db }

// send posts a body as it is to both and compares the answers; headers in pairs.
func (c *compared) send(t *testing.T, body []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	type answer struct {
		Code   int
		Header http.Header
		Body   string
	}
	got, want := post(c.ours, body, headers...), post(c.prometheus, body, headers...)
	if diff := cmp.Diff(answer{want.Code, want.Header(), want.Body.String()}, answer{got.Code, got.Header(), got.Body.String()}); diff != "" {
		t.Errorf("%v, body %.200q: Prometheus answers -, we +:\n%s", headers, body, diff)
	}
	c.answers[kindOf(want)]++
	return want
}

// kindOf sorts answers by status, and by whether something was stored.
func kindOf(w *httptest.ResponseRecorder) string {
	if n := w.Header().Get("X-Prometheus-Remote-Write-Samples-Written"); n != "" && n != "0" {
		return fmt.Sprint(w.Code, " with samples")
	}
	return fmt.Sprint(w.Code)
}

// agree compares what was stored, and what was counted.
func (c *compared) agree(t *testing.T) {
	t.Helper()
	got, want := stored(t, c.ours.db), stored(t, c.prometheus.db)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored by Prometheus -, by us +:\n%s", diff)
	}
	if diff := cmp.Diff(counters(t, c.prometheus.reg), counters(t, c.ours.reg)); diff != "" {
		t.Errorf("counted by Prometheus -, by us +:\n%s", diff)
	}
}

func stored(t *testing.T, db *teststorage.TestStorage) (lines []string) {
	t.Helper()
	q, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".*"))
	for set.Next() {
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			line := fmt.Sprint(set.At().Labels(), " ", it.AtT(), " since ", it.AtST(), " ", kind, " ")
			switch kind {
			case chunkenc.ValFloat:
				_, v := it.At()
				line += fmt.Sprintf("%x", math.Float64bits(v))
			case chunkenc.ValHistogram:
				_, h := it.AtHistogram(nil)
				line += fmt.Sprintf("%+v", *h)
			default:
				_, h := it.AtFloatHistogram(nil)
				line += fmt.Sprintf("%+v", *h)
			}
			lines = append(lines, line)
		}
		if err := it.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func counters(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		all[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
	}
	return all
}

// Every case that the receiver knows, one after the other into the same TSDBs.
func TestRemoteWriteIsPrometheuss(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	minute := func(n int) int64 { return now.Add(time.Duration(n) * time.Minute).UnixMilli() }
	h, fh := tsdbutil.GenerateTestHistogram(3), tsdbutil.GenerateTestFloatHistogram(4)
	custom := tsdbutil.GenerateTestCustomBucketsHistogram(2)
	fine, coarse := h.Copy(), h.Copy()
	fine.Schema, coarse.Schema = histogram.ExponentialSchemaMax+2, -9
	miscounted := fh.Copy()
	miscounted.Count = 1
	point := func(at int, v float64) writev2.Sample {
		return writev2.Sample{Timestamp: minute(at), Value: v, StartTimestamp: minute(at - 2)}
	}
	for _, tt := range []struct {
		name   string
		series []wireSeries
	}{
		{"nothing", nil},
		{"samples", []wireSeries{named("a").with(point(-9, 1), point(-8, tiny))}},
		{"again the same", []wireSeries{named("a").with(point(-8, tiny))}},
		{"another value", []wireSeries{named("a").with(point(-8, 3), point(-7, 4)), named("b").with(point(-8, 1))}},
		{"out of order", []wireSeries{named("c").with(point(-8, 1)), named("a").with(point(-20, 1), point(-6, 2))}},
		{"too old", []wireSeries{named("a").with(point(-60*72, 1), point(-5, 1))}},
		{"the future", []wireSeries{named("a").with(point(20, 1), point(-4, 1))}},
		{"stale", []wireSeries{named("a").with(writev2.Sample{Timestamp: minute(-3), Value: staleNaN})}},
		{"no name", []wireSeries{{labels: []string{"x", "y"}, samples: []writev2.Sample{point(-2, 1)}}, named("d").with(point(-2, 1))}},
		{"no labels", []wireSeries{{samples: []writev2.Sample{point(-2, 1)}}}},
		{"empty name", []wireSeries{named("").with(point(-2, 1))}},
		{"empty label", []wireSeries{named("d", "x", "").with(point(-1, 1))}},
		{"not UTF-8", []wireSeries{named("d", "x", "\xff").with(point(-1, 1)), named("d", "\xff", "x").with(point(-1, 1))}},
		{"a label twice", []wireSeries{named("d", "x", "1", "x", "2").with(point(-1, 1), point(-1, 2))}},
		{"no samples", []wireSeries{named("e")}},
		{"histograms", []wireSeries{named("h").histogram(writev2.FromIntHistogram(minute(-20), minute(-9), h)), named("f").histogram(writev2.FromFloatHistogram(minute(-20), minute(-9), fh)), named("n").histogram(writev2.FromIntHistogram(0, minute(-9), custom))}},
		{"too fine", []wireSeries{named("fine").histogram(writev2.FromIntHistogram(0, minute(-9), fine)), named("fines").histogram(writev2.FromFloatHistogram(0, minute(-9), fine.ToFloat(nil)))}},
		{"too coarse", []wireSeries{named("coarse").histogram(writev2.FromIntHistogram(0, minute(-9), coarse)), named("d").with(point(0, 1))}},
		{"miscounted", []wireSeries{named("f").histogram(writev2.FromFloatHistogram(0, minute(-8), miscounted), writev2.FromFloatHistogram(0, minute(-7), fh))}},
		{"histogram out of order", []wireSeries{named("h").histogram(writev2.FromIntHistogram(0, minute(-12), h), writev2.FromIntHistogram(0, minute(-6), h))}},
		{"histogram of the future", []wireSeries{named("h").histogram(writev2.FromIntHistogram(0, minute(20), h))}},
		{"of both kinds", []wireSeries{named("both").with(point(-5, 1)).histogram(writev2.FromIntHistogram(0, minute(-4), h))}},
		{"metadata", []wireSeries{{labels: []string{"__name__", "m"}, samples: []writev2.Sample{point(-2, 1)}, metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER}}}},
		{"metadata out of the table", []wireSeries{{labels: []string{"__name__", "m"}, samples: []writev2.Sample{point(-1, 1)}, metadata: writev2.Metadata{HelpRef: 1000}}}},
		{"exemplars", []wireSeries{
			{labels: []string{"__name__", "x"}, samples: []writev2.Sample{point(-2, 1)}, exemplars: []int64{minute(-2), minute(-3), minute(20)}},
			{labels: []string{"__name__", "y"}, samples: []writev2.Sample{point(-60*72, 1)}, exemplars: []int64{minute(-2)}},
			{labels: []string{"__name__", "x", "bad", "ref"}, samples: []writev2.Sample{point(-2, 1)}, exemplars: []int64{-1, minute(-2)}},
		}},
	} {
		for _, window := range []time.Duration{0, 30 * time.Minute} {
			t.Run(fmt.Sprint(tt.name, "/", window), func(t *testing.T) {
				c := newCompared(t, window, direct)
				begun := []wireSeries{named("a").with(point(-15, 1), point(-9, 1), point(-8, tiny)), named("h").histogram(writev2.FromIntHistogram(0, minute(-10), h))}
				for _, series := range [][]wireSeries{begun, tt.series} {
					c.send(t, encodeV2(t, series), "Content-Type", typeV2)
					c.send(t, encodeV1(t, series), "Content-Type", typeV1)
					c.agree(t)
				}
				if len(stored(t, c.ours.db)) == 0 {
					t.Error("nothing was stored")
				}
			})
		}
	}
}

// tiny and staleNaN are values whose bits must arrive as they are.
const tiny = 5e-324

var staleNaN = math.Float64frombits(stale.StaleNaN)

// What is no request, or not for this receiver.
func TestRemoteWriteRefusesAsPrometheus(t *testing.T) {
	c := newCompared(t, 0, direct)
	good := encodeV1(t, []wireSeries{named("a").with(writev2.Sample{Timestamp: time.Now().UnixMilli(), Value: 1})})
	for _, headers := range [][]string{
		{}, {"Content-Type", ""}, {"Content-Type", typeV1}, {"Content-Type", typeV2}, {"Content-Type", "text/plain"},
		{"Content-Type", "application/x-protobuf;proto=x.Y"}, {"Content-Type", "application/x-protobuf;proto"},
		{"Content-Type", "application/x-protobuf;charset=utf-8"}, {"Content-Encoding", ""}, {"Content-Encoding", "gzip"},
		{"X-Prometheus-Remote-Write-Version", "9"},
	} {
		for _, body := range [][]byte{nil, good, good[:len(good)/2], []byte("garbage"), snappy.Encode(nil, []byte("garbage")), snappy.Encode(nil, nil)} {
			c.send(t, body, headers...)
		}
	}
	c.agree(t)
	for _, kind := range []string{"204", "400", "415"} {
		if c.answers[kind] == 0 {
			t.Errorf("no answer %s: %v", kind, c.answers)
		}
	}
}

// failingStorage is a storage whose transactions fail: with the nth sample, or at the commit
// if that is 0.
type failingStorage struct {
	storage.AppendableV2
	nth int
}

func (f failingStorage) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &failingAppender{ExemplarAppenderV2: f.AppendableV2.AppenderV2(ctx).(storage.ExemplarAppenderV2), left: f.nth}
}

type failingAppender struct {
	storage.ExemplarAppenderV2
	left int
}

var errDisk = errors.New("input/output error")

func (f *failingAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if f.left--; f.left == 0 {
		return 0, errDisk
	}
	return f.ExemplarAppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
}

func (f *failingAppender) Commit() error {
	return errors.Join(errDisk, f.Rollback())
}

// Of a transaction that fails nothing is stored, and the sender is to try again. What
// Prometheus counts of 1.0 then is left out: it counts these alone as appended.
func TestRemoteWriteFailsAsPrometheus(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) writev2.Sample {
		return writev2.Sample{Timestamp: now.Add(d).UnixMilli(), Value: 1}
	}
	series := []wireSeries{{labels: []string{"no", "name"}, samples: []writev2.Sample{at(0)}}, named("a").with(at(-2*time.Minute), at(0)), named("b").with(at(0))}
	for nth := range 4 {
		c := newCompared(t, 0, func(db storage.AppendableV2) storage.AppendableV2 { return failingStorage{db, nth} })
		c.send(t, encodeV2(t, series), "Content-Type", typeV2)
		if diff := cmp.Diff(counters(t, c.prometheus.reg), counters(t, c.ours.reg)); diff != "" {
			t.Errorf("counted by Prometheus -, by us +:\n%s", diff)
		}
		if w := c.send(t, encodeV1(t, series)); w.Code != 500 || !strings.Contains(w.Body.String(), errDisk.Error()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if c.answers["500"] != 2 || len(stored(t, c.ours.db)) != 0 {
			t.Errorf("failure at %d: %v, stored %v", nth, c.answers, stored(t, c.ours.db))
		}
	}
}
