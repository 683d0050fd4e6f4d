package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin/tocsin/alert"
)

// perPage is how many alerts of one state stand on a page.
const perPage = 100

// alertsPage is the page at /: what fires, and what is or was about to.
type alertsPage struct {
	frame
	Filter   filterView
	Problems []Problem
	Firing   section
	Pending  section
	Held     section
	Resolved section
	Quiet    []alertView
	// Hidden is how many alerts the filter leaves out.
	Hidden int
}

// filterView is the form above the alerts.
type filterView struct {
	Query, State string
	Error        string
}

// option is one choice of a form.
type option struct{ Value, Text string }

var stateOptions = []option{{"", "All"}, {"firing", "Firing"}, {"pending", "Pending"}, {stateHeld, "Held"}, {"resolved", "Recently resolved"}}

// section is a part of the alerts of one state.
type section struct {
	// Wanted says that the reader asked for this state, or for all.
	Wanted      bool
	Shown       []alertView
	First, Last int // of Total, from 1
	Total       int
	// Before, After and All lead to other parts; empty where there are none.
	Before, After, All string
}

// alertsHome answers for the page at /, with the parameters q (a filter), state
// (firing, pending, held or resolved; else all) and page (from 1, of one state).
func (h *Handler) alertsHome(w http.ResponseWriter, r *http.Request) {
	src, q := h.source(), r.URL.Query()
	if !slices.ContainsFunc(stateOptions, func(o option) bool { return o.Value == q.Get("state") }) {
		q.Del("state") // a page without any alert would be taken for good news
	}
	p := alertsPage{
		frame:    src.frame("./", ""),
		Filter:   filterView{Query: q.Get("q"), State: q.Get("state")},
		Problems: newProblems(&src.status),
	}
	code := http.StatusOK
	f, err := parseFilter(p.Filter.Query)
	if err != nil {
		p.Filter.Error, code = err.Error(), http.StatusBadRequest
	}
	firing, pending, resolved, quiet := f.choose(src.alerts.firing), f.choose(src.alerts.pending), f.choose(src.alerts.resolved), f.choose(src.alerts.quiet)
	p.Firing, p.Pending, p.Resolved = h.newSection(firing, "firing", q, src.now), h.newSection(pending, "pending", q, src.now), h.newSection(resolved, "resolved", q, src.now)
	if p.Filter.State == stateHeld {
		p.Held = h.newSection(f.choose(src.alerts.held()), stateHeld, q, src.now)
	}
	if p.Firing.Wanted {
		p.Quiet = h.alertViews(quiet[:min(len(quiet), perPage)], src.now)
	}
	all := &src.alerts
	p.Hidden = len(all.firing) + len(all.pending) + len(all.resolved) + len(all.quiet) - len(firing) - len(pending) - len(resolved) - len(quiet)
	h.views.render(w, code, "alerts", p)
}

// newSection cuts a list to the page that the reader is on.
func (h *Handler) newSection(list []alertRef, state string, q url.Values, now time.Time) section {
	s := section{Wanted: q.Get("state") == "" || q.Get("state") == state, Total: len(list)}
	if !s.Wanted {
		return s
	}
	page := 1
	if n, err := strconv.Atoi(q.Get("page")); err == nil && q.Get("state") == state {
		page = min(max(1, n), max(1, (len(list)+perPage-1)/perPage))
	}
	first := (page - 1) * perPage
	last := min(len(list), first+perPage)
	s.Shown, s.First, s.Last = h.alertViews(list[first:last], now), first+1, last
	link := func(page int) string {
		v := url.Values{"state": {state}, "page": {strconv.Itoa(page)}}
		if text := q.Get("q"); text != "" {
			v.Set("q", text)
		}
		return "./?" + v.Encode()
	}
	switch {
	case q.Get("state") == "" && last < len(list):
		s.All = link(1)
	case q.Get("state") == state:
		if page > 1 {
			s.Before = link(page - 1)
		}
		if last < len(list) {
			s.After = link(page + 1)
		}
	}
	return s
}

func (h *Handler) alertViews(list []alertRef, now time.Time) []alertView {
	views := make([]alertView, len(list))
	for i := range list {
		views[i] = newAlertView(&list[i], now)
		for j := range views[i].Annotations {
			views[i].Annotations[j].Copy = h.copyHere(views[i].Annotations[j].Link)
		}
		if list[i].alert.State != alert.Pending {
			views[i].Deliveries = newDeliveryViews(h.deliveries(list[i].alert.Labels), now)
		}
	}
	return views
}

// newProblems are those of the status as a page may show them.
func newProblems(st *Status) []Problem {
	list := make([]Problem, 0, len(st.Problems)+1)
	for _, x := range st.Problems {
		list = append(list, Problem{Kind: short(x.Kind), Where: short(redact(x.Where)), Text: short(redact(x.Text)), Hint: short(redact(x.Hint)), Runs: x.Runs})
	}
	if st.Storage.Trouble != "" {
		list = append(list, Problem{Kind: "storage", Text: short(redact(st.Storage.Trouble))})
	}
	return list
}
