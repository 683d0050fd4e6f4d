package cli

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin/tocsin/api"
)

// AlertStates are what alerts can be asked for by.
var AlertStates = []string{api.Firing, api.Pending, "held", api.Resolved}

// Filter is which alerts are to be printed.
type Filter struct {
	// States are some of AlertStates; none means all but the resolved ones.
	States []string
	// Matchers are label matchers, as ParseMatcher reads them.
	Matchers []string
}

// matcher is NAME, an operator and a value in quotes or without.
var matcher = regexp.MustCompile(`^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)(?s:(.*))$`)

// selector joins matchers as amtool takes them (severity=critical, host=~"edge.*") to
// a selector of PromQL.
func selector(matchers []string) (string, error) {
	parts := make([]string, 0, len(matchers))
	for _, m := range matchers {
		found := matcher.FindStringSubmatch(m)
		if found == nil {
			return "", fmt.Errorf("%q is no matcher: expected label=value, label!=value, label=~regexp or label!~regexp", m)
		}
		value := strings.TrimSpace(found[3])
		if unquoted, err := strconv.Unquote(value); err == nil {
			value = unquoted
		}
		if strings.HasSuffix(found[2], "~") {
			if _, err := regexp.Compile(value); err != nil {
				return "", fmt.Errorf("%q: %w", m, err)
			}
		}
		parts = append(parts, found[1]+found[2]+strconv.Quote(value))
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}

// Alerts prints alerts, and returns the exit code.
func (c *Command) Alerts(ctx context.Context, f Filter) (int, error) {
	params := url.Values{"state": f.States}
	if len(f.States) == 0 {
		params["state"] = []string{api.Firing, api.Pending}
	}
	if len(f.Matchers) > 0 {
		s, err := selector(f.Matchers)
		if err != nil {
			return ExitUsage, err
		}
		params.Set("match[]", s)
	}
	list, err := answer(ctx, c, "api/v1/tocsin/alerts", params, func(s *screen, list *[]api.Alert) { printAlerts(s, *list, c.now()) })
	if err != nil {
		return Code(err), err
	}
	if slices.ContainsFunc(*list, func(a api.Alert) bool { return a.State == api.Firing && !a.Quiet() }) {
		return ExitAttention, nil
	}
	return ExitOK, nil
}

func printAlerts(s *screen, list []api.Alert, now time.Time) {
	if len(list) == 0 {
		s.line(0, "No alerts.", good)
		return
	}
	rows := make([][]cell, 0, len(list))
	for i := range list {
		a := &list[i]
		about := a.Annotations["summary"]
		if about == "" {
			about = a.Annotations["description"]
		}
		if rest := labelsText(a.Labels, "alertname", "severity"); rest != "" {
			about = strings.TrimSpace(rest + "  " + about)
		}
		rows = append(rows, []cell{
			stateCell(a, now), text(a.Labels["severity"]), {a.Name, bold}, text(a.Value.String()), text(moment(a.Since, now)),
			deliveryCell(a, now), text(about),
		})
	}
	s.table([]string{"STATE", "SEVERITY", "ALERT", "VALUE", "SINCE", "DELIVERED", "LABELS AND SUMMARY"}, rows)
}

func stateCell(a *api.Alert, now time.Time) cell {
	c := cell{a.State, good}
	switch a.State {
	case api.Firing:
		c.style = bad
		if a.Quiet() {
			c.style = normal
		}
	case api.Pending:
		c.style = warn
		if !a.Held() {
			c.text += ", fires " + moment(a.Due, now)
		}
	}
	if a.Held() {
		c.text += ", held"
	} else if !a.KeepFiringSince.IsZero() {
		c.text += ", kept"
	}
	return c
}

// deliveryCell sums up what the Alertmanagers know.
func deliveryCell(a *api.Alert, now time.Time) cell {
	told, refused, all := 0, 0, len(a.Deliveries)
	var waiting time.Time
	for _, d := range a.Deliveries {
		switch d.State {
		case api.DeliveryTold:
			told++
		case api.DeliveryWithheld:
			all--
		case api.DeliveryRefused:
			refused++
		case api.DeliveryWaiting:
			if waiting.IsZero() || d.WaitingSince.Before(waiting) {
				waiting = d.WaitingSince
			}
		}
	}
	switch {
	case a.State == api.Pending && all == 0:
		return text("-")
	case all == 0:
		return cell{"no Alertmanager", warn}
	case refused > 0:
		return cell{fmt.Sprintf("refused by %d of %d", refused, all), bad}
	case !waiting.IsZero() && told > 0:
		return cell{fmt.Sprintf("%d of %d", told, all), warn}
	case !waiting.IsZero():
		return cell{"no, for " + api.SpanText(max(0, now.Sub(waiting))), bad}
	case told == all:
		return cell{"yes", good}
	case told > 0:
		return text(fmt.Sprintf("%d of %d", told, all))
	}
	return text("unknown")
}
