package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// about is what kind of series a selector is about, where it stands.
type about int

const (
	aboutData    about = iota // what a scrape brings that succeeds
	aboutScrapes              // what a scrape says of itself
	aboutAbsence              // whether something is there
)

// reading is a selector that a rule goes by, itself or through recording rules.
type reading struct {
	sel   *parser.VectorSelector
	about about
	// also are what selectors of recorded series ask of labels that those have from here.
	also []*labels.Matcher
	// window is how far back it reads, keeps are labels that results have from it.
	window time.Duration
	keeps  keeps
}

// newReading is a selector where it stands; false where it reads nothing of targets.
func newReading(sel *parser.VectorSelector, path []parser.Node) (reading, bool) {
	rd := reading{sel: sel, window: reach(sel, path), keeps: keptFrom(sel, path)}
	switch {
	case sel.Name == alertsMetric || sel.Name == forStateMetric || sel.Name == heldMetric || ofThisProcess(sel):
		return rd, false
	case slices.ContainsFunc(path, isAbsent):
		rd.about = aboutAbsence
	case ofScrapes(sel.Name):
		rd.about = aboutScrapes
	}
	return rd, true
}

// ofScrapes tells whether a metric is one that each scrape gives, of itself.
func ofScrapes(name string) bool { return name == "up" || strings.HasPrefix(name, "scrape_") }

// behind is the same reading of what a recording rule goes by, for who reads what it
// records.
func (rd reading) behind(rec *recordingRule, over reading) reading {
	rd.keeps = rd.keeps.butNot(namesOf(rec.rule.Labels)...)
	for _, m := range over.sel.LabelMatchers {
		if m.Name != labels.MetricName && rd.keeps.has(m.Name) {
			rd.also = append(rd.also[:len(rd.also):len(rd.also)], m)
		}
	}
	for _, m := range over.also {
		if rd.keeps.has(m.Name) {
			rd.also = append(rd.also[:len(rd.also):len(rd.also)], m)
		}
	}
	rd.window += over.window + rec.lag()
	rd.keeps = rd.keeps.both(over.keeps)
	if over.about == aboutAbsence {
		rd.about = aboutAbsence
	}
	return rd
}

func namesOf(ls labels.Labels) (names []string) {
	ls.Range(func(l labels.Label) { names = append(names, l.Name) })
	return names
}

// same tells whether two readings are of the same series, in the same way.
func (rd *reading) same(o *reading) bool {
	alike := func(a, b *labels.Matcher) bool { return a == b || a.String() == b.String() }
	return rd.about == o.about && slices.EqualFunc(rd.sel.LabelMatchers, o.sel.LabelMatchers, alike) && slices.EqualFunc(rd.also, o.also, alike)
}

// read adds a reading. Of the same series there is one.
func (o *origin) read(rd reading) {
	for i := range o.readings {
		if was := &o.readings[i]; was.same(&rd) {
			was.window, was.keeps = max(was.window, rd.window), was.keeps.both(rd.keeps)
			return
		}
	}
	o.readings = append(o.readings, rd)
}

// relabel takes a rule's own labels from what its alerts have of the series.
func (o *origin) relabel(own labels.Labels) {
	for i := range o.readings {
		rd := &o.readings[i]
		rd.keeps = rd.keeps.butNot(append(namesOf(own), labels.AlertName)...)
	}
}

// fed is what a rule may read of a target.
type fed struct {
	// any: there is something. data: it is something that a failed scrape takes away.
	any, data bool
	window    time.Duration // how far back it reads of it
	// tells are labels that all that it gives for the target's series bears.
	tells []labels.Label
}

// fedBy tells what may be read of a target that surely bears labels, and brings
// metrics of these names; nil is any.
func (o *origin) fedBy(ls labels.Labels, names func(string) bool) (f fed) {
	k := keeps{}
	for i := range o.readings {
		if rd := &o.readings[i]; rd.mayMatch(ls) && rd.mayBring(names) {
			f.any, f.data, f.window = true, f.data || rd.about == aboutData, max(f.window, rd.window)
			k = k.both(rd.keeps)
		}
	}
	if f.any && (!k.only || len(k.names) > 0) {
		ls.Range(func(l labels.Label) {
			if k.has(l.Name) {
				f.tells = append(f.tells, l)
			}
		})
	}
	return f
}

// mayMatch tells whether series that bear these labels may be read.
func (rd *reading) mayMatch(ls labels.Labels) bool {
	for _, ms := range [2][]*labels.Matcher{rd.sel.LabelMatchers, rd.also} {
		for _, m := range ms {
			if m.Name == labels.MetricName {
				continue
			}
			if v := ls.Get(m.Name); v != "" && !m.Matches(v) {
				return false
			}
		}
	}
	return true
}

// mayBring tells whether series of one of these names may be read.
func (rd *reading) mayBring(names func(string) bool) bool {
	if names == nil || ofScrapes(rd.sel.Name) {
		return true
	}
	if rd.sel.Name != "" {
		return names(rd.sel.Name)
	}
	for _, m := range rd.sel.LabelMatchers {
		if m.Name != labels.MetricName {
			continue
		}
		if set := m.SetMatches(); m.Type == labels.MatchRegexp && len(set) > 0 {
			return slices.ContainsFunc(set, func(name string) bool { return ofScrapes(name) || names(name) })
		}
		if m.Type == labels.MatchEqual && m.Value != "" {
			return ofScrapes(m.Value) || names(m.Value)
		}
	}
	return true
}
