package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// order is in which order storage gives series: that of their references where all
// is in the head of the TSDB, that of their labels where blocks are read too. Sums
// depend on it, in their last bits.
type order int

const (
	byReference order = iota
	byLabels
	orders // how many there are
)

func (o order) compare(a, b *series) int {
	if o == byReference {
		return cmp.Compare(a.ref, b.ref)
	}
	return labels.Compare(a.labels, b.labels)
}

// selector is one set of matchers, resolved to its series. Rules that select the
// same share it.
type selector struct {
	matchers []*labels.Matcher
	family   *family // the series of its name, or all where it has none
	looks    []look

	members    []*series // in no order
	generation uint64    // counts what is not just one more member
	rosters    [orders]roster
}

// look is how far before an evaluation a node looks at a selector, and how long
// samples must be kept for that, both in milliseconds.
type look struct{ reach, keep int64 }

// within gives the farthest look that reaches no farther than limit; false if all
// do.
func (s *selector) within(limit int64) (most look, ok bool) {
	for _, l := range s.looks {
		if l.reach <= limit {
			most, ok = look{max(most.reach, l.reach), max(most.keep, l.keep)}, true
		}
	}
	return most, ok
}

// roster is the members in one order of storage.
type roster struct {
	series     []*series
	labels     *universe
	seen       int // how many members are in it
	generation uint64
}

// roster brings the members into an order. What comes after all others is added,
// which costs the nodes above least.
func (s *selector) roster(o order) *roster {
	r := &s.rosters[o]
	if r.labels != nil && r.generation == s.generation && r.seen == len(s.members) {
		return r
	}
	fresh := slices.Clone(s.members[min(r.seen, len(s.members)):])
	slices.SortFunc(fresh, o.compare)
	again := r.labels == nil || r.generation != s.generation ||
		len(r.series) > 0 && len(fresh) > 0 && o.compare(r.series[len(r.series)-1], fresh[0]) > 0
	if again {
		fresh = slices.Clone(s.members)
		slices.SortFunc(fresh, o.compare)
		r.series, r.labels = nil, &universe{}
	}
	for _, m := range fresh {
		r.series = append(r.series, m)
		r.labels.add(m.labels)
	}
	r.seen, r.generation = len(s.members), s.generation
	return r
}

func (s *selector) matches(ls labels.Labels) bool {
	for _, m := range s.matchers {
		if !m.Matches(ls.Get(m.Name)) {
			return false
		}
	}
	return true
}

// metricName is the name that the matchers ask for, if it is one.
func metricName(matchers []*labels.Matcher) (string, bool) {
	for _, m := range matchers {
		if m.Name == labels.MetricName && m.Type == labels.MatchEqual && m.Value != "" {
			return m.Value, true
		}
	}
	return "", false
}

// matchersKey is the same for the same matchers, in whatever order.
func matchersKey(matchers []*labels.Matcher) string {
	keys := make([]string, len(matchers))
	for i, m := range matchers {
		keys[i] = m.String()
	}
	slices.Sort(keys)
	return strings.Join(keys, ",")
}
