package engine

import (
	"testing"

	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tocsin/tocsin/engine/plan"
)

// newPlan is a plan over the TSDB of a test.
func newPlan(t testing.TB, db *teststorage.TestStorage) *plan.Plan {
	t.Helper()
	return plan.New(plan.Options{Queryable: db, Appendable: db, MaxSamples: MaxSamples, Extent: func(mint, maxt int64) (uint64, int64, bool) {
		oldest, err := db.StartTime()
		if err != nil {
			t.Fatal(err)
		}
		blocks := false
		for _, b := range db.Blocks() {
			blocks = blocks || b.OverlapsClosedInterval(mint, maxt)
		}
		return 0, oldest, blocks
	}})
}
