package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/history"
)

// gapIntervals is how many scrapes must be missing for a gap: nobody scraped, so
// nobody evaluated either.
const gapIntervals = 3

// timeline is when the rules are evaluated: when they would have been. In the
// history of one target that is at each of its scrapes, as the series up has
// them. Where there are several targets, or none, it is once an interval.
type timeline struct {
	ticks []tick
	gaps  []Gap
	// interval is that of the scrapes.
	interval time.Duration
}

type tick struct {
	engine.Tick
	resumes bool // after a gap
}

// Gap is a time in which nothing was scraped: Tocsin, or its host, did not run.
type Gap = history.Gap

// targetMetrics are the series that tell how a scrape went.
type targetMetrics struct{ up, counts, info []series }

// readTimeline makes the timeline from mint to maxt of what the source has
// recorded.
func readTimeline(ctx context.Context, o Options, mint, maxt time.Time) (*timeline, error) {
	var m targetMetrics
	for _, want := range []struct {
		name string
		into *[]series
	}{{"up", &m.up}, {o.CountsMetric, &m.counts}, {o.InfoMetric, &m.info}} {
		if want.name == "" {
			continue
		}
		named := labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, want.name)
		list, err := readSeries(ctx, o.History, mint.UnixMilli(), maxt.UnixMilli(), named)
		if err != nil {
			return nil, err
		}
		*want.into = list
	}
	m.up = ofJob(m.up, o.Job)
	tl := &timeline{interval: scrapeInterval(m.up, o.ScrapeInterval)}
	if len(m.up) > 0 && !overlap(m.up, tl.interval) {
		tl.ticks = m.atScrapes()
	} else if some, err := anyRead(ctx, o, mint, maxt); err != nil {
		return nil, err
	} else if len(m.up) > 0 || some {
		tl.ticks = m.atIntervals(mint, maxt, tl.interval)
	}
	tl.findGaps(mint, maxt)
	return tl, nil
}

// anyRead tells whether anything is recorded that the rules read.
func anyRead(ctx context.Context, o Options, mint, maxt time.Time) (some bool, err error) {
	for _, g := range o.Groups {
		for _, r := range g.Rules {
			for _, ms := range parser.ExtractSelectors(r.Expr) {
				list, err := readSeries(ctx, o.History, mint.UnixMilli(), maxt.UnixMilli(), ms...)
				if err != nil || len(list) > 0 {
					return len(list) > 0, err
				}
			}
		}
	}
	return false, nil
}

// readSeries reads all that matches.
func readSeries(ctx context.Context, from storage.Queryable, mint, maxt millis, ms ...*labels.Matcher) ([]series, error) {
	all := selection{lo: mint, hi: mint - 1, byLabels: map[string]*series{}}
	none := func(labels.Labels) bool { return false }
	if _, err := all.read(ctx, from, maxt, none, ms); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	list := make([]series, 0, len(all.list))
	for _, s := range all.list {
		if len(s.t) > 0 {
			list = append(list, *s)
		}
	}
	return list, nil
}

// ofJob gives the series of a job, all if it has none.
func ofJob(all []series, job string) []series {
	own := slices.DeleteFunc(slices.Clone(all), func(s series) bool { return s.labels.Get("job") != job })
	if len(own) == 0 {
		return all
	}
	return own
}

// scrapeInterval is the median of the times between two scrapes.
func scrapeInterval(up []series, otherwise time.Duration) time.Duration {
	var all [][]millis
	for _, s := range up {
		all = append(all, s.t)
	}
	step := medianStep(all...)
	if step == 0 {
		return otherwise
	}
	d := time.Duration(step) * time.Millisecond
	return max(d.Round(roundTo(d)), time.Millisecond) // scrapes are some milliseconds early or late
}

// medianStep is the median of the times between two moments, zero if there are
// not two.
func medianStep(moments ...[]millis) millis {
	var steps []millis
	for _, t := range moments {
		for i := 1; i < len(t); i++ {
			steps = append(steps, t[i]-t[i-1])
		}
	}
	if len(steps) == 0 {
		return 0
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

func roundTo(d time.Duration) time.Duration {
	if d < time.Second {
		return 10 * time.Millisecond
	}
	return 100 * time.Millisecond
}

// overlap tells whether two of the series go on at the same time: there are
// several targets, and not one that changed its name.
func overlap(up []series, interval time.Duration) bool {
	byStart := slices.Clone(up)
	slices.SortFunc(byStart, func(a, b series) int { return cmp.Compare(a.t[0], b.t[0]) })
	for i := 1; i < len(byStart); i++ {
		before := byStart[i-1].t
		if byStart[i].t[0] < before[len(before)-1]-2*interval.Milliseconds() {
			return true
		}
	}
	return false
}

// atScrapes has a tick at each scrape.
func (m *targetMetrics) atScrapes() []tick {
	counts, infos := times(m.counts), times(m.info)
	var ticks []tick
	for _, s := range m.up {
		for i, t := range s.t {
			if !value.IsStaleNaN(s.v[i]) {
				ticks = append(ticks, tick{Tick: engine.Tick{
					At: time.UnixMilli(t).UTC(), Up: s.v[i] == 1, Restoring: counts[t] && !infos[t],
				}})
			}
		}
	}
	slices.SortStableFunc(ticks, func(a, b tick) int {
		if c := a.At.Compare(b.At); c != 0 || a.Up == b.Up {
			return c
		}
		if a.Up { // of two targets at the same time, the one that answered
			return -1
		}
		return 1
	})
	return slices.CompactFunc(ticks, func(a, b tick) bool { return a.At.Equal(b.At) })
}

// times are the timestamps of the samples of some series.
func times(list []series) map[millis]bool {
	out := map[millis]bool{}
	for _, s := range list {
		for i, t := range s.t {
			if !value.IsStaleNaN(s.v[i]) {
				out[t] = true
			}
		}
	}
	return out
}

// atIntervals has a tick in each interval in which there was a scrape, or in every
// one if nothing is known of scrapes. The target is up if one of them is.
func (m *targetMetrics) atIntervals(mint, maxt time.Time, interval time.Duration) []tick {
	scrapes, next := m.atScrapes(), 0
	var ticks []tick
	for at := mint.Truncate(interval); !at.After(maxt); at = at.Add(interval) {
		if at.Before(mint) {
			continue
		}
		t := tick{Tick: engine.Tick{At: at, Up: len(scrapes) == 0}}
		before := next
		for next < len(scrapes) && !scrapes[next].At.After(at) {
			t.Up = t.Up || scrapes[next].Up
			next++
		}
		if next > before || len(scrapes) == 0 {
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// findGaps notes where ticks are missing, at both ends too.
func (tl *timeline) findGaps(mint, maxt time.Time) {
	last := mint
	for i := range tl.ticks {
		t := &tl.ticks[i]
		if t.At.Sub(last) >= gapIntervals*tl.interval {
			tl.gaps = append(tl.gaps, Gap{From: last, To: t.At})
			t.resumes = i > 0
		}
		last = t.At
	}
	if maxt.Sub(last) >= gapIntervals*tl.interval {
		tl.gaps = append(tl.gaps, Gap{From: last, To: maxt})
	}
}

// gapsWithin are the gaps, cut to a part of the timeline.
func (tl *timeline) gapsWithin(from, to time.Time) []Gap {
	var out []Gap
	for _, g := range tl.gaps {
		if g.From.Before(from) {
			g.From = from
		}
		if g.To.After(to) {
			g.To = to
		}
		if g.To.Sub(g.From) >= gapIntervals*tl.interval {
			out = append(out, g)
		}
	}
	return out
}
