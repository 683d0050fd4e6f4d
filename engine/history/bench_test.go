package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"
)

// BenchmarkRead reads a week of 50 alerts that fire all the time, a sample a minute.
func BenchmarkRead(b *testing.B) {
	var load strings.Builder
	load.WriteString("load 1m\n  up 1x10080\n")
	for i := range 50 {
		fmt.Fprintf(&load, "  ALERTS_FOR_STATE{alertname=\"A\",i=\"%d\"} 0x10080\n  ALERTS{alertname=\"A\",i=\"%d\",alertstate=\"firing\"} 1x10080\n", i, i)
	}
	o := Options{Source: promqltest.LoadedStorage(b, load.String()), From: time.Unix(0, 0), To: time.Unix(10080*60, 0), Interval: time.Minute, MaxAlerts: 500}
	b.ReportAllocs()
	for b.Loop() {
		h, err := Read(b.Context(), o)
		if err != nil || len(h.Alerts) != 50 || len(h.Gaps) != 0 {
			b.Fatalf("%d alerts, gaps %v, %v", len(h.Alerts), h.Gaps, err)
		}
	}
}
