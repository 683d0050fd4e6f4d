package storage

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

const (
	// maxNames bounds how many names are told; who has more may have any.
	maxNames = 20_000
	// namesTimeout bounds what is asked while a scrape waits.
	namesTimeout = 5 * time.Second
)

// Names are the metric names of all series that bear the labels, in what is stored. It
// is not ok where nobody can tell: the store is not open, there is nothing of them, or
// too much.
func (s *Store) Names(ls labels.Labels) (names []string, ok bool) {
	if ls.IsEmpty() {
		return nil, false
	}
	var matchers []*labels.Matcher
	ls.Range(func(l labels.Label) {
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	q, err := s.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, false
	}
	defer q.Close()
	ctx, cancel := context.WithTimeout(context.Background(), namesTimeout)
	defer cancel()
	names, _, err = q.LabelValues(ctx, labels.MetricName, &storage.LabelHints{Limit: maxNames + 1}, matchers...)
	return names, err == nil && len(names) > 0 && len(names) <= maxNames
}
