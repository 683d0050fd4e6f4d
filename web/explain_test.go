package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// fetch decodes what a path of our own API answers.
func fetch[T any](t *testing.T, h http.Handler, target string) (data T) {
	t.Helper()
	w := get(h, target)
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s %v", target, w.Code, w.Body, err)
	}
	if err := json.Unmarshal(answer.Data, &data); err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return data
}

// sameName is a snapshot with rules of one name in two groups, and twice in one.
func sameName() *engine.Snapshot {
	rule := func(name string, line int) engine.RuleStatus {
		return engine.RuleStatus{
			Rule:   &rules.Rule{Alert: name, Expr: mustExpr("up"), ExprText: "up", Pos: rules.Position{Line: line}},
			Health: engine.HealthOK, LastEvaluation: now,
		}
	}
	return &engine.Snapshot{At: now, Groups: []engine.GroupStatus{
		{Name: "a", File: "/rules/a.yml", Rules: []engine.RuleStatus{rule("Disk", 4), rule("Disk", 8)}},
		{Name: "a", File: "/rules/b.yml", Rules: []engine.RuleStatus{rule("Disk", 4), rule("Load", 8)}},
	}}
}

func TestExplainChooses(t *testing.T) {
	h := newHandler(t, Options{Snapshot: sameName})
	for query, want := range map[string]struct {
		code int
		text string
	}{
		"rule=Load":                        {200, `"file":"/rules/b.yml","line":8`},
		"rule=Disk&file=/rules/b.yml":      {200, `"file":"/rules/b.yml","line":4`},
		"rule=Disk&file=b.yml":             {200, `"file":"/rules/b.yml","line":4`},
		"rule=Disk&file=a.yml&line=8":      {200, `"file":"/rules/a.yml","line":8`},
		"rule=Disk":                        {400, `3 rules are named Disk, choose one by group, file or line: /rules/a.yml:4 (group a), /rules/a.yml:8 (group a), /rules/b.yml:4 (group a)`},
		"rule=Disk&group=a&file=a.yml":     {400, `2 rules are named Disk`},
		"rule=Lod":                         {404, `there is no rule \"Lod\", did you mean Load?`},
		"rule=Load&group=b":                {404, `there is no rule \"Load\" in this group, file and line`},
		"rule=" + strings.Repeat("x", 999): {404, `there is no rule \"xxx`},
		"":                                 {400, `invalid parameter \"rule\"`},
		"rule=Disk&line=x":                 {400, `invalid parameter \"line\"`},
	} {
		if w := get(h, "/api/v1/explain?"+query); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %.300s, want %d %s", query, w.Code, w.Body, want.code, want.text)
		}
	}
}

