package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine"
)

type apiGroups struct {
	Groups    []apiGroup `json:"groups"`
	NextToken string     `json:"groupNextToken,omitempty"`
}

type apiGroup struct {
	Name           string    `json:"name"`
	File           string    `json:"file"`
	Rules          []any     `json:"rules"` // apiAlertingRule or apiRecordingRule
	Interval       float64   `json:"interval"`
	Limit          int       `json:"limit"`
	EvaluationTime float64   `json:"evaluationTime"`
	LastEvaluation time.Time `json:"lastEvaluation"`
}

type apiAlertingRule struct {
	State         string        `json:"state"`
	Name          string        `json:"name"`
	Query         string        `json:"query"`
	Duration      float64       `json:"duration"`
	KeepFiringFor float64       `json:"keepFiringFor"`
	Labels        labels.Labels `json:"labels"`
	Annotations   labels.Labels `json:"annotations"`
	Alerts        []apiAlert    `json:"alerts"`
	apiEvaluation
}

type apiRecordingRule struct {
	Name   string        `json:"name"`
	Query  string        `json:"query"`
	Labels labels.Labels `json:"labels"`
	apiEvaluation
}

type apiEvaluation struct {
	Health         engine.Health `json:"health"`
	LastError      string        `json:"lastError,omitempty"`
	EvaluationTime float64       `json:"evaluationTime"`
	LastEvaluation time.Time     `json:"lastEvaluation"`
	Type           string        `json:"type"`
}

// rules lists groups and their rules, filtered and paged as in Prometheus.
func (h *Handler) rules(w http.ResponseWriter, r *http.Request) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	filter, e := newRuleFilter(r.Form)
	if e != nil {
		h.respondError(w, e)
		return
	}
	out := apiGroups{Groups: []apiGroup{}}
	found := filter.token == ""
	groups := h.groups()
	for i := range groups {
		g := &groups[i]
		found = found || groupToken(g) == filter.token
		if !found || !filter.group(g) {
			continue
		}
		rules := filter.rules(g)
		if len(rules) == 0 {
			continue
		}
		if filter.limit > 0 && len(out.Groups) == filter.limit {
			out.NextToken = groupToken(g)
			break
		}
		out.Groups = append(out.Groups, apiGroup{
			Name:           g.Name,
			File:           g.File,
			Rules:          rules,
			Interval:       g.Interval.Seconds(),
			Limit:          g.Limit,
			EvaluationTime: g.EvaluationTime.Seconds(),
			LastEvaluation: g.LastEvaluation,
		})
	}
	if !found {
		h.respondError(w, badParameter("group_next_token",
			fmt.Errorf("invalid group_next_token '%s'. were rule groups changed?", filter.token)))
		return
	}
	h.respond(w, out)
}

// groups are the engine's in Prometheus's order: by file, then by name.
func (h *Handler) groups() []engine.GroupStatus {
	groups := slices.Clone(h.snapshot().Groups)
	slices.SortStableFunc(groups, func(a, b engine.GroupStatus) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Name, b.Name))
	})
	return groups
}

// groupToken names a group in the paging of rules.
func groupToken(g *engine.GroupStatus) string {
	sum := sha256.Sum256([]byte(g.File + ";" + g.Name))
	return hex.EncodeToString(sum[:])
}

// ruleFilter is what a request for rules wants to see. Empty fields let all pass.
type ruleFilter struct {
	kind                string // alert or record
	names, groups, file []string
	matchers            [][]*labels.Matcher
	noAlerts            bool
	limit               int
	token               string
}

