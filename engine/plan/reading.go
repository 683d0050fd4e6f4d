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

// errNoReferences: the storage is not a TSDB.
var errNoReferences = errors.New("storage tells no references of series")

// wanted is a selector and how far back it looks.
type wanted struct {
	*selector
	look
}

// found is a series of storage that becomes one of the window.
type found struct {
	*series
	selectors []*selector
	from      storage.Series
	reach     int64
	// unborn: it came while storage was read, so that not all selectors have found it;
	// its samples follow.
	unborn bool
}

// readAll reads the whole window, and again with less until it is not too much:
// what looks back farthest is left to storage first. Called with mu held, which it
// gives up while it reads.
func (p *Plan) readAll(ctx context.Context, f *filling, ts int64) error {
	w := p.window
	w.limit = p.ceiling
	p.metrics.fills.Inc()
	slack := p.slack.Milliseconds()
	for {
		wants, mint := w.wants(), ts-w.farthest()-slack
		var list []*found
		var beyond int64
		err := p.unlocked(func() (err error) {
			q, err := p.listen(f, mint)
			if err != nil {
				return err
			}
			defer q.Close()
			if list, err = search(ctx, q, wants); err != nil {
				return err
			}
			if beyond, err = load(ctx, list, ts-slack, p.opts.MaxPoints); err != nil || beyond > 0 {
				return err
			}
			return p.refer(ctx, list)
		})
		if err != nil || p.filling != f {
			return err
		}
		if beyond == 0 {
			w.install(list, mint)
			w.publish(f.late)
			return nil
		}
		w.limit = beyond - 1
		p.log.Warn("there are too many recent samples: expressions that look back far are evaluated over storage",
			"from", time.Duration(beyond)*time.Millisecond, "max_samples", p.opts.MaxPoints)
	}
}

// listen opens storage as it stands between two commits. From then on the filling
// hears of what is committed.
func (p *Plan) listen(f *filling, mint int64) (storage.Querier, error) {
	p.commits.Lock()
	defer p.commits.Unlock()
	generation, _, _ := p.opts.Extent(0, 0)
	p.mu.Lock()
	f.listening, f.generation, f.late, f.void = true, generation, nil, false
	p.mu.Unlock()
	q, err := p.opts.Queryable.Querier(mint, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("open querier: %w", err)
	}
	return q, nil
}

// search finds the series of all selectors.
func search(ctx context.Context, q storage.Querier, wants []wanted) ([]*found, error) {
	var list []*found
	byHash := map[uint64][]*found{}
	for _, sel := range wants {
		set := q.Select(ctx, false, nil, slices.Clone(sel.matchers)...)
		for set.Next() {
			ls := set.At().Labels()
			hash := ls.Hash()
			i := slices.IndexFunc(byHash[hash], func(x *found) bool { return labels.Equal(x.labels, ls) })
			if i < 0 {
				i = len(byHash[hash])
				x := &found{series: newSeries(ls, hash), from: set.At()}
				list, byHash[hash] = append(list, x), append(byHash[hash], x)
			}
			x := byHash[hash][i]
			x.selectors = append(x.selectors, sel.selector)
			x.reach, x.keep = max(x.reach, sel.reach), max(x.keep, sel.keep)
		}
		if err := set.Err(); err != nil {
			return nil, fmt.Errorf("select recent series: %w", err)
		}
	}
	return list, nil
}

// load reads the samples of series, those that look back farthest last. If they are
// more than may be, beyond is from which reach on selectors have to be left out.
func load(ctx context.Context, list []*found, ts int64, most int) (beyond int64, err error) {
	slices.SortStableFunc(list, func(a, b *found) int { return cmp.Compare(a.reach, b.reach) })
	var it chunkenc.Iterator
	size := 0
	for _, x := range list {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("read recent samples: %w", ctx.Err())
		}
		if it, err = x.take(x.from, ts-x.reach, it); err != nil {
			return 0, fmt.Errorf("read recent samples of %s: %w", x.labels, err)
		}
		if x.newest() == ts-x.reach { // is there nothing that rules look at, or nothing at all?
			it = x.from.Iterator(it)
			x.unborn = it.Next() == chunkenc.ValNone && it.Err() == nil
		}
		if size += x.size(); size > most {
			return max(x.reach, 1), nil
		}
		x.from = nil
	}
	return 0, nil
}

