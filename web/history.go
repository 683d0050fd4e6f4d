package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/history"
)

const (
	// historyTimeout bounds the reading: days of samples of hundreds of alerts take a
	// second.
	historyTimeout = 30 * time.Second
	// maxPast bounds the alerts that are read, maxLanes those that are shown.
	maxPast  = 500
	maxLanes = 100
)

// historyPage is the page at /history: when alerts have been pending and firing.
type historyPage struct {
	frame
	Filter   filterView
	Range    string
	Failure  *failure
	Asked    bool
	From, To moment
	Ticks    []tickView
	// Gaps are the times without evaluation; where nothing was ever scraped, they
	// are not Known.
	Gaps  []gapView
	Known bool
	Names []pastName
	// Total says how often and how long all of them fired.
	Total string
	// Left is the number of alerts that are not shown.
	Left int
}

var rangeOptions = []option{{"6h", "6 hours"}, {"24h", "24 hours"}, {"3d", "3 days"}, {"7d", "7 days"}}

// frameOnly is the range of a page that shows nothing but its frame, which scripts
// ask for where the content costs a query.
const frameOnly = "none"

// historyPage answers with the parameters range (6h, 24h, 3d or 7d) and q (a
// filter).
func (h *Handler) historyPage(w http.ResponseWriter, r *http.Request) {
	src, q := h.source(), r.URL.Query()
	p := historyPage{
		frame: src.frame("history", "History"), Filter: filterView{Query: q.Get("q")}, Range: cmp.Or(q.Get("range"), "24h"),
		To: moment{src.now, src.now},
	}
	p.Still = "history?range=" + frameOnly
	if p.Range == frameOnly {
		h.views.render(w, http.StatusOK, "history", p)
		return
	}
	code := http.StatusOK
	f, err := parseFilter(p.Filter.Query)
	if err != nil {
		p.Filter.Error, code = err.Error(), http.StatusBadRequest
	}
	if !slices.ContainsFunc(rangeOptions, func(o option) bool { return o.Value == p.Range }) {
		p.Failure, code = &failure{Title: "The range cannot be read", Text: fmt.Sprintf("%q is none of 6h, 24h, 3d and 7d", short(p.Range))}, http.StatusBadRequest
	}
	if code == http.StatusOK {
		code = h.fillHistory(r.Context(), &p, src, f)
	}
	h.views.render(w, code, "history", p)
}

// fillHistory reads what p shows, and returns the status of the page.
func (h *Handler) fillHistory(ctx context.Context, p *historyPage, src *source, f filter) int {
	span, err := parseDuration(p.Range)
	if err != nil {
		panic(err) // it is one of ours
	}
	p.From = moment{src.now.Add(-span), src.now}
	past, e := h.readHistory(ctx, history.Options{
		Source: h.opts.Queryable, From: p.From.at, To: src.now, Interval: scrapeInterval(src), Evaluation: evaluationInterval(src), MaxAlerts: maxPast,
		Matchers: f.matchers,
		Keep: func(ls labels.Labels) bool {
			return !slices.ContainsFunc(f.words, func(word string) bool { return !hasWord(ls, word) })
		},
	})
	if e != nil {
		p.Failure = newFailure("", e)
		return e.status()
	}
	p.Asked, p.Known = true, past.Known
	scale := timeScale{from: p.From.at, to: p.To.at}
	p.Ticks = scale.ticks()
	for _, g := range past.Gaps {
		p.Gaps = append(p.Gaps, newGapView(g, scale, src.now))
	}
	p.Total, p.Left = totalText(slices.DeleteFunc(slices.Clone(past.Alerts), func(a history.Alert) bool { return isQuiet(a.Labels) })), past.Left
	if over := len(past.Alerts) - maxLanes; over > 0 {
		slices.SortStableFunc(past.Alerts, byUrgency)
		past.Alerts = past.Alerts[:maxLanes]
		p.Left += over
	}
	p.Names = newPastNames(past.Alerts, scale, src)
	return http.StatusOK
}

// readHistory reads in one of the slots of queries.
func (h *Handler) readHistory(ctx context.Context, o history.Options) (*history.History, *apiError) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	free, e := h.slot(ctx)
	if e != nil {
		return nil, e
	}
	defer free()
	past, err := history.Read(ctx, o)
	if err != nil {
		return nil, queryError(err)
	}
	return past, nil
}

// scrapeInterval is the longest of the targets', or of the groups' if there are no
// targets.
func scrapeInterval(src *source) time.Duration {
	var longest time.Duration
	for i := range src.status.Targets {
		longest = max(longest, src.status.Targets[i].Interval)
	}
	return cmp.Or(longest, evaluationInterval(src), time.Minute)
}

// evaluationInterval is the longest of the groups'.
func evaluationInterval(src *source) time.Duration {
	var longest time.Duration
	for i := range src.snapshot.Groups {
		longest = max(longest, src.snapshot.Groups[i].Interval)
	}
	return longest
}

// byUrgency has those in front that fire now, then those that were active last;
// what fires by design comes at the end.
func byUrgency(a, b history.Alert) int {
	rank := func(x history.Alert) int {
		last := x.Incidents[len(x.Incidents)-1]
		switch {
		case isQuiet(x.Labels):
			return 2
		case last.Open && !last.Fired.IsZero():
			return 0
		}
		return 1
	}
	end := func(x history.Alert) time.Time { return x.Incidents[len(x.Incidents)-1].End }
	return cmp.Or(cmp.Compare(rank(a), rank(b)), end(b).Compare(end(a)), labels.Compare(a.Labels, b.Labels))
}

// ruleOf finds the rule that an alert is of; nil if there is none any more.
func ruleOf(s *engine.Snapshot, ls labels.Labels) (*engine.GroupStatus, *engine.RuleStatus) {
	var (
		group *engine.GroupStatus
		rule  *engine.RuleStatus
	)
	for i := range s.Groups {
		for j := range s.Groups[i].Rules {
			r := &s.Groups[i].Rules[j]
			if r.Rule.Alert == "" || r.Rule.Alert != ls.Get(labels.AlertName) {
				continue
			}
			if rule == nil || ls.Get("severity") == r.Rule.Labels.Get("severity") && ls.Get("severity") != rule.Rule.Labels.Get("severity") {
				group, rule = &s.Groups[i], r
			}
		}
	}
	return group, rule
}
