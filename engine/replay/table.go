package replay

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/rules"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	if len(r.Alerts) > 0 {
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ALERT\tLABELS\tSTART\tEND\tDURATION\tPEAK")
		for i := range r.Alerts {
			a := &r.Alerts[i]
			end := moment(a.End)
			if a.Firing {
				end = "still firing"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n",
				plain(a.Rule.Alert), a.ownLabels(), moment(a.Start), end, length(a.Duration()), short(a.Peak))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	fmt.Fprintln(&b, r.summary())
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "Nothing was scraped, and so nothing evaluated, from %s to %s (%s).\n", moment(g.From), moment(g.To), length(g.To.Sub(g.From)))
	}
	for _, f := range r.Failures {
		fmt.Fprintln(&b, f.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the failure in one line, as rules.Problem words its own.
func (f *Failure) String() string {
	return fmt.Sprintf("%s:%d: group %q, rule %q: %d of %s failed, the first at %s: %s",
		plain(f.File), f.Rule.Pos.Line, f.Group, f.Rule.Name(), f.Count, count(f.Evaluations, "evaluation"), moment(f.First), plain(f.Err))
}

// summary is the report in two sentences.
func (r *Report) summary() string {
	firing, fired := 0, map[*rules.Rule]bool{}
	for _, a := range r.Alerts {
		fired[a.Rule] = true
		if a.Firing {
			firing++
		}
	}
	what := "No alert"
	if len(r.Alerts) > 0 {
		what = count(len(r.Alerts), "alert") + " of " + count(len(fired), "rule")
	}
	still := ""
	if firing > 0 {
		still = fmt.Sprintf(", %d would be firing still", firing)
	}
	return fmt.Sprintf("%s would have fired from %s to %s (%s)%s. %s in %s, %s, a scrape every %s.",
		what, moment(r.From), moment(r.To), length(r.To.Sub(r.From)), still,
		count(r.Rules, "rule"), count(r.Groups, "group"), count(r.Evaluations, "evaluation"), length(r.Interval))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// ownLabels are the labels without the name of the alert.
func (a *Alert) ownLabels() string {
	return labels.NewBuilder(a.Labels).Del(labels.AlertName).Labels().String()
}

// moment is in the form that --from and --to take.
func moment(t time.Time) string { return t.UTC().Round(time.Second).Format(time.RFC3339) }

// length is a duration to the second, or exact where it is shorter than ten.
func length(d time.Duration) string {
	if d >= 10*time.Second {
		d = d.Round(time.Second)
	}
	return model.Duration(d).String()
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// plain keeps a name or message from moving the cursor or breaking the table.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