func newRuleFilter(q url.Values) (*ruleFilter, *apiError) {
	f := &ruleFilter{
		kind:   strings.ToLower(q.Get("type")),
		names:  q["rule_name[]"],
		groups: q["rule_group[]"],
		file:   q["file[]"],
		token:  q.Get("group_next_token"),
	}
	var err error
	if f.matchers, err = parseMatchers(q["match[]"]); err != nil {
		return nil, &apiError{typeBadData, err}
	}
	if f.kind != "" && f.kind != "alert" && f.kind != "record" {
		return nil, badParameter("type", fmt.Errorf("not supported value %q", f.kind))
	}
	if s := q.Get("exclude_alerts"); s != "" {
		if f.noAlerts, err = strconv.ParseBool(strings.ToLower(s)); err != nil {
			return nil, badParameter("exclude_alerts", fmt.Errorf("error converting exclude_alerts: %w", err))
		}
	}
	limit := q.Get("group_limit")
	if limit == "" {
		if f.token != "" {
			return nil, badParameter("group_next_token", errors.New("group_limit needs to be present in order to paginate over the groups"))
		}
		return f, nil
	}
	n, err := strconv.ParseInt(limit, 10, 32)
	if err != nil {
		return nil, badParameter("group_limit", fmt.Errorf("group_limit needs to be a valid number: %w", err))
	}
	if n <= 0 {
		return nil, badParameter("group_limit", errors.New("group_limit needs to be greater than 0"))
	}
	f.limit = int(n)
	return f, nil
}

// parseMatchers reads selectors; one that matches everything is refused.
func parseMatchers(selectors []string) ([][]*labels.Matcher, error) {
	sets, err := parser.NewParser(parser.Options{}).ParseMetricSelectors(selectors)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if !slices.ContainsFunc(set, func(m *labels.Matcher) bool { return m != nil && !m.Matches("") }) {
			return nil, errors.New("match[] must contain at least one non-empty matcher")
		}
	}
	return sets, nil
}

func (f *ruleFilter) group(g *engine.GroupStatus) bool {
	return (len(f.groups) == 0 || slices.Contains(f.groups, g.Name)) &&
		(len(f.file) == 0 || slices.Contains(f.file, g.File))
}

func (f *ruleFilter) rules(g *engine.GroupStatus) []any {
	list := []any{}
	for i := range g.Rules {
		r := &g.Rules[i]
		if len(f.names) > 0 && !slices.Contains(f.names, r.Rule.Name()) || !f.matches(r.Rule.Labels) {
			continue
		}
		switch {
		case r.Rule.Alert != "" && f.kind != "record":
			list = append(list, f.alertingRule(r))
		case r.Rule.Alert == "" && f.kind != "alert":
			list = append(list, recordingRule(r))
		}
	}
	return list
}

// matches holds the labels of a rule, templates and all, against the selectors:
// one of them has to match in all its parts.
func (f *ruleFilter) matches(ls labels.Labels) bool {
	return len(f.matchers) == 0 || slices.ContainsFunc(f.matchers, func(set []*labels.Matcher) bool {
		return matchAll(set, ls)
	})
}

func (f *ruleFilter) alertingRule(r *engine.RuleStatus) apiAlertingRule {
	state := r.State.String()
	if r.LastEvaluation.IsZero() {
		state = "unknown"
	}
	var alerts []apiAlert
	if !f.noAlerts {
		alerts = activeAlerts(r)
	}
	return apiAlertingRule{
		State:         state,
		Name:          r.Rule.Alert,
		Query:         ruleQuery(r),
		Duration:      r.Rule.For.Seconds(),
		KeepFiringFor: r.Rule.KeepFiringFor.Seconds(),
		Labels:        r.Rule.Labels,
		Annotations:   r.Rule.Annotations,
		Alerts:        alerts,
		apiEvaluation: evaluation(r, "alerting"),
	}
}

func recordingRule(r *engine.RuleStatus) apiRecordingRule {
	return apiRecordingRule{
		Name:          r.Rule.Record,
		Query:         ruleQuery(r),
		Labels:        r.Rule.Labels,
		apiEvaluation: evaluation(r, "recording"),
	}
}

func evaluation(r *engine.RuleStatus, kind string) apiEvaluation {
	return apiEvaluation{
		Health:         r.Health,
		LastError:      r.LastError,
		EvaluationTime: r.EvaluationTime.Seconds(),
		LastEvaluation: r.LastEvaluation,
		Type:           kind,
	}
}

// ruleQuery is the expression as PromQL prints it, which is what clients of
// Prometheus compare.
func ruleQuery(r *engine.RuleStatus) string {
	if r.Rule.Expr == nil {
		return r.Rule.ExprText
	}
	return r.Rule.Expr.String()
}
