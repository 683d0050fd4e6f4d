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
)

// remembered is the coverage of the processes before, as far as the windows of the
// alerting rules reach: the times at which every target answered, by what storage
// has of up. Without it the gap of a restart would be forgotten with the next one.
func (e *Engine) remembered(groups []*group, asOf time.Time) coverage {
	window := time.Duration(0)
	for _, g := range groups {
		for _, r := range g.alerting() {
			window = max(window, r.origin.window)
		}
	}
	c := coverage{last: asOf}
	window = min(window, rememberMost)
	if window < e.opts.ScrapeInterval {
		return c
	}
	ctx, cancel := context.WithTimeout(context.Background(), rememberTimeout)
	defer cancel()
	res, err := e.Execute(ctx, Query{Expr: fmt.Sprintf("up[%s]", model.Duration(window)), Start: asOf, End: asOf})
	if err != nil {
		e.log.Warn("gaps of before are not known", "err", err)
		return c
	}
	defer res.Release()
	series, _ := res.Value.(promql.Matrix)
	c = coverage{last: asOf.Add(-window)} // what is missing from there on is a gap
	for _, at := range answered(series) {
		c = c.seen(time.UnixMilli(at), e.opts.ScrapeInterval)
	}
	if asOf.After(c.last) {
		c = c.seen(asOf, e.opts.ScrapeInterval)
	}
	return c
}

// answered are the times at which every target that was scraped answered.
func answered(series promql.Matrix) []int64 {
	up := map[int64]bool{}
	for _, s := range series {
		for _, p := range s.Floats {
			was, known := up[p.T]
			up[p.T] = p.F == 1 && (was || !known)
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
		c.gaps = append([]gap{{oldest.Add(-coverageKept), oldest}}, c.gaps...)
	}
	return c
}
