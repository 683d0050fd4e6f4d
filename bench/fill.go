package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

// A history is written as if it had been scraped: by remote write, as many
// samples for each series as that time has scrapes. The TSDB takes nothing that
// is an hour older than its newest sample, so that the samples stand closer
// together than scrapes would.
const (
	fillSpan         = 55 * time.Minute
	fillSamples      = 20  // of each series in one request
	fillSeriesAtOnce = 500 // in one request
)

// fill writes the history of n series into a lane that takes remote write, with
// as many samples as a scrape every 15 s leaves in the given time.
func fill(ctx context.Context, l *lane, n int, history time.Duration) error {
	per := int(history / (15 * time.Second))
	step := fillSpan / time.Duration(per)
	oldest := time.Now().Add(-fillSpan)
	r := rand.New(rand.NewPCG(1, 4))
	for from := 0; from < per; from += fillSamples {
		for first := 0; first < n; first += fillSeriesAtOnce {
			var req prompb.WriteRequest
			for i := first; i < min(n, first+fillSeriesAtOnce); i++ {
				ts := prompb.TimeSeries{Labels: []prompb.Label{
					{Name: "__name__", Value: fmt.Sprintf("bench_history_%d", i%50)},
					{Name: "instance", Value: "bench"}, {Name: "job", Value: "history"},
					{Name: "service", Value: fmt.Sprintf("svc-%04d", i/50)},
				}}
				for k := from; k < min(per, from+fillSamples); k++ {
					ts.Samples = append(ts.Samples, prompb.Sample{
						Timestamp: oldest.Add(time.Duration(k) * step).UnixMilli(),
						Value:     float64(k*(i%97)) + float64(r.IntN(16)),
					})
				}
				req.Timeseries = append(req.Timeseries, ts)
			}
			if err := remoteWrite(ctx, l, &req); err != nil {
				return err
			}
		}
	}
	return nil
}

// remoteWrite sends samples to the process that stores: the first one.
func remoteWrite(ctx context.Context, l *lane, w *prompb.WriteRequest) error {
	data, err := w.Marshal()
	if err != nil {
		return fmt.Errorf("marshal samples: %w", err)
	}
	url := "http://" + l.setup.listen[0] + "/api/v1/write"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(snappy.Encode(nil, data)))
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
