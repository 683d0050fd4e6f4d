package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// retryAfter is how long, in milliseconds of evaluation time, nothing is tried after
// the window could not be filled.
const retryAfter = 30_000

// fill brings the window to what storage has, for an evaluation at ts. It is called
// with mu held, which it gives up for the time in which it waits for commits.
func (p *Plan) fill(ctx context.Context, ts int64) bool {
	if p.retry != never && ts < p.retry && ts >= p.retry-retryAfter {
		return false
	}
	p.retry = never
	w := p.window
	p.mu.Unlock()
	ctx, cancel := half(ctx)
	defer cancel()
	// Before commits are held up: it may have to wait for transactions to end.
	app := p.opts.Appendable.AppenderV2(ctx)
	defer app.Rollback() // nothing was appended
	p.commits.Lock()
	defer p.commits.Unlock()
	p.mu.Lock()
	if p.window != w {
		return false // Load came between
	}
	generation, oldest, _ := p.opts.Extent(0, 0)
	whole := !p.filled || generation != p.generation || p.crowded()
	var err error
	if whole {
		err = p.fillAll(ctx, app, ts)
	} else {
		err = p.repair(ctx, ts)
	}
	if err != nil {
		p.filled = p.filled && !whole
		p.failed(ctx, ts, err)
		return false
	}
	p.filled, p.generation, p.oldest = true, generation, oldest
	return true
}

// half leaves the other half of the time to the engine, should this half not do.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(-time.Until(end)/2))
}

// failed says when to try again. If time was too short it is with half of the
// reach, or it would never be done.
func (p *Plan) failed(ctx context.Context, ts int64, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	if ctx.Err() != nil {
		p.ceiling = p.window.farthest() / 2
	}
	p.retry = ts + retryAfter
	p.log.Warn("recent samples cannot be read, rules are evaluated over storage", "err", err, "next_try_in", retryAfter*time.Millisecond)
}

// farthest is how far the selectors look back, within the limit.
func (w *window) farthest() int64 {
	var most int64
	for _, s := range w.selectors {
		l, _ := s.within(w.limit)
		most = max(most, l.reach)
	}
	return most
}

// crowded tells that the window has grown beyond what it may hold.
func (p *Plan) crowded() bool { return p.window.size > p.opts.MaxPoints+p.opts.MaxPoints/4 }

// fillAll reads everything, and again with less until it is not too much: what
// looks back farthest is left to storage first.
func (p *Plan) fillAll(ctx context.Context, app storage.AppenderV2, ts int64) error {
	p.window.limit = p.ceiling
	p.metrics.fills.Inc()
	for {
		beyond, err := p.read(ctx, app, ts)
		if err != nil || beyond == 0 {
			return err
		}
		p.window.limit = beyond - 1
		p.log.Warn("there are too many recent samples: expressions that look back far are evaluated over storage",
			"from", time.Duration(beyond)*time.Millisecond, "max_samples", p.opts.MaxPoints)
	}
}

// stored is a series of the window as storage has it.
type stored struct {
	*series
	from  storage.Series
	reach int64
}

// read empties the window and reads it from storage. If that is more than may be,
// beyond is from which reach on selectors have to be left out.
func (p *Plan) read(ctx context.Context, app storage.AppenderV2, ts int64) (beyond int64, err error) {
	w := p.window
	w.empty()
	slack := p.slack.Milliseconds()
	mint := ts - w.farthest() - slack
	q, err := p.opts.Queryable.Querier(mint, math.MaxInt64)
	if err != nil {
		return 0, fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	w.since = mint
	found, err := p.enlistAll(ctx, app, q)
	if err != nil {
		return 0, err
	}
	slices.SortFunc(found, func(a, b stored) int { return cmp.Compare(a.reach, b.reach) })
	var it chunkenc.Iterator
	for _, s := range found {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("read recent samples: %w", ctx.Err())
		}
		if it, err = w.take(s, ts-s.reach-slack, it); err != nil {
			return 0, fmt.Errorf("read recent samples: %w", err)
		}
		if w.size > p.opts.MaxPoints {
			return s.reach, nil
		}
	}
	w.version++
	w.all.changed = w.version
	for _, f := range w.families {
		f.changed = w.version
	}
	return 0, nil
}

