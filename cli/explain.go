package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin/tocsin/api"
)

// RuleName names one rule; all but Name are empty where it is alone of its name.
type RuleName struct {
	Name, Group, File string
	Line              int
}

// Explain prints why a rule fires or not, and returns the exit code.
func (c *Command) Explain(ctx context.Context, r RuleName) (int, error) {
	params := url.Values{"rule": {r.Name}}
	for key, value := range map[string]string{"group": r.Group, "file": r.File} {
		if value != "" {
			params.Set(key, value)
		}
	}
	if r.Line > 0 {
		params.Set("line", strconv.Itoa(r.Line))
	}
	x, err := answer(ctx, c, "api/v1/explain", params, func(s *screen, x *api.Explanation) { printExplanation(s, x, c.now()) })
	if err != nil {
		return Code(err), err
	}
	if x.Health == "err" || slices.ContainsFunc(x.Alerts, func(a api.Alert) bool { return a.State == api.Firing && !a.Quiet() }) {
		return ExitAttention, nil
	}
	return ExitOK, nil
}

// oneWord are the names that a shell takes for what they are. bash expands what it is
// offered for completion: a name with $(...) would be a command.
var oneWord = regexp.MustCompile(`^[\pL\pN_:][\pL\pN_:.,@%+=/-]*$`)

