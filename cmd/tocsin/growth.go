package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/remotewrite"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
	"github.com/tocsin/tocsin/web"
)

// newJobs scrapes what the configuration file names, and tells the engine what becomes
// of each target.
func newJobs(to promstorage.AppendableV2, clk *clock, who *identity, store *storage.Store, eng *engine.Engine, log *slog.Logger, reg *prometheus.Registry) *scrape.Jobs {
	return scrape.NewJobs(scrape.JobsOptions{
		Appendable: to, Clock: clk.sampleTime, Identity: who.phase, Stored: store.Names,
		Heard:  func(r scrape.Report) { eng.Hear(engine.Source(r)) },
		Logger: log, Registerer: reg,
	})
}

// newRemoteWriter sends what is stored to where the configuration file says.
func newRemoteWriter(s settings, store *storage.Store, clk *clock, metadata func() []web.Metadata, log *slog.Logger, reg *prometheus.Registry) *remotewrite.Writer {
	return remotewrite.New(remotewrite.Options{
		Dir: s.dataPath, Queryable: store, Degraded: store.Degraded, Now: clk.now,
		Metadata: func() (list []remotewrite.Metadata) {
			for _, m := range metadata() {
				list = append(list, remotewrite.Metadata{Family: m.Family, Help: m.Help, Unit: m.Unit, Type: m.Type})
			}
			return list
		},
		Logger: log, Registerer: reg,
	})
}
