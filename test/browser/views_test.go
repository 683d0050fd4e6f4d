package browser

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pages are all there are, but for those about one thing; demoPages are these of the
// demo too, with errors and results.
var (
	pages     = []string{"/", "/rules", "/graph", "/history", "/targets", "/deliveries", "/status"}
	demoPages = append([]string{
		"/?q=%28", "/?state=pending", "/rule?rule=DiskAlmostFull", "/rule?rule=UplinkSlow", "/rule?rule=Nobody",
		"/graph?g0.expr=disk_used_bytes", "/graph?g0.expr=disk_used_bytes%28",
		"/graph?g0.tab=0&g0.range_input=1h&g0.expr=disk_used_bytes", "/history?q=%28", "/history?q=nothing",
	}, pages...)
)

// cards is how a page of alerts reads: its sections, and in these the alerts.
const cards = `[...document.querySelectorAll("article.card")].map((c) => ({
	section: c.closest("details")?.id || c.closest("section").getAttribute("aria-labelledby"),
	name: c.querySelector("h3 bdi").textContent,
	badges: [...c.querySelectorAll("h3 .badge")].map((b) => b.textContent),
	summary: c.querySelector(".summary")?.textContent || "",
	labels: Object.fromEntries([...c.querySelectorAll(".chips li")].map((li) => [li.querySelector(".key").textContent, li.lastChild.data])),
	value: [...c.querySelectorAll("dt")].find((d) => d.textContent === "Value")?.nextElementSibling.textContent,
}))`

type card struct {
	Section, Name, Summary, Value string
	Badges                        []string
	Labels                        map[string]string
}

func (c card) key() string { return c.Name + fmt.Sprint(c.Labels) }

func TestAlertsAreThoseOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/")
	got := eval[[]card](b, cards)
	alerts, err := s.alerts()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(alerts) {
		t.Errorf("%d alerts on the page, %d in the API", len(got), len(alerts))
	}
	for _, a := range alerts {
		want := card{Name: a.Labels["alertname"], Summary: a.Annotations["summary"], Section: a.State, Badges: []string{a.Labels["severity"]}, Labels: a.Labels}
		if a.Labels["severity"] == "none" {
			want.Section = "quiet"
		}
		if a.HeldSince != nil {
			want.Badges = append(want.Badges, "held")
		}
		delete(want.Labels, "alertname")
		delete(want.Labels, "severity")
		i := slices.IndexFunc(got, func(c card) bool { return c.key() == want.key() })
		if i < 0 {
			t.Errorf("%s is not on the page", want.key())
			continue
		}
		onPage, _ := strconv.ParseFloat(got[i].Value, 64)
		inAPI, _ := strconv.ParseFloat(a.Value, 64)
		if diff := onPage/inAPI - 1; diff < -1e-3 || diff > 1e-3 {
			t.Errorf("%s: value %q, and %q in the API", want.key(), got[i].Value, a.Value)
		}
		got[i].Value = ""
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("alert (-API +page):\n%s", diff)
		}
	}
	if got := eval[string](b, `document.querySelector("[aria-labelledby=resolved] tbody").textContent`); !strings.Contains(got, "ContainerRestarts") || !strings.Contains(got, "gateway") {
		t.Errorf("what has ended is not among the resolved: %q", got)
	}
	if got, want := eval[string](b, `document.querySelector("h1").textContent`), "4 alerts firing"; got != want {
		t.Errorf("headline %q, want %q", got, want)
	}
	if got := eval[string](b, `document.title`); !strings.HasPrefix(got, "(4) ") {
		t.Errorf("title %q does not say how many fire", got)
	}
}

func TestRulesAreThoseOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/rules")
	type rule struct{ File, Group, Name, Expr, State, Error string }
	got := eval[[]rule](b, `[...document.querySelectorAll("details tbody tr")].map((row) => {
		const details = row.closest("details");
		let file = details;
		while (!file.matches("h3.file")) file = file.previousElementSibling;
		return {
			file: file.textContent, group: details.querySelector(".name").textContent,
			name: row.querySelector("th a").textContent, expr: row.querySelector("code").textContent,
			state: row.querySelector(".badge").textContent, error: row.querySelector(".error")?.textContent || "",
		};
	})`)
	groups, err := s.groups()
	if err != nil {
		t.Fatal(err)
	}
	var want []rule
	for _, g := range groups {
		for _, r := range g.Rules {
			x := rule{g.File, g.Name, r.Name, r.Query, r.State, r.LastError}
			switch {
			case r.Health == "err":
				x.State = "failing"
			case r.Type == "recording":
				x.State = "recording"
			}
			want = append(want, x)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-API +page):\n%s", diff)
	}
	if len(want) != 7 || !slices.ContainsFunc(want, func(r rule) bool { return r.State == "failing" && r.Error != "" }) {
		t.Errorf("the demo is not as it should be: %+v", want)
	}
	if got := eval[string](b, `document.querySelector("[aria-labelledby=rejected]").innerText`); !strings.Contains(got, "broken.yml:5:") {
		t.Errorf("the rejected file is not named with its place: %q", got)
	}
}

