package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/engine/explain"
	"github.com/tocsin/tocsin/rules"
)

// typeNotFound is the error type of Prometheus's API for what is not there.
const typeNotFound = "not_found"

// maxListed bounds the rules of one name that an error lists, maxGuesses the names
// that may have been meant.
const (
	maxListed  = 20
	maxGuesses = 3
)

// ruleChoice is which rule a request is about: name is required, the others tell
// apart rules of one name. Zero values let all pass.
type ruleChoice struct {
	name, group, file string
	line              int
}

func newRuleChoice(q url.Values) (ruleChoice, *apiError) {
	c := ruleChoice{name: q.Get("rule"), group: q.Get("group"), file: q.Get("file")}
	if c.name == "" {
		return c, badParameter("rule", errors.New("no name of a rule"))
	}
	if line := q.Get("line"); line != "" {
		n, err := strconv.Atoi(line)
		if err != nil || n < 1 {
			return c, badParameter("line", fmt.Errorf("%q is no number of a line", line))
		}
		c.line = n
	}
	return c, nil
}

// file may be given by its last elements, as nobody types a whole path.
func (c *ruleChoice) fits(r api.Rule) bool {
	return r.Name == c.name && (c.group == "" || r.Group == c.group) && (c.line == 0 || r.Line == c.line) &&
		(c.file == "" || r.File == c.file || strings.HasSuffix(r.File, "/"+c.file))
}

// find gives the one rule that a choice is about.
func (h *Handler) find(c ruleChoice) (g *engine.GroupStatus, r *engine.RuleStatus, e *apiError) {
	var found []api.Rule
	groups := h.groups()
	for i := range groups {
		for j := range groups[i].Rules {
			if one := explain.RuleOf(&groups[i], &groups[i].Rules[j]); c.fits(one) {
				found = append(found, one)
				g, r = &groups[i], &groups[i].Rules[j]
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, &apiError{typeNotFound, c.unknown(groups)}
	case 1:
		return g, r, nil
	}
	return nil, nil, &apiError{typeBadData, ambiguous(c.name, found)}
}

// unknown says that there is no such rule, and what may have been meant.
func (c *ruleChoice) unknown(groups []engine.GroupStatus) error {
	var names []string
	for i := range groups {
		for j := range groups[i].Rules {
			if name := groups[i].Rules[j].Rule.Name(); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	text := fmt.Sprintf("there is no rule %.200q", c.name)
	if slices.Contains(names, c.name) {
		return errors.New(text + " in this group, file and line; leave them out to see where there is one")
	}
	var guesses []string
	for range maxGuesses {
		guess := rules.Nearest(c.name, names)
		if guess == "" {
			break
		}
		guesses = append(guesses, guess)
		names = slices.DeleteFunc(names, func(n string) bool { return n == guess })
	}
	if len(guesses) > 0 {
		text += ", did you mean " + strings.Join(guesses, " or ") + "?"
	}
	return errors.New(text)
}

func ambiguous(name string, found []api.Rule) error {
	places := make([]string, 0, maxListed)
	for _, r := range found[:min(len(found), maxListed)] {
		places = append(places, fmt.Sprintf("%s:%d (group %s)", r.File, r.Line, r.Group))
	}
	if more := len(found) - maxListed; more > 0 {
		places = append(places, fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%d rules are named %s, choose one by group, file or line: %s", len(found), name, strings.Join(places, ", "))
}

// explainRule answers /api/v1/explain.
func (h *Handler) explainRule(w http.ResponseWriter, r *http.Request) {
	c, e := newRuleChoice(r.URL.Query())
	if e != nil {
		h.respondError(w, e)
		return
	}
	x, e := h.explanation(r.Context(), c)
	if e != nil {
		h.respondError(w, e)
		return
	}
	h.respond(w, x)
}

// explanation explains the rule of a choice, in one of the slots of queries: it is
// several of them.
func (h *Handler) explanation(ctx context.Context, c ruleChoice) (*api.Explanation, *apiError) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	free, e := h.slot(ctx)
	if e != nil {
		return nil, e
	}
	defer free()
	g, r, e := h.find(c)
	if e != nil {
		return nil, e
	}
	in, known := h.opts.Insight(r.Rule)
	if !known {
		return nil, &apiError{typeUnavailable, errors.New("the rules are being reloaded, ask again")}
	}
	st := h.opts.Status()
	opts := explain.Options{
		Query: h.opts.Query, Queryable: h.opts.Queryable, Now: h.opts.Now(), StorageTrouble: st.Storage.Trouble,
	}
	if st.State == Paused {
		opts.PausedSince = st.Since
	}
	for i := range st.Targets {
		if st.Targets[i].Health == Down { // if that of the ticks is, it is the first
			opts.Target, opts.TargetError = st.Targets[i].Job, st.Targets[i].LastError
			break
		}
	}
	x := explain.Explain(ctx, g, r, in, opts)
	for i := range r.Alerts {
		x.Alerts = append(x.Alerts, h.newAlert(g, r, &r.Alerts[i], in.HoldLimit))
	}
	slices.SortStableFunc(x.Alerts, compareAlerts)
	hideSecrets(x)
	return x, nil
}

// hideSecrets redacts the texts that may repeat a URL.
func hideSecrets(x *api.Explanation) {
	x.LastError, x.Answer = redact(x.LastError), redact(x.Answer)
	for i := range x.Details {
		x.Details[i] = redact(x.Details[i])
	}
	for i := range x.Holds {
		x.Holds[i].Text = redact(x.Holds[i].Text)
	}
	for i := range x.Evaluations {
		x.Evaluations[i].Error = redact(x.Evaluations[i].Error)
	}
	if x.Expression != nil {
		hideIn(x.Expression)
	}
}

func hideIn(n *api.Node) {
	n.Error = redact(n.Error)
	for i := range n.Nodes {
		hideIn(&n.Nodes[i])
	}
}
