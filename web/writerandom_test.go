package web

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/histogram"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// Requests of any content, good, partly bad and damaged, are answered, stored and
// counted as by Prometheus.
func TestRemoteWriteRandomly(t *testing.T) {
	const seeds, requests = 12, 80
	answers := map[string]int{}
	for seed := range uint64(seeds) {
		r := &randomWrites{Rand: rand.New(rand.NewPCG(seed, 7)), now: time.Now()}
		c := newCompared(t, time.Duration(seed%2)*30*time.Minute, direct)
		for range requests {
			encode, contentType := encodeV1, typeV1
			if r.one(2) {
				encode, contentType = encodeV2, typeV2
			}
			body := encode(t, r.series())
			if r.one(5) {
				body = r.damaged(t, body)
			}
			c.send(t, body, "Content-Type", contentType)
		}
		c.agree(t)
		for kind, n := range c.answers {
			answers[kind] += n
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	for _, kind := range []string{"204", "204 with samples", "400", "400 with samples"} {
		if answers[kind] < seeds {
			t.Errorf("%d answers %s, too few to tell anything: %v", answers[kind], kind, answers)
		}
	}
}

// randomWrites makes requests about few series and few times, so that they meet.
type randomWrites struct {
	*rand.Rand
	now time.Time
}

// one is true once in n times.
func (r *randomWrites) one(n int) bool { return r.IntN(n) == 0 }

func (r *randomWrites) series() (all []wireSeries) {
	for range r.IntN(4) {
		s := named(pick(r, "a", "b", "c"), "x", pick(r, "", "1", "2"))
		if r.one(8) {
			s.labels = s.labels[:0]
			for range r.IntN(7) {
				s.labels = append(s.labels, pick(r, "", "__name__", "a", "b", "\xff", "ünï"))
			}
		}
		for range r.IntN(4) {
			s.samples = append(s.samples, writev2.Sample{Timestamp: r.time(), StartTimestamp: r.time(), Value: pick(r, 0, 1, 2, math.Inf(1), staleNaN, tiny)})
		}
		for range r.IntN(3) * r.IntN(2) {
			s.histograms = append(s.histograms, r.histogram())
		}
		for range r.IntN(3) * r.IntN(2) {
			s.exemplars = append(s.exemplars, r.time())
		}
		if r.one(10) {
			s.exemplars = append(s.exemplars, -1)
		}
		if r.one(4) {
			s.metadata = writev2.Metadata{Type: writev2.Metadata_MetricType(r.IntN(9)), HelpRef: r.Uint32N(20), UnitRef: r.Uint32N(3)}
		}
		all = append(all, s)
	}
	return all
}

// time is mostly later than those before.
func (r *randomWrites) time() int64 {
	switch r.IntN(24) {
	case 0:
		return pick[int64](r, 0, -1, math.MinInt64, math.MaxInt64)
	case 1:
		return r.now.Add(time.Hour).UnixMilli()
	case 2:
		return r.now.Add(-72 * time.Hour).UnixMilli()
	case 3, 4:
		return r.now.Add(-time.Duration(r.IntN(90)) * time.Minute).UnixMilli()
	}
	r.now = r.now.Add(time.Duration(r.IntN(100)) * time.Millisecond)
	return r.now.UnixMilli() - int64(r.IntN(30))
}

// histogram is broken now and then.
func (r *randomWrites) histogram() writev2.Histogram {
	h := pick(r, tsdbutil.GenerateTestHistogram, tsdbutil.GenerateTestCustomBucketsHistogram, tsdbutil.GenerateTestGaugeHistogram)(r.Int64N(5))
	switch r.IntN(12) {
	case 0:
		h.Schema = pick[int32](r, -53, -10, -9, -4, 0, 8, 9, 12, 52, 53)
	case 1:
		h.Count = r.Uint64N(30)
	case 2:
		h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: int32(r.IntN(5) - 2), Length: r.Uint32N(4)})
	case 3:
		h.PositiveBuckets = h.PositiveBuckets[:r.IntN(len(h.PositiveBuckets))]
	case 4:
		h.CustomValues = []float64{2, 1}
	}
	if r.one(2) && len(h.PositiveBuckets) > 0 {
		return writev2.FromFloatHistogram(r.time(), r.time(), asFloat(h))
	}
	return writev2.FromIntHistogram(r.time(), r.time(), h)
}

// asFloat is a float histogram, be it valid or not.
func asFloat(h *histogram.Histogram) *histogram.FloatHistogram {
	f := &histogram.FloatHistogram{
		CounterResetHint: h.CounterResetHint, Schema: h.Schema, Count: float64(h.Count), Sum: h.Sum,
		ZeroThreshold: h.ZeroThreshold, ZeroCount: float64(h.ZeroCount), CustomValues: h.CustomValues,
		PositiveSpans: h.PositiveSpans, NegativeSpans: h.NegativeSpans,
	}
	for _, b := range h.PositiveBuckets {
		f.PositiveBuckets = append(f.PositiveBuckets, float64(b))
	}
	for _, b := range h.NegativeBuckets {
		f.NegativeBuckets = append(f.NegativeBuckets, float64(b))
	}
	return f
}

// damaged cuts a body off, or changes some bytes of what is compressed in it.
func (r *randomWrites) damaged(t *testing.T, body []byte) []byte {
	t.Helper()
	if r.one(4) {
		return body[:r.IntN(len(body))]
	}
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 + r.IntN(3) {
		if len(raw) > 0 {
			raw[r.IntN(len(raw))] = byte(r.Uint32())
		}
	}
	return snappy.Encode(nil, raw)
}

func pick[T any](r *randomWrites, of ...T) T { return of[r.IntN(len(of))] }
