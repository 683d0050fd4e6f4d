package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin/tocsin/api"
)

// Status prints how Tocsin is doing, and returns the exit code.
func (c *Command) Status(ctx context.Context) (int, error) {
	st, err := answer(ctx, c, "api/v1/tocsin/status", nil, printStatus)
	if err != nil {
		return Code(err), err
	}
	if st.Tone == "warn" || st.Tone == "bad" {
		return ExitAttention, nil
	}
	return ExitOK, nil
}

func toneStyle(tone string) style {
	switch tone {
	case "good":
		return good
	case "warn":
		return warn
	case "bad":
		return bad
	}
	return normal
}

func printStatus(s *screen, st *api.Status) {
	s.line(0, st.Headline, toneStyle(st.Tone)+";1")
	if st.Detail != "" {
		s.line(0, st.Detail, normal)
	}
	fmt.Fprintln(s.w)
	rows := [][]cell{
		{{"State", faint}, text(fmt.Sprintf("%s since %s (%s)", st.State, clock(st.Since), moment(st.Since, st.Now)))},
		{{"Version", faint}, text(st.Version)},
	}
	if len(st.ExternalLabels) > 0 {
		rows = append(rows, []cell{{"Host", faint}, text(labelsText(st.ExternalLabels))})
	}
	n := st.Counts
	alerts := fmt.Sprintf("%d firing, %d pending, %d held, %d resolved lately", n.Firing, n.Pending, n.Held, n.Resolved)
	if n.Quiet > 0 {
		alerts += fmt.Sprintf(", %d that always fire", n.Quiet)
	}
	ruleText := fmt.Sprintf("%s in %s", api.CountText(n.Rules, "rule"), api.CountText(n.Groups, "group"))
	if n.FailingRules > 0 {
		ruleText += fmt.Sprintf(", %d failing", n.FailingRules)
	}
	rows = append(rows, []cell{{"Alerts", faint}, text(alerts)}, []cell{{"Rules", faint}, text(ruleText)},
		[]cell{{"Storage", faint}, text(storageText(&st.Storage, st.Now))})
	s.table(nil, rows)
	printProblems(s, st.Problems)
	printTargets(s, st)
	printAlertmanagers(s, st)
	printRemoteWrites(s, st)
}

func storageText(st *api.Storage, now time.Time) string {
	if st.Mode == "" {
		return "not open"
	}
	parts := []string{"on disk", api.SizeText(st.Bytes)}
	if st.Mode == "memory" {
		parts = []string{"in memory"}
	} else if st.RetentionBytes > 0 {
		parts[1] += " of " + api.SizeText(st.RetentionBytes)
	}
	parts = append(parts, api.CountText(st.Series, "series"))
	if !st.Oldest.IsZero() {
		parts = append(parts, "the oldest sample is "+api.SpanText(now.Sub(st.Oldest))+" old")
	}
	if st.Trouble != "" {
		parts = append(parts, st.Trouble)
	}
	return strings.Join(parts, ", ")
}

func printProblems(s *screen, problems []api.Problem) {
	if len(problems) == 0 {
		return
	}
	s.title("Problems")
	for _, p := range problems {
		s.line(0, strings.TrimSpace(p.Kind+" "+p.Where)+": "+p.Text, warn)
		if p.Hint != "" {
			s.line(2, p.Hint, normal)
		}
		if p.Runs != "" {
			s.line(2, "meanwhile "+p.Runs, normal)
		}
	}
}

func printTargets(s *screen, st *api.Status) {
	s.title("Targets")
	var rows [][]cell
	for _, t := range st.Targets {
		health := cell{t.Health, good}
		switch t.Health {
		case "down":
			health.style = bad
		case "unknown":
			health.style = normal
		}
		rows = append(rows, []cell{text(t.Job), text(t.URL), health, text(moment(t.LastScrape, st.Now)), text(took(t.Took)), {t.Error, bad}})
	}
	s.table([]string{"JOB", "URL", "HEALTH", "SCRAPED", "TOOK", "ERROR"}, rows)
}

func printAlertmanagers(s *screen, st *api.Status) {
	s.title("Alertmanagers")
	if len(st.Alertmanagers) == 0 {
		s.line(0, "none: nobody is notified", warn)
		return
	}
	var rows [][]cell
	for _, a := range st.Alertmanagers {
		state := cell{"reached", good}
		switch {
		case a.URL == "":
			a.URL, state = "none found yet", cell{"waiting for discovery", bad}
		case a.Error != "":
			state = cell{"failing", bad}
		case a.LastAttempt.IsZero():
			state = text("not asked yet")
		}
		next := ""
		if !a.NextTry.IsZero() {
			next = moment(a.NextTry, st.Now)
		}
		rows = append(rows, []cell{
			text(a.URL), state, text(moment(a.LastSuccess, st.Now)), text(fmt.Sprint(a.Undelivered)), text(next), {a.Error, bad},
		})
	}
	s.table([]string{"URL", "STATE", "LAST SUCCESS", "UNDELIVERED", "NEXT TRY", "ERROR"}, rows)
}

func printRemoteWrites(s *screen, st *api.Status) {
	if len(st.RemoteWrites) == 0 {
		return
	}
	s.title("Remote write")
	var rows [][]cell
	for _, r := range st.RemoteWrites {
		state := cell{"writing", good}
		switch {
		case r.Error != "":
			state = cell{"failing", bad}
		case r.CatchingUp:
			state = cell{"catching up", warn}
		case r.LastSuccess.IsZero():
			state = text("not asked yet")
		}
		behind := api.SpanText(time.Duration(r.Behind * float64(time.Second)))
		rows = append(rows, []cell{text(r.Name), text(r.URL), state, text(moment(r.LastSuccess, st.Now)), text(behind), text(fmt.Sprint(r.Lost)), {r.Error, bad}})
	}
	s.table([]string{"NAME", "URL", "STATE", "LAST SUCCESS", "BEHIND", "LOST", "ERROR"}, rows)
}
