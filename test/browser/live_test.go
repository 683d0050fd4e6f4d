package browser

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tocsin/tocsin/test/internal/process"
)

// oneRule has one alert for each zone.
const oneRule = `groups:
- name: one
  rules:
  - alert: Alarm
    expr: alarm > 0
    labels: {severity: critical}
    annotations: {summary: 'zone {{ $labels.zone }}'}
  - alert: Watchdog
    expr: vector(1)
    labels: {severity: none}
    annotations: {summary: for every zone}
`

// alarm begins or ends the alert of a zone.
func (s *station) alarm(zone string, value float64) {
	s.target.set(map[string]float64{fmt.Sprintf("alarm{zone=%q}", zone): value})
}

// cardOf is the alert of a zone on the page, or null.
func cardOf(zone string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("[aria-labelledby=firing] > article")].find((c) => c.querySelector(".summary").textContent === "zone %s")`, zone)
}

const headlineText = `document.querySelector("h1").textContent`

func TestAlertComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	b := newTab(t, s.url)
	b.open("/")
	b.until("nothing fires", headlineText+` === "Nothing fires"`)
	eval[any](b, `window.mark = 1`)
	s.alarm("yard", 1)
	b.until("it appears", cardOf("yard"))
	b.until("the headline says so", headlineText+` === "1 alert firing"`)
	b.until("the title says so", `document.title.startsWith("(1) ")`)
	b.until("a screen reader is told", `document.querySelector("#news").textContent === "1 alert firing"`)
	b.until("the navigation counts it", `document.querySelector("nav a[aria-current] .badge").textContent === "1"`)
	b.until("its value over time is drawn, and told", cardOf("yard")+`.querySelector("figure [role=img]")?.getAttribute("aria-label").includes("last 1")`)
	s.alarm("yard", 0)
	b.until("it is gone from those that fire", `!`+cardOf("yard"))
	b.until("it is among the resolved", `document.querySelector("[aria-labelledby=resolved] tbody")?.textContent.includes("yard")`)
	b.until("nothing fires again", headlineText+` === "Nothing fires"`)
	if eval[int](b, `window.mark || 0`) != 1 {
		t.Error("the page was loaded anew")
	}
	b.isAsIfLoadedAnew()
}

// outline is what a page consists of, but for what scripts have made of its charts.
const outline = `((page) => [...page.querySelectorAll("main *")].filter((e) => !e.parentElement.closest("figure"))
	.map((e) => e.localName + "#" + e.id + "." + e.className).join("\n"))`

// isAsIfLoadedAnew checks that many small changes have led to the page that one who
// comes now is served.
func (b *tab) isAsIfLoadedAnew() {
	b.t.Helper()
	b.until("the page is as if it were loaded anew", `(() => {
		const request = new XMLHttpRequest();
		request.open("GET", location.href, false);
		request.send();
		const fresh = new DOMParser().parseFromString(request.responseText, "text/html");
		return `+outline+`(document) === `+outline+`(fresh);
	})()`)
}

// What the reader does is the reader's: news must not take it away.
func TestNewsDoNotDisturb(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	for i := range 20 {
		s.alarm(fmt.Sprint(i), 1)
	}
	b := newTab(t, s.url)
	b.open("/")
	b.until("all are there", headlineText+` === "20 alerts firing"`)
	eval[any](b, `document.querySelector("#quiet").open = true`)

	// The filter, in the middle of a word, and a caret that is not at its end.
	b.typeInto("#q", "zon")
	b.do(chromedp.KeyEvent(kb.ArrowLeft))
	caret := `[document.activeElement.id, document.activeElement.value, document.activeElement.selectionStart].join()`
	before := eval[string](b, caret)
	s.alarm("new", 1)
	b.until("the new one is there", cardOf("new"))
	if got := eval[string](b, caret); got != before || !strings.HasPrefix(got, "q,zon,") {
		t.Errorf("focus, text and caret: %q, were %q", got, before)
	}
	if !eval[bool](b, `document.querySelector("#quiet").open`) {
		t.Error("the details that the reader has opened are closed")
	}

	// A link in the midst of the page, while others before it come and go.
	b.until("the charts in view are drawn", `document.querySelector("figure canvas")`)
	eval[any](b, `{ const a = `+cardOf("10")+`.querySelector(".why"); a.scrollIntoView({block: "center"}); a.focus({preventScroll: true}); 0 }`)
	at := `Math.round(` + cardOf("10") + `.getBoundingClientRect().top)`
	b.until("the charts around it are drawn", cardOf("10")+`.querySelector("canvas")`)
	top := eval[int](b, at)
	focused := `document.activeElement === ` + cardOf("10") + `?.querySelector(".why")`
	s.alarm("newer", 1)
	b.until("the newer one is there", cardOf("newer"))
	if !eval[bool](b, focused) {
		t.Error("an alert that begins takes the focus away")
	}
	s.alarm("new", 0)
	s.alarm("newer", 0)
	s.alarm("3", 0)
	b.until("those before it are gone", `!`+cardOf("new")+` && !`+cardOf("newer")+` && !`+cardOf("3"))
	if !eval[bool](b, focused) {
		t.Error("an alert that ends takes the focus away")
	}
	b.isAsIfLoadedAnew()
	b.until("what the reader looks at stays where it is", fmt.Sprintf(`Math.abs(%s - %d) < 3`, at, top))
}

// A group whose rules fail stands open, until its reader closes it.
func TestDetailsStayAsTheReaderLeavesThem(t *testing.T) {
	b := demoTab(t)
	b.open("/rules")
	open := `[...document.querySelectorAll("details")].map((d) => d.querySelector(".name").textContent + d.open).join()`
	if got, want := eval[string](b, open), "brokenfalse,containersfalse,uplinktrue,disksfalse"; got != want {
		t.Fatalf("details %s, want %s", got, want)
	}
	b.do(chromedp.Click(chromedp.CSS("details[open] summary")), chromedp.Click(chromedp.CSS("summary")))
	want := "brokentrue,containersfalse,uplinkfalse,disksfalse"
	if got := eval[string](b, open); got != want {
		t.Fatalf("details after two clicks: %s, want %s", got, want)
	}
	seen := eval[string](b, `document.body.dataset.seen`)
	b.until("news have come", fmt.Sprintf(`document.body.dataset.seen !== %q`, seen))
	if got := eval[string](b, open); got != want {
		t.Errorf("details after news: %s, want %s", got, want)
	}
}

// Parts of the page that come and go leave alone those beside them.
func TestProblemsComeAndGo(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule}, "--web.enable-lifecycle")
	b := newTab(t, s.url)
	b.open("/")
	b.typeInto("#q", "zone")
	form := `document.activeElement.id === "q" && document.activeElement.value === "zone"`
	s.write(t, "b.yml", "groups: 3\n")
	b.until("the problem is there", `document.querySelector("[aria-labelledby=problems]")`)
	if !eval[bool](b, form) {
		t.Error("a problem that appears takes focus or text of the filter away")
	}
	s.write(t, "b.yml", "groups: []\n")
	b.until("the problem is gone", `!document.querySelector("[aria-labelledby=problems]")`)
	if !eval[bool](b, form) {
		t.Error("a problem that is gone takes focus or text of the filter away")
	}
	s.alarm("attic", 1)
	b.until("the filter still lets its alerts through", cardOf("attic"))
	b.typeInto("#q", "=nowhere")
	b.until("and still narrows", shown+`.length === 0`)
	b.isAsIfLoadedAnew()
}

func TestConnectionLost(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	b := newTab(t, s.url)
	b.open("/")
	b.until("the page is live", `document.querySelector("#lost").hidden`)
	b.expectErrors("")
	if err := s.process.Kill(); err != nil {
		t.Fatal(err)
	}
	b.until("the page says that the connection is lost, and as of when it is", `(() => {
		const lost = document.querySelector("#lost");
		return lost.checkVisibility() && lost.textContent.includes("connection is lost") && /as of \d{4}-\d\d-\d\d \d\d:/.test(lost.textContent);
	})()`)
	s.alarm("cellar", 1)
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	b.until("what has happened meanwhile is there", cardOf("cellar"))
	b.until("the page says no more that the connection is lost", `document.querySelector("#lost").hidden`)
}

// A process that hangs, or an uplink that swallows everything, breaks no
// connection: what is overdue is the sign.
func TestSilenceIsALostConnection(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	b := newTab(t, s.url)
	b.open("/")
	b.until("the page is live", `document.querySelector("#lost").hidden`)
	b.expectErrors("")
	if err := s.process.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const beats = 60 * time.Second // four of the stream's beats
	if err := process.Poll(beats, func() error {
		if eval[bool](b, `document.querySelector("#lost").hidden`) {
			return fmt.Errorf("the page takes what it shows for current")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := s.process.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.alarm("roof", 1)
	b.until("it is live again", cardOf("roof"))
	b.until("the page says no more that the connection is lost", `document.querySelector("#lost").hidden`)
}
