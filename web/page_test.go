package web

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// body is a page, checked for what has to hold for all pages: tags that nest, ids
// that exist once, links within the page that lead somewhere.
func body(t *testing.T, h http.Handler, target string, code int) string {
	t.Helper()
	w := get(h, target)
	if w.Code != code {
		t.Errorf("%s: status %d, want %d", target, w.Code, code)
	}
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("%s: content type %q", target, got)
	}
	page := w.Body.String()
	checkTags(t, page)
	if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "<no value>") {
		t.Errorf("%s: a template has refused a value:\n%s", target, page)
	}
	return page
}

func checkTags(t *testing.T, page string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict = false
	dec.AutoClose = []string{"meta", "link", "input"}
	dec.Entity = xml.HTMLEntity
	ids, links := map[string]bool{}, []string{}
	var open []string
	for {
		token, err := dec.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("page: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if !slices.Contains(dec.AutoClose, x.Name.Local) {
				open = append(open, x.Name.Local)
			}
			for _, a := range x.Attr {
				switch {
				case a.Name.Local == "id" && ids[a.Value]:
					t.Errorf("id %q exists twice", a.Value)
				case a.Name.Local == "id":
					ids[a.Value] = true
				case a.Name.Local == "href" && strings.HasPrefix(a.Value, "#"):
					links = append(links, a.Value[1:])
				case a.Name.Local == "aria-labelledby" || a.Name.Local == "for" || a.Name.Local == "aria-describedby":
					links = append(links, a.Value)
				case strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style":
					t.Errorf("attribute %s on <%s>", a.Name.Local, x.Name.Local)
				}
			}
			if x.Name.Local == "script" && !slices.ContainsFunc(x.Attr, func(a xml.Attr) bool { return a.Name.Local == "src" && strings.HasPrefix(a.Value, "assets/") }) {
				t.Error("there is a script that is not ours")
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != x.Name.Local {
				t.Fatalf("</%s> closes %v", x.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
	for _, l := range links {
		if !ids[l] {
			t.Errorf("reference to %q leads nowhere", l)
		}
	}
}

func contains(t *testing.T, page string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(page, p) {
			t.Errorf("page lacks %q", p)
		}
	}
}

func TestPages(t *testing.T) {
	h := newHandler(t, Options{Status: func() Status {
		st := fixtureStatus()
		st.Problems = []Problem{{Kind: RuleFileProblem, Where: "/rules/bad.yml:3:9", Text: "unknown field", Hint: "did you mean expr?", Runs: "its last good version runs on: 3 rules"}, {Kind: "setting", Text: "not a number"}}
		st.Targets = append(st.Targets, Target{Job: "node", URL: "http://u:secret@node/metrics", Health: Down, LastError: "connection refused", Labels: labels.FromStrings("job", "node", "rack", "b2")})
		st.Alertmanagers = append(st.Alertmanagers, Alertmanager{URL: "https://u:secret@am2", Pending: 7, Dropped: 2, LastRejection: "empty label", LastError: "no such host", NextTry: now.Add(34 * time.Second), LastAttempt: ago(time.Second),
			Undelivered: 3, OldestUndelivered: ago(20 * time.Minute), Late: 4, Restarts: 1, LastRestart: ago(3 * time.Hour), ClockOffset: -2 * time.Hour})
		st.ExternalLabels = labels.FromStrings("engine_id", "AAAA:BBBB", "host", "edge-17")
		st.Dropped = map[string]int{"node": 3, "docker": 0}
		st.RemoteWrites = []RemoteWrite{
			{Name: "central", URL: "https://u:secret@mimir/api/v1/push", Protocol: "2.0", Behind: 3 * time.Hour, LastSuccess: ago(time.Minute), CatchingUp: true, Sent: 1000},
			{Name: "other", URL: "http://vm/write", Protocol: "1.0", LastError: "connection refused by http://u:secret@vm", Lost: 12},
		}
		st.Settings = append(st.Settings, Setting{"ALERTMANAGER_URL", "http://am:9093,https://u:secret@am2", "environment", "alertmanager.url"})
		st.Storage.Trouble = "the disk is full"
		st.Process.Started, st.Process.Written = ago(2*time.Hour), 3<<20
		st.Storage.RetentionBytes = 50 << 20
		st.Clock = Clock{Wall: ago(3 * time.Minute), Ahead: 3 * time.Minute, Slept: 2 * time.Hour, Stepped: -90 * time.Minute}
		return st
	}, Deliveries: func(ls labels.Labels) []api.Delivery {
		return []api.Delivery{{Alertmanager: "https://u:secret@am2", State: api.DeliveryWaiting, WaitingSince: ago(20 * time.Minute), Error: "no such host"}, {Alertmanager: "http://am:9093", State: api.DeliveryTold}}
	}})
	for target, want := range map[string][]string{
		"/": {
			"<title>(1) Tocsin on edge-17</title>",
			"<h1>1 alert firing</h1>",
			"1 alert pending · 3 problems · 1 rule failing · 1 of 2 targets down · 1 of 2 Alertmanagers cannot be reached · 7 notifications waiting",
			"/rules/bad.yml:3:9", "unknown field", "did you mean expr?", "the disk is full",
			"<h3><bdi>Stopped</bdi> <span class=\"badge bad\">critical</span>", "No container",
			`7 min ago</span> <time class="at" datetime="2026-11-22T03:05:40Z">2026-11-22 03:05:40&#43;00:00</time>`,
			`href="graph?g0.expr=running&#43;&#43;%3D%3D&#43;0&amp;g0.tab=1"`, "/rules/docker.yml:4, group docker",
			"Pending <span class=\"count\">1</span>", "in 4 min", "Recently resolved", "41 min", "Tocsin 1.2.3",
			`href="rule?file=%2Frules%2Fdocker.yml&amp;group=docker&amp;rule=Stopped"`,
			`data-expr="running" data-labels="{&#34;alertname&#34;:&#34;Stopped&#34;,`, `data-threshold="0"`,
			`<a href="./" aria-current="page">Alerts <span class="badge bad">1</span></a>`,
			`<a href="deliveries">Deliveries <span class="badge bad">1</span></a>`,
		},
		"/rules":   {"Meanwhile its last good version runs on: 3 rules.", "<title>(1) Rules · Tocsin on edge-17</title>", "/rules/bad.yml:3:9", "did you mean expr?", "<code>/rules/docker.yml:0:0</code></p><p class=\"error\">it broke", "not evaluated yet", "job:up:sum", "1 failing", "1 firing"},
		"/targets": {"connection refused", "b2", "node", "every 15 s", "u:xxxxx@node", "Left out by relabelling: 3 of node."},
		"/deliveries": {"2 lost, 4 reported late", "Refused: empty label", "for 20 min", "restarted 3 h ago", "its clock is 2 h behind ours", "no such host", "next try in 34 s", "u:xxxxx@am2",
			"To be told <span class=\"count\">2</span>", "20 min ago", `data-column="Now">ended`,
			"central", "u:xxxxx@mimir", "catching up", "3 h behind", "protocol 2.0, 1000 samples sent", "12 lost", "connection refused by"},
		"/status": {"not a number", "the disk is full", "3 settings, 2 changed from the default", "5.0 MiB", "1.5 MiB an hour", "running", "1.2.3", "u:xxxxx@am2",
			"time of samples is 3 min ahead", "-1 h 30 min in all", "2 h in all", "AAAA:BBBB", "10 % of the limit"},
	} {
		page := body(t, h, target, http.StatusOK)
		contains(t, page, want...)
		if strings.Contains(page, "secret") {
			t.Errorf("%s shows a password", target)
		}
		if target != "/status" && strings.Contains(page, "AAAA:BBBB") {
			t.Errorf("%s shows the long name of the engine", target)
		}
	}
}

func TestPagesWhenEmpty(t *testing.T) {
	h := newHandler(t, Options{
		Snapshot: func() *engine.Snapshot { return nil },
		Status:   func() Status { return Status{State: Idle} },
	})
	for target, want := range map[string][]string{
		"/":           {"<title>Tocsin</title>", "Not evaluating: waiting for the Docker engine", "No alert is firing"},
		"/rules":      {"No rules are loaded"},
		"/targets":    {"Nothing is scraped"},
		"/deliveries": {"No Alertmanager is configured.", "ALERTMANAGER_URL"},
		"/status":     {"The storage is not open", "No settings are known", "idle"},
	} {
		contains(t, body(t, h, target, http.StatusOK), want...)
	}
}

const hostile = `"><script>alert(1)</script><img src=x onerror='alert(1)'>{{.}}` + "\x00\u2028"

// What others have written is shown as text, wherever it comes from.
func TestHostileTexts(t *testing.T) {
	ls := labels.FromStrings("alertname", hostile, "severity", hostile, "x", hostile)
	h := newHandler(t, Options{
		Snapshot: func() *engine.Snapshot {
			rule := &rules.Rule{Alert: hostile, ExprText: hostile, For: time.Minute, Labels: ls}
			status := engine.RuleStatus{Rule: rule, Health: engine.HealthErr, LastError: hostile, State: alert.Firing}
			for _, state := range []alert.State{alert.Firing, alert.Pending, alert.Inactive} {
				status.Alerts = append(status.Alerts, alert.Alert{
					State: state, Labels: ls, ActiveAt: ago(time.Hour), FiredAt: ago(time.Hour), ResolvedAt: ago(time.Minute),
					Annotations: labels.FromStrings("summary", hostile, "description", hostile, "a", hostile, "runbook_url", "javascript:alert(1)",
						"dashboard", "https://example.com/?a=1&b=\"><script>alert(1)</script>", "other", "data:text/html,<script>alert(1)</script>"),
				})
			}
			return &engine.Snapshot{At: now, Groups: []engine.GroupStatus{{Name: hostile, File: hostile, Rules: []engine.RuleStatus{status}}}}
		},
		Status: func() Status {
			return Status{
				State: Running, Version: hostile, ExternalLabels: labels.FromStrings("host", hostile),
				Problems:      []Problem{{hostile, hostile, hostile, hostile, hostile}},
				Targets:       []Target{{Job: hostile, Instance: hostile, URL: hostile, Health: hostile, LastError: hostile, Labels: ls}},
				Alertmanagers: []Alertmanager{{URL: hostile, LastError: hostile}},
				Dropped:       map[string]int{hostile: 1},
				RemoteWrites:  []RemoteWrite{{Name: hostile, URL: hostile, Protocol: hostile, LastError: hostile}},
				Settings:      []Setting{{hostile, hostile, hostile, hostile}},
				Storage:       Storage{Mode: "disk", Path: hostile, Trouble: hostile},
			}
		},
	})
	all := ""
	for _, target := range []string{"/", "/rules", "/targets", "/deliveries", "/status", "/rule?rule=" + url.QueryEscape(hostile)} {
		page := body(t, h, target, http.StatusOK)
		if strings.Contains(page, "<script>") || strings.Contains(page, "<img") {
			t.Errorf("%s: markup came through", target)
		}
		for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if !ownLink.MatchString(m[1]) {
				t.Errorf("%s: link to %q", target, m[1])
			}
		}
		all += page
	}
	contains(t, all, "javascript:alert(1)", "data:text/html,")
}

// ownLink is what the links of pages may be: ours, relative, or what an annotation
// with a web address has.
var ownLink = regexp.MustCompile(`^(#[a-z]+|\./|(graph|rule|history)\?[^"]*|runbooks/[A-Za-z]+\.md|(rules|graph|history|targets|deliveries|status|metrics)|api/v1/(alerts|rules)|assets/[0-9a-f]+/style\.css|data:image/svg(\+|&#43;)xml,.*|https://example\.com/\?a=1&amp;b=.*)$`)

// A thousand alerts make a page of bounded size that says what it leaves out.
func TestPageIsBounded(t *testing.T) {
	h := newHandler(t, Options{Snapshot: func() *engine.Snapshot {
		s := fixture()
		var many []alert.Alert
		for i := range 1000 {
			many = append(many, alert.Alert{State: alert.Firing, FiredAt: now, Labels: labels.FromStrings("alertname", "Many", "i", fmt.Sprint(i), "long", strings.Repeat("x", 1<<16))})
		}
		s.Groups[0].Rules[0].Alerts = many
		return s
	}})
	page := body(t, h, "/", http.StatusOK)
	contains(t, page, "1000 alerts firing", "The first 100 of 1000", `href="./?page=1&amp;state=firing"`)
	contains(t, body(t, h, "/?state=firing&page=10", http.StatusOK), "901 to 1000 of 1000", `href="./?page=9&amp;state=firing" rel="prev"`)
	contains(t, body(t, h, "/?state=firing&page=99", http.StatusOK), "901 to 1000 of 1000")
	if len(page) > 1<<20 {
		t.Errorf("page of %d bytes", len(page))
	}
}

// A held alert says so in the API and on the page.
func TestHeldAlert(t *testing.T) {
	h := newHandler(t, Options{Snapshot: func() *engine.Snapshot {
		s := fixture()
		s.Groups[0].Rules[0].Alerts[0].HeldSince = ago(3 * time.Minute)
		return s
	}})
	contains(t, body(t, h, "/", http.StatusOK), `<span class="badge neutral">held</span> <a`, "Held since", "3 min ago", "1 alert held")
	page := body(t, h, "/?state=held", http.StatusOK)
	contains(t, page, `<option value="held" selected>`, `Held <span class="count">1</span>`, "No container")
	if n := strings.Count(page, "<article"); n != 1 || strings.Contains(page, `id="firing"`) || strings.Contains(page, `id="pending"`) {
		t.Errorf("%d alerts among those that are held, want 1:\n%s", n, page)
	}
	contains(t, body(t, h, "/?state=held&q=severity=none", http.StatusOK), "No alert that matches the filter is held.")
	contains(t, body(t, newHandler(t, Options{}), "/?state=held", http.StatusOK), "No alert is held.")
	// A state that there is not hides nothing.
	contains(t, body(t, h, "/?state=fireing", http.StatusOK), `id="firing"`, `id="pending"`, "<article")
	contains(t, get(h, "/api/v1/alerts").Body.String(), `"value":"0e+00","heldSince":"2026-11-22T03:09:40Z"}`)
}

func TestAlertOrder(t *testing.T) {
	s := fixture()
	add := func(name, severity string, since time.Duration) {
		s.Groups[0].Rules[0].Alerts = append(s.Groups[0].Rules[0].Alerts, alert.Alert{
			State: alert.Firing, FiredAt: ago(since), Labels: labels.FromStrings("alertname", name, "severity", severity),
		})
	}
	s.Groups[0].Rules[0].Alerts = nil
	add("info", "info", time.Minute)
	add("watchdog", "none", time.Minute)
	add("old warning", "warning", time.Hour)
	add("new warning", "warning", time.Minute)
	add("unknown word", "spicy", 2*time.Hour)
	add("no severity", "", 3*time.Hour)
	add("high", "high", 4*time.Hour)
	add("old critical", "Critical", 5*time.Hour)
	l := newAlertLists(s, now)
	var got []string
	for _, a := range l.firing {
		got = append(got, a.alert.Labels.Get("alertname"))
	}
	want := []string{"old critical", "high", "new warning", "old warning", "unknown word", "no severity", "info"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(l.quiet) != 1 || l.quiet[0].alert.Labels.Get("alertname") != "watchdog" {
		t.Errorf("quiet: %v", l.quiet)
	}
}

func TestHeadline(t *testing.T) {
	snapshot := func(at time.Time) *engine.Snapshot {
		s := fixture()
		s.At = at
		return s
	}
	well := facts{groups: 2, rules: 3, targets: 1, up: 1, alertmanagers: 1}
	with := func(change func(*facts)) facts {
		f := well
		change(&f)
		return f
	}
	running := Status{State: Running, Since: ago(time.Hour)}
	for _, tt := range []struct {
		name   string
		status Status
		at     time.Time
		facts  facts
		want   headline
	}{
		{"well", running, ago(time.Second), well, headline{toneGood, "Nothing fires", "3 rules in 2 groups, 1 target up"}},
		{"nobody told", running, now, with(func(f *facts) { f.alertmanagers = 0 }), headline{toneGood, "Nothing fires", "Nobody is notified: no Alertmanager is configured"}},
		{"attention", running, now, with(func(f *facts) { f.problems = 1 }), headline{toneWarn, "Nothing fires, but something needs attention", "1 problem"}},
		{"one", running, now, with(func(f *facts) { f.firing = 1 }), headline{toneWarn, "1 alert firing", "3 rules in 2 groups, 1 target up"}},
		{"critical", running, now, with(func(f *facts) { f.firing, f.critical, f.pending = 2, true, 1 }), headline{toneBad, "2 alerts firing", "1 alert pending"}},
		{"idle", Status{State: Idle}, time.Time{}, with(func(f *facts) { f.down = 1 }), headline{toneNeutral, "Not evaluating: waiting for the Docker engine", "1 of 1 target down"}},
		{"paused", Status{State: Paused, Since: ago(12 * time.Minute)}, now, with(func(f *facts) { f.firing = 2 }), headline{toneBad, "Not evaluating: paused for 12 min", "Since 2026-11-22 03:00:40+00:00 · 2 alerts firing when it stopped"}},
		{"no rules", running, now, facts{targets: 1, up: 1, alertmanagers: 1}, headline{toneBad, "Not evaluating: no rules are loaded", "0 rules in 0 groups, 1 target up"}},
		{"just started", Status{State: Running, Since: ago(time.Second)}, time.Time{}, well, headline{toneNeutral, "Not evaluating: just started, the first evaluation is to come", "3 rules in 2 groups, 1 target up"}},
		{"just resumed", Status{State: Running, Since: ago(10 * time.Second)}, ago(time.Hour), well, headline{toneNeutral, "Not evaluating: just started, the first evaluation is to come", "3 rules in 2 groups, 1 target up"}},
		{"never", running, time.Time{}, well, headline{toneBad, "Not evaluating: no evaluation since the start 1 h ago", "3 rules in 2 groups, 1 target up"}},
		{"late", running, ago(76 * time.Second), well, headline{toneBad, "Not evaluating: the last evaluation was 1 min ago", "3 rules in 2 groups, 1 target up"}},
		{"not yet late", running, ago(75 * time.Second), well, headline{toneGood, "Nothing fires", "3 rules in 2 groups, 1 target up"}},
	} {
		if diff := cmp.Diff(tt.want, newHeadline(&tt.status, snapshot(tt.at), tt.facts, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
