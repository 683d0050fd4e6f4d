package main

import (
	"log/slog"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/plan"
	"github.com/tocsin/tocsin/storage"
)

// newFeed is what leads into storage, or the plan of the rules before that.
func newFeed(s settings, store *storage.Store, log *slog.Logger, reg prometheus.Registerer) (*plan.Plan, promstorage.AppendableV2) {
	if !s.plan {
		return nil, store
	}
	p := newPlan(store, log, reg)
	return p, p
}

// newPlan stands between the stages and storage: all that is stored goes through
// it, or rules would not see it.
func newPlan(store *storage.Store, log *slog.Logger, reg prometheus.Registerer) *plan.Plan {
	return plan.New(plan.Options{
		Queryable: store, Appendable: store, Extent: store.Extent, MaxSamples: engine.MaxSamples,
		MaxPoints: maxPoints(), Logger: log, Registerer: reg,
	})
}

// maxPoints is how many samples of 16 bytes the plan may keep: a quarter of the
// memory, where that is limited.
func maxPoints() int {
	return int(min(plan.DefaultMaxPoints, debug.SetMemoryLimit(-1)/4/16))
}
