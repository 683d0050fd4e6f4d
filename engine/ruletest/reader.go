package ruletest

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
)

// reader reads one file. What the format does not allow is a problem of the
// file; a text that does not mean anything is one of its test alone.
type reader struct {
	doc    *rules.Document
	parser parser.Parser
	input  int // what the input series of the file weigh
}

func (r *reader) test(m rules.Mapping, index int, interval time.Duration) Test {
	r.doc.InTest("")
	name := m.Text("name").Value
	t := Test{Name: name, Title: name, Pos: m.Pos}
	if name == "" {
		t.Title = fmt.Sprintf("unnamed#%d", index)
	}
	r.doc.InTest(t.Title)
	t.ExternalLabels = labels.FromMap(m.TextMap("external_labels"))
	t.ExternalURL = externalURL(m.Text("external_url").Value)
	t.Start = r.start(m.Text("start_timestamp"))
	if t.Interval = m.Duration("interval"); t.Interval == 0 {
		t.Interval = interval
	}
	at := map[string]int{}
	for _, s := range m.Mappings("input_series", seriesForm) {
		r.series(&t, s, at)
	}
	for _, a := range m.Mappings("alert_rule_test", alertForm) {
		t.Alerts = append(t.Alerts, r.alert(&t, a))
	}
	for _, e := range m.Mappings("promql_expr_test", exprForm) {
		t.Exprs = append(t.Exprs, r.expr(&t, e))
	}
	return t
}

// apart runs f on the texts of m, which have been read since before; the problems
// that it finds are the test's alone. What could not be read means nothing.
func (r *reader) apart(t *Test, m rules.Mapping, before int, f func()) {
	if m.Sound && r.doc.Count() == before {
		t.Problems = append(t.Problems, r.doc.Apart(f)...)
	}
}

// externalURL makes a URL that prints as it was written: that is all that
// templates show of it.
func externalURL(text string) *url.URL {
	if u, err := url.Parse(text); err == nil && u.String() == text {
		return u
	}
	return &url.URL{Opaque: text}
}

// year10000 is the first second that RFC 3339 cannot write.
const year10000 = 253402300800

// start reads a start_timestamp: seconds since 1970, or a date. Absent, and the
// zero of Go's times, are 1970.
func (r *reader) start(text rules.Text) time.Time {
	epoch := time.Unix(0, 0).UTC()
	if text.Value == "" {
		return epoch
	}
	if s, err := strconv.ParseFloat(text.Value, 64); err == nil && math.Abs(s) < year10000 {
		whole, fraction := math.Modf(s)
		return time.Unix(int64(whole), int64(fraction*float64(time.Second))).UTC()
	}
	t, err := time.Parse(time.RFC3339Nano, text.Value)
	if err != nil {
		text.Report(0, fmt.Sprintf("%q is not a time", text.Value),
			"write seconds since 1970, such as 1609459200, or a time such as 2021-01-01T00:00:00Z")
	}
	if t.IsZero() {
		return epoch
	}
	return t.UTC()
}

// series reads one input series. at says where in t.Series a series is: of one
// that is there twice promtool takes the last.
func (r *reader) series(t *Test, m rules.Mapping, at map[string]int) {
	before := r.doc.Count()
	name, values := m.Text("series"), m.Text("values")
	r.apart(t, m, before, func() {
		ls, named := r.metric(name)
		vs, ok := r.values(values)
		label, twice := ls.HasDuplicateLabelNames()
		switch {
		case named && ls.IsEmpty():
			name.Report(0, "names no series", `write it as name{label="value"}`)
			return
		case twice:
			name.Report(0, fmt.Sprintf("the label %q is there twice", label), "keep one of the two")
			return
		case !named || !ok:
			return
		}
		s := Series{Pos: m.Pos, Labels: ls, Values: vs}
		key := string(ls.Bytes(nil))
		if i, ok := at[key]; ok {
			r.doc.Warn(m.Pos, "input_series", fmt.Sprintf("this series is there twice, first in line %d; the last one counts", t.Series[i].Pos.Line),
				"give them labels that differ, or remove one")
			t.Series[i] = s
			return
		}
		at[key] = len(t.Series)
		t.Series = append(t.Series, s)
	})
}

// metric parses the name and the labels of a series; it is false when it has
// reported what is wrong.
func (r *reader) metric(text rules.Text) (labels.Labels, bool) {
	ls, err := r.parser.ParseMetric(text.Value)
	if err != nil {
		text.Refuse(err, 0)
		return labels.EmptyLabels(), false
	}
	return ls, true
}

// noSeries is before values where the parser wants a series.
const noSeries = "{} "

// values parses a text of the expanding notation.
func (r *reader) values(text rules.Text) ([]parser.SequenceValue, bool) {
	weight := weigh(text.Value)
	if r.input+weight > maxInput {
		text.Report(0, fmt.Sprintf("with this the file holds more than the limit of %d samples", maxInput),
			"histograms count by the length of their text; split the file, or use a longer interval")
		return nil, false
	}
	r.input += weight
	_, vs, err := r.parser.ParseSeriesDesc(noSeries + text.Value)
	if err != nil {
		text.Refuse(err, len(noSeries))
		return nil, false
	}
	return vs, true
}
