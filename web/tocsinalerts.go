package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/explain"
)

// stateHeld selects the alerts that are held, whatever their state.
const stateHeld = "held"

// alertFilter is which alerts a request wants: those in one of the states, if there
// are any, that all matchers of one of the sets match.
type alertFilter struct {
	states []string
	sets   [][]*labels.Matcher
}

func newAlertFilter(q url.Values) (f alertFilter, e *apiError) {
	known := []string{api.Firing, api.Pending, api.Resolved, stateHeld}
	for _, state := range q["state"] {
		if !slices.Contains(known, state) {
			return f, badParameter("state", fmt.Errorf("%.100q is none of firing, pending, held and resolved", state))
		}
		f.states = append(f.states, state)
	}
	for _, s := range q["match[]"] {
		set, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s)
		if err == nil && len(set) == 0 {
			err = errors.New("no matcher")
		}
		if err != nil {
			return f, badParameter("match[]", err)
		}
		f.sets = append(f.sets, set)
	}
	return f, nil
}

func (f *alertFilter) passes(a *alert.Alert) bool {
	held := a.State != alert.Inactive && !a.HeldSince.IsZero()
	if len(f.states) > 0 && !slices.Contains(f.states, stateOf(a)) && !(held && slices.Contains(f.states, stateHeld)) {
		return false
	}
	return len(f.sets) == 0 || slices.ContainsFunc(f.sets, func(set []*labels.Matcher) bool { return matchAll(set, a.Labels) })
}

// stateOf is the state in the words of Tocsin's own API.
func stateOf(a *alert.Alert) string {
	if a.State == alert.Inactive {
		return api.Resolved
	}
	return a.State.String()
}

// tocsinAlerts answers /api/v1/tocsin/alerts.
func (h *Handler) tocsinAlerts(w http.ResponseWriter, r *http.Request) {
	f, e := newAlertFilter(r.URL.Query())
	if e != nil {
		h.respondError(w, e)
		return
	}
	h.respond(w, h.listAlerts(f))
}

// listAlerts are the alerts that pass, those first that matter most.
func (h *Handler) listAlerts(f alertFilter) []api.Alert {
	out := []api.Alert{}
	limit := time.Duration(-1) // one for all rules, and not asked for yet
	groups := h.groups()
	for i := range groups {
		g := &groups[i]
		for j := range g.Rules {
			r := &g.Rules[j]
			for k := range r.Alerts {
				a := &r.Alerts[k]
				if !f.passes(a) {
					continue
				}
				if limit < 0 && !a.HeldSince.IsZero() {
					in, _ := h.opts.Insight(r.Rule)
					limit = in.HoldLimit
				}
				out = append(out, h.newAlert(g, r, a, limit))
			}
		}
	}
	slices.SortStableFunc(out, compareAlerts)
	return out
}

// compareAlerts puts what fires before what is pending and what is over, then the
// more severe, then the newer.
func compareAlerts(a, b api.Alert) int {
	rank := func(a *api.Alert) int {
		switch {
		case a.Quiet():
			return 3
		case a.State == api.Firing:
			return 0
		case a.State == api.Pending:
			return 1
		}
		return 2
	}
	severe := func(a *api.Alert) int {
		n, _ := severity(a.Labels["severity"])
		return n
	}
	return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(severe(&a), severe(&b)), b.Since.Compare(a.Since))
}

// newAlert is an alert of a snapshot, with what is known of its deliveries. A hold
// ends after limit.
func (h *Handler) newAlert(g *engine.GroupStatus, r *engine.RuleStatus, a *alert.Alert, limit time.Duration) api.Alert {
	at := api.Instant
	out := api.Alert{
		Name: a.Labels.Get(labels.AlertName), State: stateOf(a), Labels: a.Labels.Map(), Annotations: a.Annotations.Map(),
		Value: api.Value(a.Value), Since: at(a.FiredAt), ActiveAt: at(a.ActiveAt), FiredAt: at(a.FiredAt), ResolvedAt: at(a.ResolvedAt),
		Rule: explain.RuleOf(g, r), Deliveries: []api.Delivery{},
	}
	if a.State == alert.Pending || a.FiredAt.IsZero() {
		out.Since = at(a.ActiveAt)
	}
	if a.State == alert.Pending {
		out.Due = at(a.ActiveAt.Add(r.Rule.For))
	}
	if a.State != alert.Inactive {
		out.KeepFiringSince, out.HeldSince = at(a.KeepFiringSince), at(a.HeldSince)
		if !a.KeepFiringSince.IsZero() {
			out.KeepFiringUntil = at(a.KeepFiringSince.Add(r.Rule.KeepFiringFor))
		}
		if !a.HeldSince.IsZero() && limit > 0 {
			out.HeldUntil = at(a.HeldSince.Add(limit))
		}
	}
	if a.State != alert.Pending {
		out.Deliveries = append(out.Deliveries, h.deliveries(a.Labels)...)
	}
	return out
}

// deliveries are what is known of those of an alert, without passwords.
func (h *Handler) deliveries(ls labels.Labels) []api.Delivery {
	list := slices.Clone(h.opts.Deliveries(ls))
	for i := range list {
		list[i].Alertmanager, list[i].Error = redact(list[i].Alertmanager), redact(list[i].Error)
	}
	return list
}
