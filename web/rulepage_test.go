package web

import (
	"context"
	"errors"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// explained is a handler whose rules can be explained.
func explained(t *testing.T, opts Options) *Handler {
	t.Helper()
	opts.Insight = func(*rules.Rule) (engine.Insight, bool) { return engine.Insight{HoldLimit: time.Hour}, true }
	if opts.Query == nil {
		opts.Query = func(_ context.Context, q engine.Query) (engine.Result, error) {
			var v parser.Value = promql.Vector{
				{Metric: labels.FromStrings("__name__", "running", "job", "a"), F: 0},
				{Metric: labels.FromStrings("__name__", "running", "job", "<b>"), F: 7},
			}
			if q.Expr == "0" {
				v = promql.Scalar{V: 0}
			}
			return engine.Result{Value: v}, nil
		}
	}
	return newHandler(t, opts)
}

func TestRulePage(t *testing.T) {
	h := explained(t, Options{Deliveries: func(labels.Labels) []api.Delivery {
		return []api.Delivery{{Alertmanager: "http://u:secret@am:9093", State: api.DeliveryWaiting, WaitingSince: ago(time.Minute), Error: "no such host", NextTry: now.Add(9 * time.Second)}}
	}})
	page := body(t, h, "/rule?rule=Stopped&group=docker&file=/rules/docker.yml", http.StatusOK)
	contains(t, page,
		"<title>(1) Stopped · Tocsin on edge-17</title>", `Stopped <span class="badge bad">firing</span>`, "/rules/docker.yml:4, group docker",
		`<span class="key">for</span>5 min`, "1 of 2 series are == 0.", `data-column="Holds"><span class="badge warn">yes</span>`, "&#43;7",
		"Taken apart", `<code>running</code> <span class="sub">left, selector: <strong>2 series</strong>`, "&lt;b&gt;",
		"not told yet</span> http://u:xxxxx@am:9093", "next try in 9 s", "no such host",
	)
}

// Every error has a page that says what is wrong.
func TestRulePageErrors(t *testing.T) {
	h := explained(t, Options{})
	contains(t, body(t, h, "/rule?rule=Stoped", http.StatusNotFound), "did you mean Stopped?", `href="rules"`)
	contains(t, body(t, h, "/rule", http.StatusBadRequest), "no name of a rule")
	contains(t, body(t, h, "/rule?rule=Stopped&line=x", http.StatusBadRequest), "no number of a line")
	failing := explained(t, Options{Query: failing(errors.New("<i>broke</i>"))})
	contains(t, body(t, failing, "/rule?rule=Stopped", http.StatusOK), "&lt;i&gt;broke&lt;/i&gt;")
}

// Each link to why leads to its rule, also where rules of one group have one name.
func TestWhyLeadsToItsRule(t *testing.T) {
	h := explained(t, Options{Snapshot: func() *engine.Snapshot {
		s := sameName()
		s.Groups[0].Rules[1].Alerts = []alert.Alert{{State: alert.Firing, Labels: labels.FromStrings("alertname", "Disk"), FiredAt: ago(time.Minute)}}
		return s
	}})
	var places []string
	for _, link := range regexp.MustCompile(`href="(rule\?[^"]*)"`).FindAllStringSubmatch(body(t, h, "/rules", http.StatusOK), -1) {
		page := body(t, h, "/"+html.UnescapeString(link[1]), http.StatusOK)
		place := regexp.MustCompile(`(/rules/..yml:\d+), group a</span></p>`).FindStringSubmatch(page)
		if place == nil {
			t.Fatalf("%s is about no rule:\n%s", link[1], page)
		}
		places = append(places, place[1])
		if place[1] == "/rules/a.yml:8" {
			contains(t, page, `class="why" href="`+link[1])
		}
	}
	if got, want := strings.Join(places, " "), "/rules/a.yml:4 /rules/a.yml:8 /rules/b.yml:4 /rules/b.yml:8"; got != want {
		t.Errorf("the links lead to %s, want %s", got, want)
	}
	contains(t, body(t, h, "/", http.StatusOK), "line=8")
}
