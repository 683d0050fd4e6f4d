package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/rules/lint"
)

// dead lists the selectors of a file's rules that match nothing on the instance,
// and what is wrong with each.
func (i *instance) dead(ctx context.Context, l *lint.Linter, f *rules.File) ([]rules.Problem, error) {
	var found []rules.Problem
	for _, g := range f.Groups {
		for j := range g.Rules {
			r := &g.Rules[j]
			for _, sel := range l.Selectors(f, r) {
				msg, hint, err := i.whyDead(ctx, sel)
				if err != nil {
					return found, err
				}
				if msg != "" {
					found = append(found, rules.Problem{
						File: f.Path, Pos: sel.Pos, Group: g.Name, Rule: r.Name(),
						Field: "expr", Msg: msg, Hint: hint, Lint: lint.NoSeries,
					})
				}
			}
		}
	}
	return found, nil
}

// whyDead says why a selector matches nothing; nothing if it matches.
func (i *instance) whyDead(ctx context.Context, sel lint.Selector) (msg, hint string, err error) {
	alive, err := i.matches(ctx, sel.Text)
	if alive || err != nil {
		return "", "", err
	}
	earlier, err := i.matches(ctx, "last_over_time("+sel.Text+"[1d])")
	if err != nil {
		return "", "", err
	}
	if earlier {
		return sel.Text + " matches no series now, but did within the last day",
			"either it comes and goes, or it was renamed or its source is down", nil
	}
	msg = sel.Text + " matches no series"
	if sel.Name == "" {
		return msg, "", nil
	}
	known, err := i.matches(ctx, selectorOf(sel.Name))
	if err != nil {
		return "", "", err
	}
	if !known {
		hint, err := i.nearestMetric(ctx, sel.Name)
		return "there is no metric " + sel.Name, hint, err
	}
	for _, m := range sel.Matchers {
		alone, err := i.matches(ctx, selectorOf(sel.Name, m))
		if err != nil {
			return "", "", err
		}
		if !alone {
			hint, err := i.nearestValue(ctx, sel.Name, m)
			return fmt.Sprintf("%s: no series of %s has %s", msg, sel.Name, m), hint, err
		}
	}
	return msg, "there are series for each of the matchers, but none for all of them together", nil
}

// matches tells whether an expression gives anything.
func (i *instance) matches(ctx context.Context, expr string) (bool, error) {
	if known, ok := i.asked[expr]; ok {
		return known, nil
	}
	found, err := i.query(ctx, "group("+expr+")")
	if err == nil {
		i.asked[expr] = len(found) > 0
	}
	return len(found) > 0, err
}

// selectorOf writes a selector of a metric.
func selectorOf(name string, matchers ...*labels.Matcher) string {
	byName := labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name)
	return (&parser.VectorSelector{LabelMatchers: append([]*labels.Matcher{byName}, matchers...)}).String()
}

// nearestMetric is a hint about a metric that is not there.
func (i *instance) nearestMetric(ctx context.Context, name string) (string, error) {
	all, err := i.values(ctx, model.MetricNameLabel, "")
	if err != nil {
		return "", err
	}
	slices.Sort(all)
	if guess := rules.Nearest(name, all); guess != "" {
		return "did you mean " + guess + "?", nil
	}
	return "is its target scraped?", nil
}

// nearestValue is a hint about a matcher that no series meets.
func (i *instance) nearestValue(ctx context.Context, name string, m *labels.Matcher) (string, error) {
	const most = 10 // values that a person reads
	all, err := i.values(ctx, m.Name, selectorOf(name))
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(v string) bool { return v == "" })
	slices.Sort(all)
	if len(all) == 0 {
		return fmt.Sprintf("%s has no label %s", name, m.Name), nil
	}
	if guess := rules.Nearest(m.Value, all); guess != "" && m.Type == labels.MatchEqual {
		return fmt.Sprintf("did you mean %s=%q?", m.Name, guess), nil
	}
	more := ""
	if len(all) > most {
		all, more = all[:most], " and more"
	}
	return fmt.Sprintf("there %s is %s%s", m.Name, strings.Join(all, ", "), more), nil
}