// RuleNames lists the names of all rules that the completion of a shell can offer.
func (c *Client) RuleNames(ctx context.Context) ([]string, error) {
	raw, err := c.get(ctx, "api/v1/rules", url.Values{"exclude_alerts": {"true"}})
	if err != nil {
		return nil, err
	}
	var data struct {
		Groups []struct {
			Rules []struct{ Name string }
		}
	}
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, err
	}
	var names []string
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			if oneWord.MatchString(r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func printExplanation(s *screen, x *api.Explanation, now time.Time) {
	st := style("1")
	switch {
	case x.Health == "err" || x.State == api.Firing:
		st = bad + ";1"
	case x.State == api.Pending:
		st = warn + ";1"
	}
	s.line(0, x.Name+": "+x.Answer, st)
	for _, d := range x.Details {
		s.line(2, d, normal)
	}
	fmt.Fprintln(s.w)
	rows := [][]cell{{{"Rule", faint}, text(ruleText(x))}, {{"Expression", faint}, text(x.Expr)}}
	if by := x.EvaluatedBy; by != "" {
		if by == "plan" {
			by = "the plan"
		}
		rows = append(rows, []cell{{"Evaluated", faint}, text(fmt.Sprintf("%s (%s), by %s in %s",
			clock(x.LastEvaluation), moment(x.LastEvaluation, now), by, took(x.EvaluationTime)))})
	}
	s.table(nil, rows)
	printTree(s, x)
	for i := range x.Comparisons {
		printComparison(s, &x.Comparisons[i])
	}
	if len(x.Alerts) > 0 {
		s.title("Alerts")
		printAlerts(s, x.Alerts, now)
		printDeliveries(s, x.Alerts, now)
	}
	printEvaluations(s, x.Evaluations)
}

func ruleText(x *api.Explanation) string {
	t := fmt.Sprintf("%s, %s:%d, group %s, every %s", x.Type, x.File, x.Line, x.Group, api.SpanText(api.Seconds(x.Interval)))
	for _, term := range []struct {
		name    string
		seconds float64
	}{{"for", x.For}, {"keep_firing_for", x.KeepFiringFor}, {"query_offset", x.QueryOffset}} {
		if term.seconds > 0 {
			t += ", " + term.name + " " + api.SpanText(api.Seconds(term.seconds))
		}
	}
	return t
}

// printTree prints the parts of the expression, each with what it gives.
func printTree(s *screen, x *api.Explanation) {
	if x.Expression == nil {
		return
	}
	s.title("Expression")
	notes := make(map[int]*api.Selector, len(x.Selectors))
	for i := range x.Selectors {
		notes[x.Selectors[i].Start] = &x.Selectors[i]
	}
	var rows [][]cell
	var walk func(n *api.Node, depth int)
	walk = func(n *api.Node, depth int) {
		part := n.Text
		if n.Operator != "" {
			part = n.Operator
		}
		indent := strings.Repeat("  ", depth)
		rows = append(rows, append([]cell{text(indent + part)}, gives(n, notes)...))
		for i := range n.Nodes {
			if n.Nodes[i].Kind != "number" || n.Kind != "comparison" { // which says it itself
				walk(&n.Nodes[i], depth+1)
			}
		}
	}
	walk(x.Expression, 0)
	s.table([]string{"PART", "GIVES", ""}, rows)
	if x.Skipped != "" {
		s.line(0, x.Skipped, faint)
	}
}

// shownValues is how many values of a vector the tree shows.
const shownValues = 3

// gives are the cells that say what a part gives, and what is to be known of it.
func gives(n *api.Node, notes map[int]*api.Selector) []cell {
	switch {
	case n.Error != "":
		return []cell{{"error", bad}, {n.Error, bad}}
	case n.Value != nil:
		return []cell{text(n.Value.String()), text("")}
	case n.Skipped != "":
		return []cell{{"skipped", faint}, text("")}
	case n.Kind == "string", n.Kind == "subquery":
		return []cell{text("-"), text("")}
	}
	count, st := api.CountText(n.Total, "series"), normal
	if n.Total == 0 {
		count, st = "nothing", warn
	}
	about := ""
	if sel := notes[n.Start]; sel != nil && sel.Text == n.Text {
		about = sel.Note
		if w := sel.Window; w != nil && about == "" {
			about = windowText(w)
		}
	}
	if about == "" && n.Kind != "range selector" {
		var values []string
		for _, one := range n.Series[:min(len(n.Series), shownValues)] {
			values = append(values, api.LabelsText(one.Labels)+" "+valueText(&one))
		}
		about = strings.Join(values, ", ")
		if n.Total > len(values) {
			about += " …"
		}
	}
	for _, w := range n.Warnings {
		about = strings.TrimSpace(about + "; " + w)
	}
	return []cell{{count, st}, text(about)}
}

func valueText(one *api.Series) string {
	if one.Histogram != "" {
		return one.Histogram
	}
	return one.Value.String()
}

func windowText(w *api.Window) string {
	each := fmt.Sprint(w.Most)
	if w.Fewest < w.Most {
		each = fmt.Sprintf("%d to %d", w.Fewest, w.Most)
	}
	if w.Expected > 0 {
		each += fmt.Sprintf(" of %d expected", w.Expected)
	}
	t := fmt.Sprintf("%d samples in %s, %s in each", w.Samples, api.SpanText(api.Seconds(w.Range)), each)
	if w.Note != "" {
		t += "; " + w.Note
	}
	return t
}

func printComparison(s *screen, c *api.Comparison) {
	if c.Total == 0 {
		return
	}
	s.title("How far")
	s.line(0, fmt.Sprintf("%s: %d of %s", c.Text, c.True, api.CountText(c.Total, "series")), faint)
	var rows [][]cell
	for _, d := range c.Series {
		holds := cell{"no", normal}
		if d.True {
			holds = cell{"yes", bad}
		}
		rows = append(rows, []cell{
			holds, text(d.Value.String()), text(c.Operator + " " + c.Threshold.String()), text(d.Difference.String()), text(d.Ratio.String()),
			text(api.LabelsText(d.Labels)),
		})
	}
	s.table([]string{"TRUE", "VALUE", "LIMIT", "DIFFERENCE", "RATIO", "SERIES"}, rows)
	if more := c.Total - len(c.Series); more > 0 {
		s.line(0, fmt.Sprintf("and %d more", more), faint)
	}
}

// printDeliveries prints what is not simply told.
func printDeliveries(s *screen, list []api.Alert, now time.Time) {
	var rows [][]cell
	for i := range list {
		for _, d := range list[i].Deliveries {
			what := cell{d.State, warn}
			if d.State == api.DeliveryTold {
				what = cell{"told that it is " + d.Told + ", " + moment(d.ToldAt, now), good}
			}
			next := d.Error
			if !d.NextTry.IsZero() {
				next += "; tried again " + moment(d.NextTry, now)
			}
			rows = append(rows, []cell{text(d.Alertmanager), what, text(strings.TrimSpace(labelsText(list[i].Labels, "alertname") + "  " + next))})
		}
	}
	if len(rows) > 0 {
		s.title("Deliveries")
		s.table([]string{"ALERTMANAGER", "STATE", "ALERT AND ERROR"}, rows)
	}
}

// printEvaluations prints the last evaluations, the newest first; those in a row that
// came to the same are one line.
func printEvaluations(s *screen, list []api.Evaluation) {
	if len(list) == 0 {
		return
	}
	s.title("Last evaluations")
	var rows [][]cell
	for i := 0; i < len(list); {
		newest, j, slowest := list[i], i, 0.0
		for ; j < len(list) && list[j].Series == newest.Series && list[j].By == newest.By && list[j].Error == newest.Error; j++ {
			slowest = max(slowest, list[j].Took)
		}
		at := clock(newest.At)
		if j-i > 1 {
			at = fmt.Sprintf("%s to %s", list[j-1].At.UTC().Format("2006-01-02 15:04:05"), newest.At.UTC().Format("15:04:05 UTC"))
		}
		rows = append(rows, []cell{text(at), text(fmt.Sprint(j - i)), text(fmt.Sprint(newest.Series)), text(cmp.Or(newest.By, "nobody")), text(took(slowest)), {newest.Error, bad}})
		i = j
	}
	s.table([]string{"AT", "TIMES", "SERIES", "BY", "TOOK AT MOST", "ERROR"}, rows)
}
