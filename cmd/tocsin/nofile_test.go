package main

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/remotewrite"
	"github.com/tocsin/tocsin/scrape"
)

// withoutFile gives a lifecycle what it has where there is no configuration file.
func withoutFile(t *testing.T, l *lifecycle) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l.config = newConfigbook(settings{dataPath: t.TempDir()}, log, prometheus.NewRegistry())
	l.jobs = scrape.NewJobs(scrape.JobsOptions{Appendable: l.store})
	l.remote = remotewrite.New(remotewrite.Options{Dir: t.TempDir(), Queryable: l.store})
}
