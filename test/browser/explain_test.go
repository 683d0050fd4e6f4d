package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// part is a part of an expression in /api/v1/explain.
type part struct {
	Text  string
	Nodes []part
}

// texts are the part's and all below it, from the top.
func (p *part) texts() []string {
	list := []string{p.Text}
	for i := range p.Nodes {
		list = append(list, p.Nodes[i].texts()...)
	}
	return list
}

// explanation is an answer of /api/v1/explain.
type explanation struct {
	Answer      string
	Details     []string
	Expression  part
	Selectors   []struct{ Text string }
	Comparisons []struct {
		Text        string
		True, Total int
	}
	Alerts      []struct{ Name string }
	Evaluations []struct{ Error string }
}

// seen is what a page of a rule shows of its explanation.
type seen struct {
	Answer                                         string
	Details, Parts, Selectors, Comparisons, Alerts []string
	Evaluations                                    int
	Failed                                         bool
}

func (x *explanation) seen() seen {
	s := seen{Answer: x.Answer, Details: x.Details, Parts: x.Expression.texts(), Evaluations: len(x.Evaluations)}
	for _, e := range x.Selectors {
		s.Selectors = append(s.Selectors, e.Text)
	}
	for _, c := range x.Comparisons {
		s.Comparisons = append(s.Comparisons, fmt.Sprintf("%s: %d of %d", c.Text, c.True, c.Total))
	}
	for _, a := range x.Alerts {
		s.Alerts = append(s.Alerts, a.Name)
	}
	s.Failed = len(x.Evaluations) > 0 && x.Evaluations[0].Error != ""
	return s
}

const explained = `((texts) => ({
	answer: document.querySelector(".headline p").textContent,
	details: texts(".details li"), parts: texts(".parts summary code"), selectors: texts("[aria-labelledby=selectors] tbody code"),
	comparisons: [...document.querySelectorAll("section[aria-labelledby^=comparison]")].map((s) => s.querySelector("h2").textContent + ": " + s.querySelector(".note").textContent.match(/^\d+ of \d+/)[0]),
	alerts: texts("article h3 bdi"), evaluations: document.querySelectorAll("[aria-labelledby=evaluations] tbody tr").length,
	failed: Boolean(document.querySelector("[aria-labelledby=evaluations] tbody tr .error")),
}))((s) => [...document.querySelectorAll(s)].map((e) => e.textContent))`

// moments are times in the sentences of an explanation.
var moments = regexp.MustCompile(`(before )?\d\d:\d\d:\d\d UTC( \([^)]*\))?`)

// Each rule is explained from where it stands: what the page says is what the API
// does.
func TestExplanationsAreThoseOfTheAPI(t *testing.T) {
	s, b := demoStation(t), demoTab(t)
	eventually(t, "as many evaluations as are kept", func() error {
		var x explanation
		err := s.api("explain?rule=DiskAlmostFull", &x)
		if err == nil && len(x.Evaluations) < 20 {
			err = fmt.Errorf("%d evaluations", len(x.Evaluations))
		}
		return err
	})
	b.open("/rules")
	links := eval[[]string](b, `[...document.querySelectorAll("tbody th a:first-child")].map((a) => a.search)`)
	if len(links) != 7 {
		t.Fatalf("%d rules have a link to why, want 7: %v", len(links), links)
	}
	failed := 0
	for _, link := range links {
		b.open("/rule" + link)
		var x explanation
		if err := s.api("explain"+link, &x); err != nil {
			t.Fatal(err)
		}
		want, got := x.seen(), eval[seen](b, explained)
		for _, x := range []*seen{&want, &got} { // a second, and an evaluation, may lie between the two
			x.Answer = moments.ReplaceAllString(x.Answer, "then")
			for i := range x.Details {
				x.Details[i] = moments.ReplaceAllString(x.Details[i], "then")
			}
		}
		if diff := cmp.Diff(want, got, cmp.Transformer("nil", func(list []string) []string { return append([]string{}, list...) })); diff != "" {
			t.Errorf("%s (-API +page):\n%s", link, diff)
		}
		if got.Failed {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d rules show that their last evaluation failed, want the one that does", failed)
	}
	// The link of an alert leads there too.
	b.open("/")
	b.open("/" + eval[string](b, `document.querySelector("article .why").getAttribute("href")`))
	if got := eval[string](b, `document.querySelector("h1").textContent`); got != "DiskAlmostFull critical" && got != "DiskAlmostFull firing" {
		t.Errorf("why of the first alert is about %q", got)
	}
	b.expectErrors("rule=Nobody") // status 404
	b.open("/rule?rule=Nobody")
	if got := eval[string](b, `document.querySelector("[role=alert]").textContent`); got == "" {
		t.Error("a rule that is not there is not told of")
	}
}

// An explanation follows the rule that it is about.
func TestExplanationFollows(t *testing.T) {
	t.Parallel()
	s := newStation(t, map[string]string{"a.yml": oneRule})
	s.alarm("yard", 0)
	b := newTab(t, s.url)
	b.open("/rule?rule=Alarm&group=one&file=" + url.QueryEscape("rules/a.yml"))
	badge := `document.querySelector("h1 .badge").textContent`
	b.until("it does not fire", badge+` === "inactive"`)
	b.until("its one series is not there yet, or below", `document.querySelector("[aria-labelledby=comparison-0] .note").textContent.startsWith("0 of 1 series")`)
	eval[any](b, `window.mark = 1; document.querySelector(".parts details:not([open]) summary").click()`)
	open := `[...document.querySelectorAll(".parts details")].map((d) => d.open).join()`
	before := eval[string](b, open)
	s.alarm("yard", 1)
	b.until("it fires", badge+` === "firing"`)
	b.until("and is above", `document.querySelector("[aria-labelledby=comparison-0] .note").textContent.startsWith("1 of 1 series")`)
	b.until("its alert is there", `document.querySelector("article .summary")?.textContent === "zone yard"`)
	b.until("as many evaluations as are kept", `document.querySelectorAll("[aria-labelledby=evaluations] tbody tr").length === 20`)
	if got := eval[string](b, open); got != before {
		t.Errorf("the parts that stand open: %s, were %s", got, before)
	}
	if eval[int](b, `window.mark || 0`) != 1 {
		t.Error("the page was loaded anew")
	}
}
