package engine

import (
	"cmp"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// activeAlert is one alert of a rule, and what the engine knows of it beside.
type activeAlert struct {
	alert.Alert
	fp alert.Fingerprint
	// changed: the journal does not know how it is. news: it began to fire or ended,
	// and that was not sent since.
	changed, news bool
	seen          bool // the expression has returned it in the evaluation under way
	// The series that it writes, made when it first does; state is that of alerts.
	alerts, forState, held *series
	state                  alert.State
}

// activeSet is the alerts of one rule.
type activeSet struct {
	byFP map[alert.Fingerprint]*activeAlert
	// Both orders are made when they are asked for, and nil when they are out of date.
	order, labeled []*activeAlert
}

func (s *activeSet) get(fp alert.Fingerprint) *activeAlert { return s.byFP[fp] }

func (s *activeSet) len() int { return len(s.byFP) }

// add adds an alert, in place of one with the same labels.
func (s *activeSet) add(fp alert.Fingerprint, a alert.Alert) *activeAlert {
	if s.byFP == nil {
		s.byFP = map[alert.Fingerprint]*activeAlert{}
	}
	one := &activeAlert{Alert: a, fp: fp}
	s.byFP[fp] = one
	s.order, s.labeled = nil, nil
	return one
}

func (s *activeSet) remove(fp alert.Fingerprint) {
	delete(s.byFP, fp)
	s.order, s.labeled = nil, nil
}

// all gives the alerts in an order that does not change between evaluations. What it
// gave stays as it was when alerts are added or removed.
func (s *activeSet) all() []*activeAlert {
	if s.order == nil && len(s.byFP) > 0 {
		s.order = s.sorted(func(a, b *activeAlert) int { return cmp.Compare(a.fp, b.fp) })
	}
	return s.order
}

// byLabels gives them in the order of their labels.
func (s *activeSet) byLabels() []*activeAlert {
	if s.labeled == nil && len(s.byFP) > 0 {
		s.labeled = s.sorted(func(a, b *activeAlert) int { return labels.Compare(a.Labels, b.Labels) })
	}
	return s.labeled
}

func (s *activeSet) sorted(by func(a, b *activeAlert) int) []*activeAlert {
	all := make([]*activeAlert, 0, len(s.byFP))
	for _, a := range s.byFP {
		all = append(all, a)
	}
	slices.SortFunc(all, by)
	return all
}

// count gives how many are pending or firing.
func (s *activeSet) count() int {
	n := 0
	for _, a := range s.byFP {
		if a.State != alert.Inactive {
			n++
		}
	}
	return n
}
