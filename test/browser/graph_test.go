package browser

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// sample is a series as a page shows it, or an answer of the API has it: its labels
// but for the name, and a value.
type sample struct {
	Labels map[string]string
	Value  float64
}

func sorted(list []sample) []sample {
	slices.SortFunc(list, func(a, b sample) int { return strings.Compare(fmt.Sprint(a.Labels), fmt.Sprint(b.Labels)) })
	return list
}

// samples are the rows of the result, with the value in the column of a name.
func (b *tab) samples(column string) []sample {
	b.t.Helper()
	return sorted(eval[[]sample](b, fmt.Sprintf(`[...document.querySelectorAll("[aria-labelledby=result] tbody tr")].map((row) => ({
		labels: Object.fromEntries([...row.querySelectorAll(".chips li")].map((li) => [li.querySelector(".key").textContent, li.lastChild.data])),
		value: Number(row.querySelector("td[data-column=%s]").textContent),
	}))`, column)))
}

func number(t *testing.T, v any) float64 {
	t.Helper()
	text, _ := v.(string)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("value %v is no number", v)
	}
	return f
}

const ratioExpr = "disk_used_bytes / disk_size_bytes"

func TestGraphTableIsThatOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/graph?g0.expr=" + url.QueryEscape(ratioExpr))
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := s.api("query?query="+url.QueryEscape(ratioExpr), &data); err != nil {
		t.Fatal(err)
	}
	var want []sample
	for _, r := range data.Result {
		want = append(want, sample{r.Metric, number(t, r.Value[1])})
	}
	if diff := cmp.Diff(sorted(want), b.samples("Value")); diff != "" || len(want) != 2 {
		t.Errorf("result (-API +page):\n%s", diff)
	}
}

func TestGraphChartIsThatOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/graph?g0.tab=0&g0.range_input=30m&g0.expr=" + url.QueryEscape(ratioExpr))
	b.until("the chart is drawn", `document.querySelector("#chart canvas")`)
	frame := eval[map[string]string](b, `({...document.querySelector("#chart").dataset})`)
	start, steps, step := number(t, frame["start"]), number(t, frame["steps"]), number(t, frame["step"])
	if span := steps * step; span > 1800 || span < 1800-step {
		t.Errorf("the chart spans %v seconds, want half an hour", span)
	}
	var data struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any
		}
	}
	form := url.Values{"query": {ratioExpr}, "start": {frame["start"]}, "end": {strconv.FormatFloat(start+steps*step, 'f', -1, 64)}, "step": {frame["step"]}}
	if err := s.api("query_range?"+form.Encode(), &data); err != nil {
		t.Fatal(err)
	}
	var least, last []sample
	for _, r := range data.Result {
		lo := number(t, r.Values[0][1])
		for _, v := range r.Values {
			lo = min(lo, number(t, v[1]))
		}
		least = append(least, sample{r.Metric, lo})
		last = append(last, sample{r.Metric, number(t, r.Values[len(r.Values)-1][1])})
	}
	near := cmp.Comparer(func(x, y float64) bool { return x-y < 1e-4*x && y-x < 1e-4*x })
	for column, want := range map[string][]sample{"Min": least, "Last": last} {
		if diff := cmp.Diff(sorted(want), b.samples(column), near); diff != "" || len(want) != 2 {
			t.Errorf("%s (-API +page):\n%s", column, diff)
		}
	}
	// It is told to those who do not see it, and read with the keyboard.
	b.until("the chart says what it shows", `document.querySelector("#chart [role=img]").getAttribute("aria-label").includes("in 2 series")`)
	b.do(chromedp.Focus(chromedp.CSS("#chart input[type=range]")), chromedp.KeyEvent(kb.Home))
	b.until("the table has the values of the first moment", `/^\d{4}-\d\d-\d\d /.test(document.querySelector("#here").textContent)`)
	b.size(360, 800)
	b.until("it fits a phone", `document.scrollingElement.scrollWidth <= innerWidth`)
	b.size(1280, 800)
	b.until("it has grown with the window", `document.querySelector("#chart .u-over").getBoundingClientRect().width > 800`)

	// Marking a part of it shows that part, and its address is all that this takes.
	box := eval[struct{ X, Y, Width, Height float64 }](b, `document.querySelector("#chart .u-over").getBoundingClientRect().toJSON()`)
	y := box.Y + box.Height/2
	from, to := box.X+box.Width*0.5, box.X+box.Width*0.75
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, from, y), chromedp.MouseEvent(chromedp.MousePressed, from, y, chromedp.ButtonLeft),
		chromedp.MouseEvent(chromedp.MouseMoved, to, y, chromedp.ButtonLeft))
	b.until("it is marked", fmt.Sprintf(`Math.abs(document.querySelector("#chart .u-select").getBoundingClientRect().width - %f) < 5`, to-from))
	b.do(chromedp.MouseEvent(chromedp.MouseReleased, to, y, chromedp.ButtonLeft))
	b.until("a part of it is shown", `new URLSearchParams(location.search).get("g0.range_input") !== "30m" && document.querySelector("#chart canvas")`)
	if got := b.query(); got.Get("g0.expr") != ratioExpr || !strings.HasSuffix(got.Get("g0.range_input"), "s") || got.Get("g0.moment_input") == "" {
		t.Errorf("address %v", got)
	}
	if got := eval[float64](b, `document.querySelector("#chart").dataset.steps * document.querySelector("#chart").dataset.step`); got < 300 || got > 600 {
		t.Errorf("a quarter of half an hour spans %v seconds", got)
	}
}