func TestExplainHidesSecrets(t *testing.T) {
	s := sameName()
	r := &s.Groups[1].Rules[1]
	r.Health, r.LastError = engine.HealthErr, "Get http://user:secret@host/: refused"
	st := fixtureStatus()
	st.Storage.Trouble = "write http://user:secret@host/: refused"
	h := newHandler(t, Options{
		Snapshot: func() *engine.Snapshot { return s }, Status: func() Status { return st },
		Insight: func(*rules.Rule) (engine.Insight, bool) {
			return engine.Insight{Evaluations: []engine.Evaluation{{At: now, Took: time.Millisecond, Error: r.LastError}}}, true
		},
		Query: failing(errors.New(r.LastError)),
		Deliveries: func(labels.Labels) []api.Delivery {
			return []api.Delivery{{Alertmanager: "http://user:secret@am", State: api.DeliveryWaiting, Error: r.LastError}}
		},
	})
	r.Alerts = []alert.Alert{{State: alert.Firing, Labels: labels.FromStrings("alertname", "Load"), FiredAt: now}}
	for path, times := range map[string]int{"/api/v1/explain?rule=Load": 7, "/api/v1/tocsin/alerts": 2, "/": 2, "/deliveries": 2} {
		w := get(h, path)
		if w.Code != 200 || strings.Contains(w.Body.String(), "secret") || strings.Count(w.Body.String(), "user:xxxxx@") < times {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestExplainReplaced(t *testing.T) {
	h := newHandler(t, Options{Insight: func(*rules.Rule) (engine.Insight, bool) { return engine.Insight{}, false }})
	if w := get(h, "/api/v1/explain?rule=Stopped"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a rule that is being replaced: %d %s", w.Code, w.Body)
	}
}

func TestExplanationHasAlerts(t *testing.T) {
	told := api.Delivery{Alertmanager: "http://am:9093", State: api.DeliveryTold, Told: api.Firing, ToldAt: ago(time.Minute)}
	h := newHandler(t, Options{
		Query:      answer(promql.Vector{{Metric: labels.FromStrings("job", "a")}}, nil),
		Deliveries: func(labels.Labels) []api.Delivery { return []api.Delivery{told} },
	})
	x := fetch[api.Explanation](t, h, "/api/v1/explain?rule=Stopped")
	if x.Answer == "" || len(x.Alerts) != 3 || x.Alerts[0].State != api.Firing || x.Expression == nil || x.Expr[x.Expression.Start:x.Expression.End] != "running  == 0" {
		t.Errorf("%+v", x)
	}
	if diff := cmp.Diff([]api.Delivery{told}, x.Alerts[0].Deliveries); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestTocsinAlerts(t *testing.T) {
	s := fixture()
	held := &s.Groups[0].Rules[0].Alerts[2]
	held.HeldSince = ago(30 * time.Second)
	s.Groups[1].Rules[0].Alerts = []alert.Alert{{
		State: alert.Firing, Labels: labels.FromStrings("alertname", "Fresh", "severity", "none", "job", "a"), FiredAt: ago(time.Second), ActiveAt: ago(time.Second),
	}}
	h := newHandler(t, Options{
		Snapshot: func() *engine.Snapshot { return s },
		Insight:  func(*rules.Rule) (engine.Insight, bool) { return engine.Insight{HoldLimit: time.Hour}, true },
	})
	for query, want := range map[string]string{
		"":                               "firing a,pending c,resolved b,firing a",
		"?state=firing":                  "firing a,firing a",
		"?state=pending":                 "pending c",
		"?state=resolved":                "resolved b",
		"?state=held":                    "pending c",
		"?state=firing&state=held":       "firing a,pending c,firing a",
		`?match[]={severity="critical"}`: "firing a,pending c,resolved b",
		`?match[]={job!="a"}`:            "pending c,resolved b",
		`?match[]={job=~"a|b",severity="critical"}`: "firing a,resolved b",
		`?match[]={job="b"}&match[]={job="c"}`:      "pending c,resolved b",
	} {
		var got []string
		for _, a := range fetch[[]api.Alert](t, h, "/api/v1/tocsin/alerts"+strings.ReplaceAll(query, `"`, url.QueryEscape(`"`))) {
			got = append(got, a.State+" "+a.Labels["job"])
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?state=inactive", "?match[]={", "?match[]={}"} {
		if w := get(h, "/api/v1/tocsin/alerts"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	a := fetch[[]api.Alert](t, h, "/api/v1/tocsin/alerts?state=held")[0]
	if !a.Due.Equal(ago(-4*time.Minute)) || !a.HeldUntil.Equal(held.HeldSince.Add(time.Hour)) || a.Rule.Line != 4 || !a.Held() || !a.FiredAt.IsZero() {
		t.Errorf("a held pending alert: %+v", a)
	}
	a = fetch[[]api.Alert](t, h, "/api/v1/tocsin/alerts?state=firing")[0]
	if !a.KeepFiringUntil.Equal(time.Date(2026, 11, 22, 3, 13, 36, 0, time.UTC)) || !a.Since.Equal(ago(7*time.Minute)) {
		t.Errorf("a kept firing alert: %+v", a)
	}
}

func TestTocsinStatus(t *testing.T) {
	st := fixtureStatus()
	st.Problems = []Problem{{Kind: "setting", Where: "X", Text: "see http://u:secret@host/", Hint: "mend it"}}
	st.Clock = Clock{Wall: ago(time.Minute), Ahead: time.Minute}
	h := newHandler(t, Options{Status: func() Status { return st }})
	got := fetch[api.Status](t, h, "/api/v1/tocsin/status")
	want := api.Counts{Firing: 1, Pending: 1, Resolved: 1, Groups: 2, Rules: 3, FailingRules: 1}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got.State != "running" || !got.Since.Equal(ago(time.Hour)) || got.Headline == "" || got.Tone != "bad" || got.Version != "1.2.3" || got.ExternalLabels["host"] != "edge-17" {
		t.Errorf("%+v", got)
	}
	if len(got.Targets) != 1 || got.Targets[0].Interval != 15 || len(got.Alertmanagers) != 1 || got.Alertmanagers[0].Sent != 3 || got.Storage.RetentionTime != 15*24*3600 {
		t.Errorf("%+v", got)
	}
	if !got.Clock.Wall.Equal(ago(time.Minute)) || got.Clock.Ahead != 60 {
		t.Errorf("clock: %+v", got.Clock)
	}
	if got.Problems[0].Text != "see http://u:xxxxx@host/" {
		t.Errorf("problems: %+v", got.Problems)
	}
}