// enlistAll finds the series of all selectors.
func (p *Plan) enlistAll(ctx context.Context, app storage.AppenderV2, q storage.Querier) ([]stored, error) {
	refs, ok := app.(storage.GetRef)
	if !ok {
		return nil, errNoReferences
	}
	byPlace := map[*series]int{}
	var found []stored
	for _, sel := range p.window.selectors {
		l, ok := sel.within(p.window.limit)
		if !ok {
			continue
		}
		set := q.Select(ctx, false, nil, slices.Clone(sel.matchers)...)
		for set.Next() {
			ls := set.At().Labels()
			s := p.window.find(ls)
			if s == nil {
				if s = p.window.enlist(ls); s == nil {
					continue
				}
				if ref, _ := refs.GetRef(ls, ls.Hash()); ref != 0 {
					p.window.refer(s, ref)
				}
			}
			i, ok := byPlace[s]
			if !ok {
				i = len(found)
				byPlace[s] = i
				found = append(found, stored{series: s, from: set.At()})
			}
			found[i].reach = max(found[i].reach, l.reach)
		}
		if err := set.Err(); err != nil {
			return nil, fmt.Errorf("select recent series: %w", err)
		}
	}
	return found, nil
}

// take replaces the samples of a series by those of storage after from.
func (w *window) take(s stored, from int64, it chunkenc.Iterator) (chunkenc.Iterator, error) {
	w.size -= cap(s.points)
	s.forget(from)
	it = s.from.Iterator(it)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		var t int64
		var v float64
		if kind == chunkenc.ValFloat {
			t, v = it.At()
		} else {
			t = it.AtT()
		}
		if t > from {
			w.newest = max(w.newest, t)
			w.size += s.push(t, v, kind != chunkenc.ValFloat)
		}
	}
	return it, it.Err()
}

// empty drops all series.
func (w *window) empty() {
	w.refs, w.byHash, w.size, w.count, w.broken = refTable{}, map[uint64][]*series{}, 0, 0, nil
	w.newest, w.swept = never, never
	for _, s := range w.selectors {
		s.members = nil
		s.generation++
		s.rosters = [orders]roster{}
	}
}

// repair reads again the series of which it is not known what storage has.
func (p *Plan) repair(ctx context.Context, ts int64) error {
	w := p.window
	slack := p.slack.Milliseconds()
	for len(w.broken) > 0 {
		s := w.broken[len(w.broken)-1]
		if err := p.reread(ctx, s, ts-s.keep-slack-p.opts.Lookback.Milliseconds()); err != nil {
			return err
		}
		w.broken = w.broken[:len(w.broken)-1]
	}
	w.version++
	w.all.changed = w.version
	return nil
}

func (p *Plan) reread(ctx context.Context, s *series, from int64) error {
	q, err := p.opts.Queryable.Querier(from, math.MaxInt64)
	if err != nil {
		return fmt.Errorf("open querier: %w", err)
	}
	defer q.Close()
	var matchers []*labels.Matcher
	s.labels.Range(func(l labels.Label) {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	s.family.changed = p.window.version + 1
	set := q.Select(ctx, false, nil, matchers...)
	there := false
	for set.Next() {
		if labels.Equal(set.At().Labels(), s.labels) {
			there = true
			if _, err := p.window.take(stored{series: s, from: set.At()}, from, nil); err != nil {
				return fmt.Errorf("read recent samples of %s: %w", s.labels, err)
			}
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("select %s: %w", s.labels, err)
	}
	if !there {
		p.window.size -= cap(s.points)
		s.forget(from)
	}
	return nil
}
