package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// settle tells the quota what there is, and what waits for room in it.
func (r *alertingRule) settle(limit int, asks bool) {
	active, waiting := r.active.count(), r.waiting
	if !asks || limit > 0 && active >= limit {
		waiting = nil // for room in the group's own limit, or for another evaluation
	}
	r.engine.quota.settle(r, active, waiting)
}

// overflow says what was held back, and by which limit.
func (r *alertingRule) overflow(limit, heldBack int) error {
	if limit > 0 && r.active.count() >= limit {
		return fmt.Errorf("limit of %d alerts reached: %d more are held back until others end", limit, heldBack)
	}
	return fmt.Errorf("limit of %d alerts of all rules together (ALERT_LIMIT) reached: %d more of this rule are held back until others end", r.engine.quota.max, heldBack)
}

// maxWaiting bounds of how many alerts of one rule it is remembered since when
// they wait for room.
const maxWaiting = 10_000

// admit makes pending alerts of new elements until a limit is reached: those
// that wait longest first, and of these by their labels, as the order of a result
// is nobody's. It returns them, and how many it kept out. The error is that of the
// context: those whose templates it has cut off wait on, or are new the next time.
func (r *alertingRule) admit(ctx context.Context, fresh []found, in input, certain bool) (admitted []*activeAlert, heldBack int, err error) {
	for i := range fresh {
		fresh[i].since = r.since(fresh[i].fp, in.ts)
	}
	room := in.limit - r.active.count()
	none := in.limit > 0 && room <= 0 || r.engine.quota.full()
	if (in.limit > 0 || r.engine.quota.max > 0) && (!none || len(fresh) > maxWaiting) {
		slices.SortStableFunc(fresh, func(a, b found) int {
			return cmp.Or(a.since.Compare(b.since), labels.Compare(a.labels, b.labels))
		})
	}
	waiting := map[alert.Fingerprint]time.Time{}
	if none {
		waiting = make(map[alert.Fingerprint]time.Time, min(len(fresh), maxWaiting))
	}
	if !certain { // what is not returned may wait all the same
		maps.Copy(waiting, r.waiting)
	}
	for i, f := range fresh {
		if none || in.limit > 0 && room <= 0 || !r.engine.quota.take(r, f.since) {
			heldBack++
			if len(waiting) < maxWaiting {
				waiting[f.fp] = f.since
			}
			continue
		}
		notes := r.annotate(ctx, *f.sample, in.ts)
		if ctx.Err() != nil { // they may tell of that
			err = context.Cause(ctx)
			for _, left := range fresh[i:] {
				if _, waited := r.waiting[left.fp]; waited {
					waiting[left.fp] = left.since
				}
			}
			break
		}
		room--
		delete(waiting, f.fp)
		a := r.active.add(f.fp, alert.Alert{
			State: alert.Pending, Labels: f.labels, Annotations: notes, Value: f.sample.F, ActiveAt: f.since,
		})
		a.changed, a.seen = true, true
		delete(r.gone, f.fp)
		admitted = append(admitted, a)
	}
	r.waiting, r.heldBack = waiting, heldBack
	return admitted, heldBack, err
}

// lookAt notes whether an evaluation saw who waits; time in which none does counts
// for nobody.
func (r *alertingRule) lookAt(ts time.Time, certain bool) {
	if !r.unseenSince.IsZero() {
		r.shiftWaiting(ts.Sub(r.unseenSince))
	}
	if r.unseenSince = ts; certain {
		r.unseenSince = time.Time{}
	}
}

// shiftWaiting moves those who wait by a gap in which nobody looked, or a step of
// the clock.
func (r *alertingRule) shiftWaiting(by time.Duration) {
	moved := make(map[alert.Fingerprint]time.Time, len(r.waiting))
	for fp, since := range r.waiting {
		moved[fp] = since.Add(by)
	}
	r.waiting = moved
	if !r.unseenSince.IsZero() {
		r.unseenSince = r.unseenSince.Add(by)
	}
}

// since is when a new element was first seen.
func (r *alertingRule) since(fp alert.Fingerprint, ts time.Time) time.Time {
	if t, ok := r.waiting[fp]; ok {
		return t
	}
	return ts
}
