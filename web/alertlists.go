package web

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
)

// alertRef is one alert of a snapshot, and how urgent it is.
type alertRef struct {
	group *engine.GroupStatus
	rule  *engine.RuleStatus
	alert *alert.Alert
	rank  int
	tone  tone
}

// id is the alert's on a page: while it is in one state, and its rule in one place.
func (x *alertRef) id() string {
	sum := fnv.New64a()
	fmt.Fprint(sum, x.group.File, "\x00", x.group.Name, "\x00", x.rule.Rule.Pos, x.alert.State, x.alert.Labels.Hash()) // hashes return no errors
	return fmt.Sprintf("a%x", sum.Sum64())
}

// since is when the alert became firing, or pending; not in the future, by a clock
// that was wrong then.
func (x *alertRef) since(now time.Time) time.Time {
	if x.alert.State == alert.Pending || x.alert.FiredAt.IsZero() || x.alert.FiredAt.After(now) {
		return x.alert.ActiveAt
	}
	return x.alert.FiredAt
}

// alertLists are the alerts of a snapshot in the order in which a reader wants
// them: the worst first, then the latest.
type alertLists struct {
	firing, pending, resolved []alertRef
	// quiet alerts do not count as firing.
	quiet []alertRef
}

// isQuiet is true for alerts that fire always and by design, like a watchdog:
// severity "none" is the custom for them.
func isQuiet(ls labels.Labels) bool { return ls.Get("severity") == "none" }

func newAlertLists(s *engine.Snapshot, now time.Time) alertLists {
	var l alertLists
	for i := range s.Groups {
		g := &s.Groups[i]
		for j := range g.Rules {
			r := &g.Rules[j]
			for k := range r.Alerts {
				l.add(g, r, &r.Alerts[k])
			}
		}
	}
	l.sort(now)
	return l
}

func (l *alertLists) sort(now time.Time) {
	urgent := func(a, b alertRef) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), b.since(now).Compare(a.since(now)))
	}
	slices.SortStableFunc(l.firing, urgent)
	slices.SortStableFunc(l.pending, urgent)
	slices.SortStableFunc(l.resolved, func(a, b alertRef) int { return b.alert.ResolvedAt.Compare(a.alert.ResolvedAt) })
}

// held are those that stay as they are for want of evidence, in the order of the
// lists.
func (l *alertLists) held() (list []alertRef) {
	for _, x := range slices.Concat(l.firing, l.pending, l.quiet) {
		if !x.alert.HeldSince.IsZero() {
			list = append(list, x)
		}
	}
	return list
}

func (l *alertLists) add(g *engine.GroupStatus, r *engine.RuleStatus, a *alert.Alert) {
	x := alertRef{group: g, rule: r, alert: a}
	x.rank, x.tone = severity(a.Labels.Get("severity"))
	list := &l.resolved
	switch {
	case a.State == alert.Firing && isQuiet(a.Labels):
		list = &l.quiet
	case a.State == alert.Firing:
		list = &l.firing
	case a.State == alert.Pending:
		list = &l.pending
	}
	*list = append(*list, x)
}