func TestGraphCompletes(t *testing.T) {
	b := demoTab(t)
	b.open("/graph")
	offered := `[...document.querySelectorAll("#completion:not([hidden]) li")].map((li) => li.firstChild.data)`
	value := func(want string) {
		t.Helper()
		b.until("the field has "+want, fmt.Sprintf(`document.querySelector("#expr").value === %s`, quoted(want)))
	}
	b.do(chromedp.Focus(chromedp.CSS("#expr")), chromedp.KeyEvent("disk_us"))
	b.until("a metric is offered", offered+`[0] === "disk_used_bytes"`)
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.enter()
	value("disk_used_bytes")
	b.do(chromedp.KeyEvent("{mo"))
	b.until("a label is offered", offered+`[0] === "mount"`)
	b.do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Tab))
	value("disk_used_bytes{mount")
	b.do(chromedp.KeyEvent(`="/v`))
	b.until("a value is offered", offered+`[0] === "/var/lib/docker"`)
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.enter()
	b.do(chromedp.KeyEvent(`"}`))
	b.enter()
	b.until("it is evaluated", `document.querySelector("[aria-labelledby=result] tbody tr")`)
	const want = `disk_used_bytes{mount="/var/lib/docker"}`
	value(want)
	if got := b.query().Get("g0.expr"); got != want {
		t.Errorf("the address has the expression %q", got)
	}
	if got := b.samples("Value"); len(got) != 1 || got[0].Labels["mount"] != "/var/lib/docker" {
		t.Errorf("result: %v", got)
	}
	// Escape closes the suggestions, and leaves what is typed.
	b.open("/graph")
	b.do(chromedp.Focus(chromedp.CSS("#expr")), chromedp.KeyEvent("ra"))
	b.until("functions are offered", offered+`.includes("rate")`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until("nothing is offered", offered+`.length === 0`)
	value("ra")
}

func TestHistoryIsThatOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	b.open("/history")
	names := `[...document.querySelectorAll("article.past h3")].map((h) => h.firstChild.data.trim()).sort()`
	var series []map[string]string
	if err := s.api("series?match[]=ALERTS", &series); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, labels := range series {
		want = append(want, labels["alertname"])
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if diff := cmp.Diff(want, eval[[]string](b, names)); diff != "" || len(want) < 6 {
		t.Errorf("alerts (-API +page):\n%s", diff)
	}
	incidents := func(name string) string {
		return eval[string](b, fmt.Sprintf(`[...[...document.querySelectorAll("article.past")].find((a) => a.querySelector("h3").firstChild.data.trim() === %q).querySelectorAll(".incidents")].map((l) => l.textContent).join()`, name))
	}
	if got := incidents("DiskAlmostFull"); !strings.Contains(got, "since ") || strings.Contains(got, " to ") {
		t.Errorf("what fires has no open end: %q", got)
	}
	if got := incidents("ContainerRestarts"); !strings.Contains(got, "since ") || !strings.Contains(got, " to ") {
		t.Errorf("what has ended has no end: %q", got)
	}
	b.typeInto("#q", "team=storage"+kb.Enter)
	b.until("only the team's alerts are shown", names+`.join() === "DiskAlmostFull,DiskWearsOut"`)
	if got := b.query().Get("q"); got != "team=storage" {
		t.Errorf("the address has the filter %q", got)
	}
}
