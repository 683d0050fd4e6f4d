package browser

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// ran is set by whatever of the hostile text runs as script.
const ran = `window.pwned`

// scraped is the longest value of a label that a target may give.
const scraped = 8 << 10

// hostile are texts that targets and rule files may bring along.
var hostile = map[string]string{
	"script":   `</script><script>window.pwned="script"</script>`,
	"handler":  `"><img src=x onerror="window.pwned='handler'"><svg onload="window.pwned='svg'">`,
	"quotes":   `' " \ & &amp; &lt; --> <!-- ]]> ${window.pwned} ` + "`window.pwned`",
	"rtl":      "\u202egpj.שלום \u2067مرحبا",
	"long":     strings.Repeat("x", scraped),
	"words":    strings.Repeat("a word ", scraped/7),
	"lines":    strings.Repeat("line\n", scraped/5),
	"script2":  `javascript:window.pwned="link"`,
	"script3":  "\tJaVa\nScRiPt:window.pwned='link'",
	"data":     `data:text/html,<script>window.pwned="data"</script>`,
	"blob":     `vbscript:window.pwned`,
	"relative": `//elsewhere.example/x`,
	"good":     `https://runbooks.example/a?b="><script>window.pwned="good"</script>`,
	"secure":   `http://runbooks.example/` + strings.Repeat("y", 4000),
}

// quoted is a text for YAML, which reads JSON's strings; template braces in it stay.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings have JSON
	}
	return string(b)
}

// hostileRules has a rule whose every part is hostile.
func hostileRules() map[string]string {
	var b strings.Builder
	name := `<script>window.pwned="name"</script>` + "\u202e" + `"'&`
	fmt.Fprintf(&b, "groups:\n- name: %s\n  rules:\n  - alert: %s\n", quoted("g"+name), quoted("Hostile"+name))
	fmt.Fprintf(&b, "    expr: %s\n", quoted(`attack{script!='</script><script>window.pwned="expr"</script>'} > 0`))
	fmt.Fprintf(&b, "    labels: {severity: %s, large: %s}\n    annotations:\n",
		quoted(`"><script>window.pwned="severity"</script>`), quoted(strings.Repeat("z", 10<<10)))
	for key := range hostile {
		fmt.Fprintf(&b, "      %s: '{{ $labels.%s }}'\n", key, key)
	}
	fmt.Fprintf(&b, "      summary: '{{ $labels.handler }}{{ $labels.long }}{{ $labels.long }}'\n      description: '{{ $labels.rtl }}{{ $labels.script }}'\n")
	return map[string]string{
		`<img src=x onerror="window.pwned='file'">.yml`: b.String(),
		"bad\"><script>.yml":                            "groups:\n- name: <script>window.pwned='group'</script>\n  rules: [{alert: x, expr: '<script>'}]\n",
	}
}

// attack is the hostile series, as the text format writes it.
func attack() string {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(hostile)) {
		labels = append(labels, fmt.Sprintf(`%s="%s"`, key, escape.Replace(hostile[key])))
	}
	return "attack{" + strings.Join(labels, ",") + "}"
}

