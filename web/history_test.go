package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/engine"
	"github.com/tocsin/tocsin/rules"
)

// newPast is a handler over what was recorded each minute of 24 hours, at the end
// of them. In the text HOLE is a stop from 10:00 to 11:00.
func newPast(t *testing.T, series string, opts Options) *Handler {
	t.Helper()
	load := "load 1m\n  up 1x600 _x59 1x780\n"
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			load += "  " + strings.ReplaceAll(line, "HOLE", "_x59") + "\n"
		}
	}
	opts.Queryable = promqltest.LoadedStorage(t, load)
	opts.Now = func() time.Time { return time.Unix(24*3600, 0) }
	if opts.Status == nil {
		opts.Status = func() Status {
			st := fixtureStatus()
			st.Targets[0].Interval = time.Minute
			return st
		}
	}
	return newHandler(t, opts)
}

// Stopped fired from 09:30 on over the stop until 12:00, and from 23:00 on; it was
// pending 10 minutes before each, and at 02:00 only.
const past = `
	ALERTS_FOR_STATE{alertname="Stopped",job="a",severity="critical"} _x120 7200x5 stale _x433 33600x40 HOLE 33600x60 stale _x648 82200x70
	ALERTS{alertname="Stopped",job="a",severity="critical",alertstate="firing"} _x570 1x30 HOLE 1x60 stale _x658 1x60
	ALERTS_FOR_STATE{alertname="Gone",job="b"} _x60 3600x60 stale
	ALERTS{alertname="Gone",job="b",alertstate="firing"} _x60 1x60 stale
	ALERTS_FOR_STATE{alertname="Watchdog",severity="none"} 0x600 HOLE 0x780
	ALERTS{alertname="Watchdog",severity="none",alertstate="firing"} 1x600 HOLE 1x780`

