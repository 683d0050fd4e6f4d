package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// write puts a table between its marks in a document, or prints it.
func write(path, name, table string) error {
	if path == "-" {
		_, err := fmt.Print(table)
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	begin, end := "<!-- bench/fleet "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, ok := strings.Cut(string(content), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("write table: %s lacks the lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+table+"\n"+end+after), 0o644)
}

// requestsTable tells how many requests come, and how evenly.
func requestsTable(results []*result) string {
	var b strings.Builder
	b.WriteString("| hosts x Alertmanagers | phase | requests per host and minute | per second: mean | peak | peak ÷ mean | news : refreshes : status |\n|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		all := []struct {
			name  string
			rates rates
		}{
			{"steady", r.tallies[steadyPhase].rates(r.plan.steady)},
			{"site outage", r.tallies[sitePhase].rates(r.plan.site)},
			{"return", r.afterOutage()},
		}
		for i, p := range all {
			fleet := fmt.Sprintf("%d x %d", r.hosts, r.alertmanagers)
			if i > 0 {
				fleet = ""
			}
			fmt.Fprintf(&b, "| %s | %s | %.2f | %.1f | %d | %.1f | %s |\n", fleet, p.name,
				p.rates.mean*60/float64(r.hosts), p.rates.mean, p.rates.peak, p.rates.over(), shares(p.rates.kind))
		}
	}
	return b.String()
}

// shares are those of the kinds, in percent.
func shares(s second) string {
	sum := max(s.sum(), 1)
	return fmt.Sprintf("%d : %d : %d", 100*s[news]/sum, 100*s[refresh]/sum, 100*s[status]/sum)
}

// timesTable tells how long it takes until all is told, and what was not.
func timesTable(results []*result) string {
	var b strings.Builder
	b.WriteString("| hosts x Alertmanagers | a site's begin, last told | its end, last told | after an outage, last told | requests for a host's return | late reports | lost | doubled |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		site := r.tallies[sitePhase]
		back := r.tallies[backPhase].rates(r.delivered().Truncate(time.Second) + time.Second)
		fmt.Fprintf(&b, "| %d x %d | %s | %s | %s | %.1f | %d | %d | %d |\n", r.hosts, r.alertmanagers,
			seconds(site.lastBegin.Sub(r.script.siteFrom)), seconds(site.lastEnd.Sub(r.script.siteTo)), seconds(r.delivered()),
			float64(back.kind.sum())/float64(r.hosts*r.alertmanagers), r.faults.late, r.faults.lost, r.faults.doubled)
	}
	return b.String()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// costTable tells what an Alertmanager pays, on average over those of a cluster.
func costTable(results []*result) string {
	var b strings.Builder
	b.WriteString("| hosts x Alertmanagers | phase | CPU of each | CPU per request | memory of each | most | bytes on the wire per host and minute | connections per host |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		for _, name := range []string{steadyPhase, sitePhase, backPhase} {
			t := r.tallies[name]
			n := float64(len(t.used))
			var sum usage
			for _, u := range t.used {
				sum.cpu += u.cpu
				sum.rss += u.rss
				sum.peak = max(sum.peak, u.peak)
			}
			links := float64(r.hosts * r.alertmanagers)
			fmt.Fprintf(&b, "| %d x %d | %s | %.1f%% | %.2f ms | %.0f MiB | %.0f MiB | %.0f | %.2f |\n", r.hosts, r.alertmanagers, name,
				100*sum.cpu.Seconds()/n/t.length.Seconds(), 1000*sum.cpu.Seconds()/float64(max(1, t.rates(t.length).kind.sum())),
				float64(sum.rss)/n/(1<<20), float64(sum.peak)/(1<<20),
				float64(t.wire)/links/t.length.Minutes(), float64(t.dialled)/links)
		}
	}
	return b.String()
}

func loopbackTable(results []*result) string {
	return requestsTable(results) + "\n" + timesTable(results) + "\n" + costTable(results)
}
