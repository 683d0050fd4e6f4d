package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// burst is what the evaluation of a group changes in which n alerts begin to fire.
func burst(group string, n int) alert.Changes {
	c := alert.Changes{At: t0}
	for i := range n {
		ls := labels.FromStrings("alertname", "HighErrorRate", "group", group, "host", "edge-7", "id", strconv.Itoa(i), "severity", "page")
		annotations := labels.FromStrings("summary", fmt.Sprintf("service %d fails 7.3 %% of its requests", i), "runbook_url", "https://runbooks.example.org/high-error-rate")
		c.Upserts = append(c.Upserts, alert.Record{
			Rule: alert.RuleID{File: "/etc/tocsin/rules/services.yml", Group: group, Name: "HighErrorRate", Labels: `{severity="page"}`, Index: i % 7},
			Alert: alert.Alert{
				State: alert.Firing, Labels: ls, Annotations: annotations, Value: 7.3,
				ActiveAt: t0.Add(-5 * time.Minute), FiredAt: t0, LastSentAt: t0, ValidUntil: t0.Add(4 * time.Minute),
			},
		})
		c.News = append(c.News, alert.Notification{
			Labels: ls, Annotations: annotations, StartsAt: t0, EndsAt: t0.Add(4 * time.Minute), News: true,
			GeneratorURL: "http://edge-7:9193/graph?g0.expr=rate%28errors_total%5B5m%5D%29+%3E+5&g0.tab=1",
		})
	}
	return c
}

// written is how many bytes this process has sent towards a disk, by the kernel's
// count; zero where it does not count, or the directory is in memory.
func written(b *testing.B) (n int) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			if n, err = strconv.Atoi(strings.TrimSpace(count)); err != nil {
				b.Fatal(err)
			}
		}
	}
	return n
}

// BenchmarkSave: five groups whose alerts begin to fire with the same scrape, and
// the receipts of one receiver; and a storm.
func BenchmarkSave(b *testing.B) {
	for _, bm := range []struct {
		name          string
		groups, alert int
	}{
		{"5x7", 5, 7},
		{"1x10000", 1, 10_000},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			bytes := 0
			for b.Loop() {
				b.StopTimer()
				j := New(Options{Path: filepath.Join(b.TempDir(), "journal.db"), Receivers: []string{"http://am:9093"}})
				if err := j.Open(); err != nil {
					b.Fatal(err)
				}
				var changes []alert.Changes
				for g := range bm.groups {
					changes = append(changes, burst(fmt.Sprintf("group-%d", g), bm.alert))
				}
				before := written(b)
				b.StartTimer()
				var all sync.WaitGroup
				for _, c := range changes {
					all.Go(func() {
						if err := j.Save(c); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
				for _, c := range changes {
					var receipts []alert.Receipt
					for _, n := range c.News {
						receipts = append(receipts, alert.Receipt{Fingerprint: n.Fingerprint(), StartsAt: n.StartsAt, Told: alert.ToldFiring})
					}
					j.Delivered("http://am:9093", receipts)
				}
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				bytes += written(b) - before
				b.StartTimer()
			}
			b.ReportMetric(float64(bytes)/float64(b.N), "written-B/op")
		})
	}
}
