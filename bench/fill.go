package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/prompb"
)

// history is what a lane is given of the past, by remote write: at each of some
// times, in order, a sample of each series. Each time is a request, as it would
// have been a scrape.
type history struct {
	labels [][]prompb.Label // by series
	times  []time.Time
	value  func(series int, at time.Time) float64
}

// headSpan is how old samples may be beside others of now: a TSDB takes nothing
// that is an hour older than its newest sample.
const headSpan = 55 * time.Minute

// denseHistory has as many samples of n series as scrapes every 15 s leave in a
// time that is longer than headSpan: they stand closer together.
func denseHistory(n int, span time.Duration) history {
	h := history{times: before(time.Now(), int(span/realInterval), headSpan/(span/realInterval))}
	for i := range n {
		h.labels = append(h.labels, []prompb.Label{
			{Name: "__name__", Value: fmt.Sprintf("bench_history_%d", i%50)},
			{Name: "instance", Value: "bench"},
			{Name: "job", Value: "history"},
			{Name: "service", Value: fmt.Sprintf("svc-%04d", i/50)},
		})
	}
	r := rand.New(rand.NewPCG(1, 4))
	h.value = func(i int, at time.Time) float64 {
		return math.Floor(at.Sub(h.times[0]).Seconds())*float64(i%97) + float64(r.IntN(16))
	}
	return h
}

// before is n times, the last one a step before the end.
func before(end time.Time, n int, step time.Duration) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = end.Add(-time.Duration(n-i) * step)
	}
	return out
}

// pastScrapes is what a lane would have scraped of its target before now.
func (m *metrics) pastScrapes(l *lane) (history, error) {
	h := history{
		times: before(time.Now(), l.setup.past, l.setup.interval),
		value: func(i int, at time.Time) float64 { return m.sources[i].value(at.Sub(m.begun).Seconds()) },
	}
	instance := cmp.Or(l.instance, hostPort(l.target.url))
	for i := range m.sources {
		p := textparse.NewPromParser(append(slices.Clone(m.sources[i].prefix), "1\n"...), labels.NewSymbolTable(), false)
		if _, err := p.Next(); err != nil {
			return history{}, fmt.Errorf("parse %s: %w", m.sources[i].prefix, err)
		}
		var ls labels.Labels
		p.Labels(&ls)
		b := labels.NewBuilder(ls)
		b.Set("job", scrapeJob).Set("instance", instance)
		h.labels = append(h.labels, prompb.FromLabels(b.Labels(), nil))
	}
	return h, nil
}

// fill writes a history into a lane that takes remote write.
func (l *lane) fill(ctx context.Context, h history) error {
	req := prompb.WriteRequest{Timeseries: make([]prompb.TimeSeries, len(h.labels))}
	for i := range req.Timeseries {
		req.Timeseries[i] = prompb.TimeSeries{Labels: h.labels[i], Samples: make([]prompb.Sample, 1)}
	}
	for _, at := range h.times {
		for i := range req.Timeseries {
			req.Timeseries[i].Samples[0] = prompb.Sample{Timestamp: at.UnixMilli(), Value: h.value(i, at)}
		}
		data, err := req.Marshal()
		if err != nil {
			return fmt.Errorf("marshal samples: %w", err)
		}
		if err := l.remoteWrite(ctx, snappy.Encode(nil, data)); err != nil {
			return err
		}
	}
	return nil
}

// takesSamples waits until the lane takes remote write.
func (l *lane) takesSamples(ctx context.Context) error {
	return l.poll(ctx, seldom, startLimit, func() error { return l.remoteWrite(ctx, snappy.Encode(nil, nil)) })
}

// remoteWrite sends samples to the process that stores: the first one.
func (l *lane) remoteWrite(ctx context.Context, body []byte) error {
	url := "http://" + l.setup.listen[0] + "/api/v1/write"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("write samples to %s: %w", l.name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // the status says it already
		return fmt.Errorf("write samples to %s: %s: %s", l.name, resp.Status, text)
	}
	return nil
}