func TestTargetsAreThoseOfTheAPI(t *testing.T) {
	s := newStation(t, map[string]string{"a.yml": oneRule})
	b := newTab(t, s.url)
	compare := func() {
		t.Helper()
		b.open("/targets")
		got := eval[[]string](b, `[...document.querySelectorAll("tbody tr")].map((row) => [row.querySelector("th").firstChild.data, row.querySelector(".sub").textContent, row.querySelector(".badge").textContent, row.querySelector(".error")?.textContent || ""].join(" | "))`)
		var data struct {
			ActiveTargets []struct {
				Labels                       map[string]string
				ScrapeURL, Health, LastError string
			}
		}
		if err := s.api("targets", &data); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, x := range data.ActiveTargets {
			want = append(want, strings.Join([]string{x.Labels["job"] + " / " + x.Labels["instance"], x.ScrapeURL, x.Health, x.LastError}, " | "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("targets (-API +page):\n%s", diff)
		}
	}
	compare()
	s.target.fail(true)
	b.open("/targets")
	b.until("a target that answers with an error is down", `document.querySelector("tbody .badge.bad")?.textContent === "down"`)
	compare()
	if got := eval[string](b, `document.querySelector("[href=targets] .badge").textContent`); got != "1" {
		t.Errorf("the navigation counts %q targets down, want 1", got)
	}
}

func TestDeliveriesAreThoseOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/deliveries")
	const table = `document.querySelector("[aria-label=Alertmanagers]")`
	b.until("delivery to the one that is there", `[...`+table+`.querySelectorAll("tbody .badge")].some((x) => x.textContent === "delivering")`)
	got := eval[[]string](b, `[...`+table+`.querySelectorAll("tbody th")].map((th) => th.firstChild.data)`)
	var data struct{ ActiveAlertmanagers []struct{ URL string } }
	if err := s.api("alertmanagers", &data); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(data.ActiveAlertmanagers) != 2 {
		t.Fatalf("Alertmanagers %v on the page, %v in the API, want 2", got, data.ActiveAlertmanagers)
	}
	for i, a := range data.ActiveAlertmanagers {
		_, address, _ := strings.Cut(a.URL, "://")
		if host, _, _ := strings.Cut(address, "/"); !strings.Contains(got[i], host) {
			t.Errorf("Alertmanager %q on the page, %q in the API", got[i], a.URL)
		}
	}
	failing := `[...` + table + `.querySelectorAll("tbody tr")].find((row) => row.querySelector(".badge.bad"))`
	if got := eval[string](b, failing+`.innerText`); !strings.Contains(got, "refused") || !strings.Contains(got, "next try") {
		t.Errorf("the one that is not there has no reason or no next try: %q", got)
	}

	waiting := eval[[]string](b, `[...document.querySelectorAll("[aria-labelledby=waiting] tbody tr")].map((row) => row.querySelector("a").textContent + " " + row.querySelector("[data-column=Alertmanager]").firstChild.data.trim())`)
	var alerts []struct {
		Name       string
		Deliveries []struct{ Alertmanager, State string }
	}
	if err := s.api("tocsin/alerts", &alerts); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, a := range alerts {
		for _, d := range a.Deliveries {
			if d.State == "waiting" {
				want = append(want, a.Name+" "+d.Alertmanager)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(waiting)
	if diff := cmp.Diff(want, waiting); diff != "" || len(want) == 0 {
		t.Errorf("what waits to be told (-API +page):\n%s", diff)
	}
}

func TestStatusIsThatOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/status")
	got := eval[[]string](b, `[...document.querySelectorAll("#settings-table tbody tr")].map((row) => row.querySelector("td").textContent)`)
	var want map[string]string
	if err := s.api("status/flags", &want); err != nil {
		t.Fatal(err)
	}
	if len(got) < 20 || len(got) != len(want) {
		t.Errorf("%d settings on the page, %d in the API", len(got), len(want))
	}
	for name, value := range want {
		if value == "" {
			value = "none"
		}
		if !slices.Contains(got, value) {
			t.Errorf("setting %s: no value %q on the page", name, value)
		}
	}
	var build struct{ TocsinVersion string }
	if err := s.api("status/buildinfo", &build); err != nil {
		t.Fatal(err)
	}
	if got := eval[string](b, `document.querySelector("#main").innerText`); !strings.Contains(got, build.TocsinVersion) || build.TocsinVersion == "" {
		t.Errorf("no version %q on the page:\n%s", build.TocsinVersion, got)
	}
}

func TestSecretsAreOnNoPage(t *testing.T) {
	s := demoStation(t)
	for _, path := range append(slices.Clone(pages), "/rule?rule=DiskAlmostFull", "/api/v1/explain?rule=DiskAlmostFull", "/api/v1/tocsin/status", "/api/v1/tocsin/alerts", "/metrics", "/api/v1/alertmanagers", "/api/v1/status/flags", "/api/v1/status/config") {
		body, err := get(s.url + path)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(string(body), secret) {
			t.Errorf("%s has the password of a setting", path)
		}
	}
}
