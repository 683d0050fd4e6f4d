package browser

import (
	"errors"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/page"
)

// slowLink makes the answers of pages late by window.late(url), in milliseconds, and
// counts those under way.
const slowLink = `{
	const real = window.fetch;
	Object.assign(window, {late: () => 0, now: 0, most: 0, answers: 0});
	window.fetch = async (url, ...rest) => {
		if (String(url).includes("api/")) return real(url, ...rest);
		most = Math.max(most, ++now);
		const response = await real(url, ...rest), text = await response.text();
		await new Promise((done) => setTimeout(done, late(String(url))));
		now--;
		answers++;
		return {headers: response.headers, status: response.status, text: async () => (taken(String(url)), text)};
	};
	window.taken = () => 0;
	0
}`

// Where news come faster than answers, the page asks for one at a time.
func TestLooksDoNotPileUp(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	b := newTab(t, s.url)
	b.open("/")
	eval[any](b, slowLink)
	eval[any](b, `window.late = () => 2500; 0`)
	s.alarm("yard", 1)
	b.until("the page has looked twice", `answers >= 2`)
	b.until("what has happened is there", cardOf("yard"))
	if most := eval[int](b, `most`); most != 1 {
		t.Errorf("%d looks are under way at once, want 1", most)
	}
}

// An answer that comes late does not take the place of what was asked for after it.
func TestTheLastFilterCounts(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	s.alarm("yard", 1)
	b := newTab(t, s.url)
	b.open("/")
	b.until("it fires", cardOf("yard"))
	eval[any](b, slowLink)
	eval[any](b, `{
		window.late = (url) => (url.includes("nowhere") ? 3000 : 0);
		// Once what has been taken is on the page.
		window.taken = (url) => setTimeout(() => { if (url.includes("nowhere")) window.after = document.querySelectorAll("article.card").length; });
		window.filter = (text) => { const q = document.querySelector("#q"); q.value = text; q.dispatchEvent(new Event("input", {bubbles: true})); };
		filter("nowhere");
		0
	}`)
	b.until("the first filter is asked for", `location.search.includes("nowhere")`)
	eval[any](b, `filter("yard"); 0`)
	b.until("the answer to the first has come", `window.after !== undefined`)
	if eval[int](b, `window.after`) == 0 {
		t.Error("the answer to a filter that is gone took the alerts away")
	}
}

// A reader's clock may be off by days: the times are the host's.
func TestReadersClockIsOff(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	s.alarm("yard", 1)
	b := newTab(t, s.url)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const real = Date.now; Date.now = () => real() + 3 * 86400e3; }`,
	})
	b.open("/")
	b.until("its value over time is drawn", cardOf("yard")+`?.querySelector("figure [role=img]")?.getAttribute("aria-label").includes("last 1")`)
	b.open("/graph")
	b.typeInto("#expr", "alar")
	b.until("what is stored is offered", `[...document.querySelectorAll("#completion li")].some((li) => li.firstChild.textContent === "alarm")`)
}

// A page that is left open for weeks keeps nothing of the alerts that have ended.
func TestChartsOfThePastAreForgotten(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	s.alarm("yard", 1)
	b := newTab(t, s.url)
	b.open("/")
	canvas := cardOf("yard") + `?.querySelector("canvas")`
	b.until("its chart is drawn", canvas)
	eval[any](b, `window.drawn = new WeakRef(`+canvas+`); 0`)
	s.alarm("yard", 0)
	b.until("the alert has ended", `!`+cardOf("yard"))
	eventually(t, "its chart is forgotten", func() error {
		call(b, heapprofiler.CollectGarbage, cdp.Empty{})
		if !eval[bool](b, `drawn.deref() === undefined`) {
			return errors.New("it is still there")
		}
		return nil
	})
}
