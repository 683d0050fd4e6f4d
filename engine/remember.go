package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
)

const (
	// rememberTimeout bounds the look back at the start.
	rememberTimeout = 10 * time.Second
	// rememberMost bounds how far it reaches.
	rememberMost = 24 * time.Hour
	// rememberSamples bounds how many samples are read for it.
	rememberSamples = 1_000_000
)

// remembered is the coverage of the processes before, as far as the windows of the
// alerting rules reach: the times at which the target of the ticks answered, and those
// at which it was scraped at all, by what storage has of up. Without it the gap of a
// restart would be forgotten with the next one.
func (e *Engine) remembered(groups []*group, asOf time.Time) (answered, ticked coverage) {
	window := time.Duration(0)
	for _, g := range groups {
		for _, r := range g.alerting() {
			window = max(window, r.origin.window)
		}
	}
	c := coverage{last: asOf}
	oldest := e.opts.Oldest()
	p := bygone{asOf: asOf, lost: oldest.IsZero() || oldest.After(asOf)}
	e.roster.remember(p)
	window = min(window, rememberMost)
	if window < e.opts.ScrapeInterval {
		return c, c
	}
	ctx, cancel := context.WithTimeout(context.Background(), rememberTimeout)
	defer cancel()
	window = e.affordable(ctx, window, asOf)
	res, err := e.Execute(ctx, Query{Expr: fmt.Sprintf("up[%s]", model.Duration(window)), Start: asOf, End: asOf})
	if err != nil {
		e.log.Warn("gaps of before are not known", "err", err)
		return c, c
	}
	defer res.Release()
	series, _ := res.Value.(promql.Matrix)
	p.read(series, e.opts.ScrapeInterval)
	e.roster.remember(p)
	own := e.own.Load().among(series)
	cover := func(times []int64) coverage {
		c := coverage{last: asOf.Add(-window)} // what is missing from there on is a gap
		for _, at := range times {
			c = c.seen(time.UnixMilli(at), e.opts.ScrapeInterval)
		}
		if asOf.After(c.last) {
			c = c.seen(asOf, e.opts.ScrapeInterval)
		}
		return c
	}
	return cover(timesOf(own, true)), cover(timesOf(own, false))
}

// affordable is how much of a window may be read of up, of all targets together.
func (e *Engine) affordable(ctx context.Context, window time.Duration, at time.Time) time.Duration {
	v, _, err := e.Query(ctx, "count(last_over_time(up[10m]))", at)
	if counted, _ := v.(promql.Vector); err == nil && len(counted) > 0 && counted[0].F > 0 {
		most := rememberSamples / int64(counted[0].F) * int64(e.opts.ScrapeInterval)
		return max(min(window, time.Duration(most)), e.opts.ScrapeInterval)
	}
	return window
}

// timesOf are the times of samples of up; answered: those at which every target that
// was scraped answered.
func timesOf(series promql.Matrix, answered bool) []int64 {
	up := map[int64]bool{}
	for _, s := range series {
		for _, p := range s.Floats {
			was, known := up[p.T]
			up[p.T] = (p.F == 1 || !answered) && (was || !known)
		}
	}
	var at []int64
	for t, ok := range up {
		if ok {
			at = append(at, t)
		}
	}
	slices.Sort(at)
	return at
}

// since is the coverage of a storage whose oldest sample is of a time: one in
// memory, or one that has lost what it had.
func (c coverage) since(oldest time.Time) coverage {
	if !oldest.IsZero() {
		c.gaps = append([]gap{{from: oldest.Add(-coverageKept), to: oldest}}, c.gaps...)
	}
	return c
}