// take replaces the samples of a series by those of storage after from.
func (s *series) take(stored storage.Series, from int64, it chunkenc.Iterator) (chunkenc.Iterator, error) {
	s.forget(from)
	it = stored.Iterator(it)
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		var t int64
		var v float64
		if kind == chunkenc.ValFloat {
			t, v = it.At()
		} else {
			t = it.AtT()
		}
		if t > from {
			s.push(t, v, kind != chunkenc.ValFloat)
		}
	}
	return it, it.Err()
}

// refer asks storage for the references of series.
func (p *Plan) refer(ctx context.Context, list []*found) error {
	app := p.opts.Appendable.AppenderV2(ctx)
	defer app.Rollback() // nothing was appended
	refs, ok := app.(storage.GetRef)
	if !ok {
		return errNoReferences
	}
	for _, x := range list {
		x.ref, _ = refs.GetRef(x.labels, x.hash)
	}
	return nil
}

// repair reads again the series of which it is not known what storage has. Called
// with mu held, which it gives up while it reads.
func (p *Plan) repair(ctx context.Context, f *filling, ts int64) error {
	w := p.window
	before := ts - p.slack.Milliseconds() - p.opts.Lookback.Milliseconds()
	wants := w.wants()
	var broken []*series
	var again []series
	err := p.unlocked(func() (err error) {
		q, err := p.listen(f, before-w.deepest())
		if err != nil {
			return err
		}
		defer q.Close()
		p.mu.Lock()
		broken = slices.Clone(w.broken) // no more become so until the end
		p.mu.Unlock()
		again, err = reread(ctx, q, broken, wants, before)
		return err
	})
	switch {
	case p.filling != f:
		return err
	case f.void:
		p.filled = false
		return err
	case err == nil:
		w.broken = nil
		for i, s := range broken {
			w.replace(s, &again[i])
		}
	}
	w.publish(f.late)
	return err
}

// mostAlone is how many series are read each by itself: for more it costs less to go
// through all those of their selectors.
const mostAlone = 64

// reread reads the samples of series again, as far as they are kept before a time.
func reread(ctx context.Context, q storage.Querier, broken []*series, wants []wanted, before int64) ([]series, error) {
	again := make([]series, len(broken))
	byHash := map[uint64][]*series{}
	for i, s := range broken {
		x := &again[i]
		x.labels, x.hash, x.keep = s.labels, s.hash, s.keep
		x.forget(before - x.keep)
		byHash[x.hash] = append(byHash[x.hash], x)
	}
	var it chunkenc.Iterator
	for _, matchers := range selections(broken, wants) {
		set := q.Select(ctx, false, nil, matchers...)
		for set.Next() {
			ls := set.At().Labels()
			hash := ls.Hash()
			i := slices.IndexFunc(byHash[hash], func(x *series) bool { return labels.Equal(x.labels, ls) })
			if i < 0 {
				continue
			}
			x := byHash[hash][i]
			byHash[hash] = slices.Delete(byHash[hash], i, i+1) // other selectors find it too
			var err error
			if it, err = x.take(set.At(), before-x.keep, it); err != nil {
				return nil, fmt.Errorf("read recent samples of %s: %w", ls, err)
			}
		}
		if err := set.Err(); err != nil {
			return nil, fmt.Errorf("select series again: %w", err)
		}
	}
	return again, nil
}

// selections gives matchers that find the series: their labels, or where they are
// many the selectors of their names.
func selections(of []*series, wants []wanted) (list [][]*labels.Matcher) {
	if len(of) <= mostAlone {
		for _, s := range of {
			var matchers []*labels.Matcher
			s.labels.Range(func(l labels.Label) {
				matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
			})
			list = append(list, matchers)
		}
		return list
	}
	names := map[*family]bool{}
	for _, s := range of {
		names[s.family] = true
	}
	for _, sel := range wants {
		if _, named := metricName(sel.matchers); !named || names[sel.family] {
			list = append(list, slices.Clone(sel.matchers))
		}
	}
	return list
}
