package web

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine"
)

// maxShown bounds each list on a page; the API has all.
const maxShown = 200

// frame is what all pages share.
type frame struct {
	Title, Version string
	Host           []pair
	Now            moment
	Tone           tone
	// Headline is the situation; Seen is the state that the page shows, which the
	// event stream tells the next of.
	Headline headline
	Seen     string
	Nav      []navItem
	// Still is set for a page that costs a query, and is read again only when its
	// reader asks: the link of one with the same frame that costs none.
	Still string
}

// navItem is one page in the navigation.
type navItem struct {
	Link, Text string
	Current    bool
	// Count is what needs a look there; Tone says how much.
	Count int
	Tone  tone
}

// source is what one page is made from, taken once so that all of it is of one
// moment.
type source struct {
	status   Status
	snapshot *engine.Snapshot
	alerts   alertLists
	facts    facts
	now      time.Time
}

func (h *Handler) source() *source {
	s := &source{status: h.opts.Status(), snapshot: h.snapshot(), now: h.opts.Now()}
	s.alerts = newAlertLists(s.snapshot, s.now)
	s.facts = newFacts(&s.status, s.snapshot, s.alerts)
	return s
}

// frame is that of the page with this link and title.
func (s *source) frame(link, title string) frame {
	f := frame{
		Title: "Tocsin", Version: s.status.Version, Now: moment{s.now, s.now},
		Headline: newHeadline(&s.status, s.snapshot, s.facts, s.now), Seen: seen(&s.status, s.snapshot, s.now),
	}
	f.Tone = f.Headline.Tone
	for _, l := range hostLabels(&s.status) {
		if l.Name != "engine_id" { // nobody knows it by heart, and it is long
			f.Host = append(f.Host, l)
		}
	}
	if host := s.status.ExternalLabels.Get("host"); host != "" {
		f.Title = "Tocsin on " + short(host)
	}
	if title != "" {
		f.Title = title + " · " + f.Title
	}
	if s.facts.firing > 0 {
		f.Title = fmt.Sprintf("(%d) %s", s.facts.firing, f.Title)
	}
	f.Nav = s.navigation(link)
	return f
}

// hostLabels are those of all that leaves this host.
func hostLabels(st *Status) (list []pair) {
	st.ExternalLabels.Range(func(l labels.Label) { list = append(list, pair{short(l.Name), short(l.Value)}) })
	return list
}

// navigation lists the pages, with what needs a look on each.
func (s *source) navigation(current string) []navItem {
	firing := toneWarn
	if s.facts.critical {
		firing = toneBad
	}
	items := []navItem{
		{Link: "./", Text: "Alerts", Count: s.facts.firing, Tone: firing},
		{Link: "rules", Text: "Rules", Count: s.facts.failingRules, Tone: toneBad},
		{Link: "graph", Text: "Graph"},
		{Link: "history", Text: "History"},
		{Link: "targets", Text: "Targets", Count: s.facts.down, Tone: toneBad},
		{Link: "deliveries", Text: "Deliveries", Count: s.facts.failing, Tone: toneBad},
		{Link: "status", Text: "Status", Count: s.facts.problems, Tone: toneWarn},
	}
	for i := range items {
		items[i].Current = items[i].Link == current
	}
	return items
}
