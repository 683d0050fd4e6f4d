package engine

import (
	"testing"

	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/plan"
)

// newPlan is a plan over the TSDB of a test.
func newPlan(tb testing.TB, db *teststorage.TestStorage) *plan.Plan {
	tb.Helper()
	return plan.New(planOptions(tb, db))
}

func planOptions(tb testing.TB, db *teststorage.TestStorage) plan.Options {
	tb.Helper()
	return plan.Options{Queryable: db, Appendable: db, MaxSamples: MaxSamples, Extent: func(mint, maxt int64) (uint64, int64, bool) {
		oldest, err := db.StartTime()
		if err != nil {
			tb.Fatal(err)
		}
		blocks := false
		for _, b := range db.Blocks() {
			blocks = blocks || b.OverlapsClosedInterval(mint, maxt)
		}
		return 0, oldest, blocks
	}}
}