func TestHostileTextIsText(t *testing.T) {
	t.Parallel()
	s := newStation(t, hostileRules())
	s.target.set(map[string]float64{attack(): 1})
	b := newTab(t, s.url)
	script := url.QueryEscape(`"><script>window.pwned="query"</script>`)
	paths := append(slices.Clone(pages), "/?q="+script, "/?state="+script, "/graph?g0.expr="+script, "/graph?g0.tab=0&g0.expr=attack", "/history?q="+script, "/graph?g0.expr=attack", "/graph?g0.expr=attack&g0.moment_input="+script)
	b.expectErrors("/graph?") // status 400, for a bad query
	b.expectErrors("?q=")
	look := func(state string) {
		for _, path := range paths {
			for _, width := range []int64{360, 1280} {
				b.size(width, 800)
				b.open(path)
				b.harmless(fmt.Sprintf("%.30s at %d px, with an alert that %s", path, width, state))
			}
		}
	}
	b.size(1280, 800)
	b.open("/")
	b.until("the alert is shown", `document.querySelector("article.card")`)
	b.until("its chart is drawn", `document.querySelector("figure canvas, figure .sub")`)
	b.harmless("the page that has seen it appear")
	if got := eval[int](b, `document.querySelectorAll("dd > a:not(.code)").length`); got != 2 {
		t.Errorf("%d annotations are links, want the 2 with http and https", got)
	}
	why := eval[string](b, `(() => {
		const why = document.querySelector("h3 .why"), text = why.firstChild, range = document.createRange();
		const left = (i) => { range.setStart(text, i); range.setEnd(text, i + 1); return range.getBoundingClientRect().left; };
		return left(0) < left(1) ? "" : "reversed";
	})()`)
	if why != "" {
		t.Error("right-to-left text of a name turns what stands beside it around")
	}
	for _, key := range []string{"script", "handler", "quotes", "rtl"} {
		want := strings.TrimSpace(hostile[key])
		if !eval[bool](b, fmt.Sprintf(`[...document.querySelectorAll(".chips li")].some((li) => li.textContent === %s)`, quoted(key+hostile[key]))) {
			t.Errorf("label %s does not read %q", key, want)
		}
	}
	paths = append(paths, "/"+eval[string](b, `document.querySelector(".why").getAttribute("href")`))
	look("fires")
	s.target.set(map[string]float64{attack(): 0})
	b.open("/")
	b.until("it is resolved", `document.querySelector("[aria-labelledby=resolved] tbody")`)
	look("has ended")
}

// harmless checks that no text has run, leads elsewhere or breaks the layout.
func (b *tab) harmless(where string) {
	b.t.Helper()
	if got := eval[string](b, `String(`+ran+`)`); got != "undefined" {
		b.t.Errorf("%s: script has run: %s", where, got)
	}
	if got := eval[[]string](b, `[...document.querySelectorAll("script")].map((s) => s.src || s.textContent).filter((s) => !s.startsWith(location.origin + "/assets/"))`); len(got) > 0 {
		b.t.Errorf("%s: scripts that are not ours: %.300q", where, got)
	}
	if got := eval[[]string](b, `[...document.querySelectorAll("[href], [src], [action]")].map((e) => new URL(e.getAttribute("href") ?? e.getAttribute("src") ?? e.getAttribute("action"), location).href).filter((u) => !/^https?:\/\//.test(u) && !u.startsWith("data:image/svg+xml,"))`); len(got) > 0 {
		b.t.Errorf("%s: addresses that are neither http nor https: %.300q", where, got)
	}
	if got := eval[[]string](b, `[...document.querySelectorAll("a")].filter((a) => a.origin !== location.origin && !a.relList.contains("noopener")).map((a) => a.href)`); len(got) > 0 {
		b.t.Errorf("%s: links elsewhere without noopener: %.300q", where, got)
	}
	b.fits(where)
}

// fits checks that the page is no wider than the window, nor a table than the phone
// on which its rows stand as blocks, and names what is.
func (b *tab) fits(where string) {
	b.t.Helper()
	got := eval[[]string](b, `document.scrollingElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
		.filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll")).map((e) => e.outerHTML.slice(0, 100))`)
	wide := eval[bool](b, `document.scrollingElement.scrollWidth > innerWidth`)
	if wide {
		b.t.Errorf("%s: wider than the window: %q", where, got)
	}
	cut := eval[[]string](b, `innerWidth > 576 ? [] : [...document.querySelectorAll(".scroll")].filter((s) => s.scrollWidth > s.clientWidth).map((s) => s.outerHTML.slice(0, 100))`)
	if len(cut) > 0 {
		b.t.Errorf("%s: tables that are cut: %q", where, cut)
	}
}