func TestHistory(t *testing.T) {
	h := newPast(t, past, Options{})
	page := body(t, h, "/history", http.StatusOK)
	contains(t, page,
		`<a href="history" aria-current="page">History</a>`, `<option value="24h" selected>24 hours</option>`,
		"Alerts fired 3 times, 4 h 32 min in all, only pending once", // without what fires by design
		`Stopped <a class="why" href="rule?file=%2Frules%2Fdocker.yml&amp;group=docker&amp;rule=Stopped"`,
		`<span class="badge bad">critical</span>`, `<span class="key">job</span>a`,
		"<summary>fired 2 times, 3 h 31 min in all, only pending once</summary>",
		`<span class="state">firing</span> since 1970-01-01 23:00:00&#43;00:00, 1 h, after 10 min pending`,
		`<span class="state">firing</span> 1970-01-01 09:30:00&#43;00:00 to 1970-01-01 12:01:00&#43;00:00, 2 h 31 min, after 10 min pending`,
		`<span class="state">pending</span> 1970-01-01 02:00:00&#43;00:00 to 1970-01-01 02:06:00&#43;00:00`,
		"<title>Not evaluated from 1970-01-01 10:00:00&#43;00:00 to 1970-01-01 11:00:00&#43;00:00 (1 h)</title>",
		`<rect class="bar bad" x="39.58%" width="10.49%"><title>Firing from 1970-01-01 09:30:00&#43;00:00 to 1970-01-01 12:01:00&#43;00:00 (2 h 31 min)</title>`,
		`<rect class="bar pending bad"`, `<text x="25.00%" y="14">06:00</text>`,
		`<h3>Gone</h3>`, // no rule has the name any more
		"fired once, 1 h 1 min in all",
	)
	if at := strings.Index; at(page, "<h3>Stopped") > at(page, "<h3>Gone") || at(page, "<h3>Gone") > at(page, "<h3>Watchdog") {
		t.Error("what fires is not in front, or what always does not at the end")
	}
	for _, link := range regexp.MustCompile(`href="(graph[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ownLink.MatchString(link[1]) {
			t.Errorf("link %q", link[1])
		}
	}
	contains(t, page, `graph?g0.expr=running&#43;&#43;%3D%3D&#43;0&amp;g0.moment_input=1970-01-01&#43;13%3A10%3A40&amp;g0.range_input=6h&amp;g0.tab=0`)
}

// The history agrees with what the API says was firing.
func TestHistoryAgreesWithTheAPI(t *testing.T) {
	h := newPast(t, past, Options{})
	h.opts.Query = engine.New(engine.Options{Queryable: h.opts.Queryable}).Execute
	answer := get(h, "/api/v1/query?"+url.Values{
		"query": {`count_over_time(ALERTS{alertname="Gone",alertstate="firing"}[1d])`}, "time": {"86400"},
	}.Encode()).Body.String()
	contains(t, answer, `"61"`)
	contains(t, body(t, h, "/history?q=alertname%3DGone", http.StatusOK), "Alerts fired once, 1 h 1 min in all")
}

func TestHistoryFilters(t *testing.T) {
	h := newPast(t, past, Options{})
	for query, want := range map[string][]string{
		"?q=job%3Db":                 {"<h3>Gone</h3>", "Alerts fired once"},
		"?q=CRIT":                    {"<h3>Stopped", "Alerts fired 2 times"},
		"?q=for_state":               {"No alert that matches the filter was active"},
		"?q=job%3Db+nothing":         {"No alert that matches the filter was active", `value="job=b nothing"`},
		"?range=6h":                  {"<h3>Stopped", "Alerts fired once, 1 h in all", `<text x="16.67%" y="14">19:00</text>`},
		"?range=7d&q=job%3D~%22a%22": {"<h3>Stopped", "Not evaluated: 2 times"}, // nothing was before 1970 either
	} {
		page := body(t, h, "/history"+query, http.StatusOK)
		contains(t, page, want...)
		if strings.Contains(page, "<h3>Watchdog") {
			if strings.Contains(query, "q=") {
				t.Errorf("%s: the filter lets all pass", query)
			}
		}
	}
	for query, want := range map[string]string{
		"?q=x%3D~(": "missing closing )", "?range=2h": "is none of 6h, 24h, 3d and 7d", "?range=%3Cb%3E": "&#34;&lt;b&gt;&#34; is none of",
	} {
		if page := body(t, h, "/history"+query, http.StatusBadRequest); !strings.Contains(page, want) || strings.Contains(page, "<svg") {
			t.Errorf("%s: %s", query, page)
		}
	}
}

// Where a page costs a query, scripts ask for its frame alone.
func TestFramesCostNothing(t *testing.T) {
	h := newHandler(t, Options{Query: failing(ErrUnavailable)}) // and there is no storage
	for _, target := range []string{"/history?range=7d", "/graph?g0.expr=up"} {
		page := body(t, h, target, http.StatusServiceUnavailable)
		contains(t, page, "There is no storage to query")
		still := regexp.MustCompile(`<body[^>]* data-still="([^"]*)"`).FindStringSubmatch(page)
		if still == nil {
			t.Fatalf("%s names no frame", target)
		}
		frame := body(t, h, "/"+still[1], http.StatusOK)
		nav := regexp.MustCompile(`(?s)<nav aria-label="Pages".*?</nav>`)
		if got, want := nav.FindString(frame), nav.FindString(page); got != want || got == "" {
			t.Errorf("%s: frame %q, want %q", target, got, want)
		}
	}
}

func TestHistoryWithoutScrapes(t *testing.T) {
	h := newHandler(t, Options{
		Queryable: promqltest.LoadedStorage(t, "load 1m\n  ALERTS_FOR_STATE{alertname=\"A\"} 0x10 stale"),
		Now:       func() time.Time { return time.Unix(3600, 0) },
		Status:    func() Status { return Status{State: Running} },
	})
	contains(t, body(t, h, "/history", http.StatusOK), "Nothing is scraped, so nothing tells when Tocsin did not run", "pending once, never fired")
}

// Texts of others are text in pictures too.
func TestHistoryShowsHostileTexts(t *testing.T) {
	name := `"><script>alert(1)</script>`
	h := newPast(t, fmt.Sprintf("ALERTS_FOR_STATE{alertname=%q,severity=%q,x=%q} 0x1440\nALERTS{alertname=%q,severity=%q,x=%q,alertstate=\"firing\"} 0x1440", name, name, name, name, name, name), Options{
		Snapshot: func() *engine.Snapshot {
			rule := &rules.Rule{Alert: name, ExprText: name}
			return &engine.Snapshot{Groups: []engine.GroupStatus{{Name: name, File: name, Rules: []engine.RuleStatus{{Rule: rule, State: alert.Firing}}}}}
		},
	})
	page := body(t, h, "/history", http.StatusOK)
	contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;", "fired once")
	if strings.Contains(page, "<script>") {
		t.Error("markup came through")
	}
	for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ownLink.MatchString(m[1]) {
			t.Errorf("link to %q", m[1])
		}
	}
}

// Many alerts that come and go all the time make a page of bounded size, which says
// what it leaves out.
func TestHistoryIsBounded(t *testing.T) {
	var series strings.Builder
	flaps := ""
	for i := range 200 {
		flaps += fmt.Sprintf("%dx3 stale _ _ ", i)
	}
	for i := range maxLanes + 20 {
		fmt.Fprintf(&series, "ALERTS_FOR_STATE{alertname=\"Flaps\",i=\"%d\",long=\"%s\"} %s\n", i, strings.Repeat("x", 1<<12), flaps)
	}
	h := newPast(t, series.String(), Options{})
	page := body(t, h, "/history", http.StatusOK)
	contains(t, page, "20 more alerts are not shown: use the filter", "pending 200 times, never fired", "195 earlier", "Pending ")
	if len(page) > 1<<20 {
		t.Errorf("page of %d bytes", len(page))
	}
	if n := strings.Count(page, `class="bar`); n > maxBars || n < maxLanes {
		t.Errorf("%d bars", n)
	}
}
