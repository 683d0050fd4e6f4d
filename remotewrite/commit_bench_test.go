package remotewrite

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/storage"
)

// BenchmarkCommit is one commit of 1,000 samples into storage: without a remote, with
// one that takes all, and with one that hangs.
func BenchmarkCommit(b *testing.B) {
	for name, to := range map[string]roundTrip{
		"no remote": nil,
		"takes all": func(*http.Request) (*http.Response, error) { return answer(204, ""), nil },
		"hangs":     hang,
	} {
		b.Run(name, func(b *testing.B) {
			start, n := time.Now(), 0
			store := storage.New(storage.Options{Dir: b.TempDir()})
			if err := store.Open(); err != nil {
				b.Fatal(err)
			}
			defer store.Close(context.Background())
			w := New(Options{Queryable: store})
			if to != nil {
				w.connect = func(cfg *config.RemoteWriteConfig) (*client, error) {
					c, err := newClient(cfg)
					c.http.Transport = to
					return c, err
				}
				cfg, err := config.Load("remote_write: [{url: 'http://remote/write'}]", nopLogger)
				if err != nil {
					b.Fatal(err)
				}
				if err := w.Apply(cfg.RemoteWriteConfigs, labels.FromStrings("host", "edge-1")); err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				defer func() { cancel(); <-ended }()
			}
			var series []labels.Labels
			for _, s := range numbered(1000) {
				series = append(series, labels.FromStrings(labels.MetricName, "m", "instance", "edge-1", "job", "docker", "series", s))
			}
			refs := make([]promstorage.SeriesRef, len(series))
			to := w.Appendable(store)
			b.ReportAllocs()
			for b.Loop() {
				n++
				app := to.AppenderV2(context.Background())
				for i, ls := range series {
					ref, err := app.Append(refs[i], ls, 0, start.UnixMilli()+int64(n), float64(n), nil, nil, promstorage.AOptions{})
					if err != nil {
						b.Fatal(err)
					}
					refs[i] = ref
				}
				if err := app.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
