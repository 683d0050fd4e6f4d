package scrape

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/config"
)

// TestComplaints: what goes wrong again and again is logged once an hour for each
// target and cause; what is no complaint always.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := newComplaints()
		log := c.log(slog.New(slog.NewTextHandler(&out, nil))).With("scrape_pool", "a")
		for range 120 {
			for _, target := range []string{"x", "y"} {
				log.With("target", target).Error("bad type", "err", "no type")
			}
			log.Info("news")
			time.Sleep(time.Minute)
		}
		if bad, news := strings.Count(out.String(), "bad type"), strings.Count(out.String(), "news"); bad != 4 || news != 120 {
			t.Errorf("%d complaints and %d news in two hours, want 4 and 120", bad, news)
		}
		for i := range 3 * maxComplaints {
			log.Error("bad type", "err", i)
		}
		if n := len(c.logged); n > maxComplaints {
			t.Errorf("%d remembered", n)
		}
	})
}

// lines gets what is logged.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// TestUnfound: a discovery that fails is told with its reason until it answers, and a
// job that is no more is not.
func TestUnfound(t *testing.T) {
	const text = "scrape_configs: [{job_name: c, docker_sd_configs: [{host: 'unix:///nowhere/docker.sock', refresh_interval: 50ms}]}]"
	cfg, err := config.Load(text, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	logged := make(lines, 100)
	j := NewJobs(JobsOptions{Logger: slog.New(slog.NewTextHandler(logged, nil))})
	if err := j.Apply(cfg); err != nil {
		t.Fatal(err)
	}
	if got := j.Unfound(); len(got) != 0 {
		t.Errorf("before it was asked: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	for !strings.Contains(<-logged, "refresh") {
	}
	if got := j.Unfound()[0]; got.Job != "c" || !strings.Contains(got.Error, "docker.sock") {
		t.Errorf("got %+v", got)
	}
	if err := j.Apply(nil); err != nil {
		t.Fatal(err)
	}
	if got := j.Unfound(); len(got) != 0 {
		t.Errorf("of a job that is no more: %v", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
