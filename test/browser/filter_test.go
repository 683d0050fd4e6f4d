package browser

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// shown are the names of the alerts on the page, in its order.
const shown = `[...document.querySelectorAll("article.card")].map((c) => c.querySelector("h3 bdi").textContent)`

// shows is true while the page shows these alerts and no others.
func shows(names ...string) string {
	return shown + `.sort().join() === "` + strings.Join(slices.Sorted(slices.Values(names)), ",") + `"`
}

// query is the parameters of the address in the address bar.
func (b *tab) query() url.Values {
	b.t.Helper()
	v, err := url.ParseQuery(strings.TrimPrefix(eval[string](b, `location.search`), "?"))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *tab) typeInto(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

func TestFilterNarrowsWhileItIsTyped(t *testing.T) {
	b := demoTab(t)
	b.open("/")
	all := eval[[]string](b, shown)
	eval[any](b, `window.mark = 1`)
	b.typeInto("#q", "team=storage")
	b.until("only the team's alerts are shown", shows("DiskAlmostFull", "DiskWearsOut"))
	if got := b.query(); got.Get("q") != "team=storage" || len(got) != 1 {
		t.Errorf("the address holds %v", got)
	}
	b.until("the page says how many are hidden", `document.querySelector("form .note").textContent.includes("hidden by the filter")`)
	b.typeInto("#q", " severity!=critical")
	b.until("another matcher narrows it further", shows("DiskWearsOut"))
	eval[any](b, `{ const s = document.querySelector("#state"); s.value = "pending"; s.dispatchEvent(new Event("input", {bubbles: true})); 0 }`)
	b.until("no pending alert is the team's", shown+`.length === 0`)
	want := url.Values{"q": {"team=storage severity!=critical"}, "state": {"pending"}}
	if diff := cmp.Diff(want, b.query()); diff != "" {
		t.Errorf("address (-want +got):\n%s", diff)
	}
	eval[any](b, `{ const q = document.querySelector("#q"); q.value = ""; q.dispatchEvent(new Event("input", {bubbles: true})); 0 }`)
	b.until("all pending ones", shows("ContainerPaused"))
	if eval[int](b, `window.mark || 0`) != 1 {
		t.Error("the page was loaded anew while typing")
	}
	// Who gets the link sees the same.
	b.open("/?state=pending")
	b.until("the address is all it takes", shows("ContainerPaused"))
	if got := eval[string](b, `document.querySelector("#state").value`); got != "pending" {
		t.Errorf("the form shows the state %q", got)
	}
	b.open("/")
	b.until("all are back", shows(all...))
}

func TestFilterSaysWhyItCannotBeRead(t *testing.T) {
	b := demoTab(t)
	b.open("/")
	all := eval[[]string](b, shown)
	b.expectErrors("q=severity") // status 400
	b.typeInto("#q", `severity=~"("`)
	b.until("an invalid filter says why", `document.querySelector("#q-error")?.textContent.includes("missing closing )")`)
	b.until("and hides nothing", shows(all...))
	if got := eval[string](b, `const q = document.querySelector("#q"); [q === document.activeElement, q.value, q.getAttribute("aria-invalid"), document.getElementById(q.getAttribute("aria-describedby")).id].join()`); got != `true,severity=~"(",true,q-error` {
		t.Errorf("focus, text and what describes the field: %s", got)
	}
}

// Without script the form is sent by its button, or by Enter.
func TestFilterWithoutScript(t *testing.T) {
	b := demoTab(t)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open("/")
	b.do(chromedp.Focus(chromedp.CSS("#q")), chromedp.KeyEvent("team=storage"), chromedp.Click(chromedp.CSS("form.filter button")))
	b.until("only the team's alerts are shown", shows("DiskAlmostFull", "DiskWearsOut"))
	if got := b.query().Get("q"); got != "team=storage" {
		t.Errorf("the address has the filter %q", got)
	}
	if got := eval[string](b, `document.querySelector("#q").value`); got != "team=storage" {
		t.Errorf("the form shows the filter %q", got)
	}
	b.until("no script has run", `!document.querySelector("canvas")`)
	b.expectErrors("q=severity") // status 400
	b.open(`/?q=` + url.QueryEscape(`severity=~"("`))
	b.until("an invalid filter says why", `document.querySelector("#q-error")?.textContent.includes("missing closing )")`)
	for _, path := range pages {
		b.open(path)
		if got := eval[string](b, `document.querySelector("h1").innerText`); got == "" {
			t.Errorf("%s says nothing without script", path)
		}
	}
}
