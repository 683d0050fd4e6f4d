package web

import (
	"context"
	"encoding/json"
	"html"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/strutil"

	"github.com/tocsin/tocsin/engine"
)

var chartRow = regexp.MustCompile(`data-name="([^"]*)" data-points="([^"]*)"`)

// What a chart is drawn from is what the API answers for the same range.
func TestChartAgreesWithTheAPI(t *testing.T) {
	h, _ := newStored(t, Options{})
	for _, expr := range []string{"up", "rate(requests_total[1m])", "requests_total / 7", "up == 1", "vector(0) / 0", "gap", "odd + 1e9", "{\"disk read.bytes\"}"} {
		var api struct {
			Data struct {
				Result []struct {
					Metric map[string]string
					Values [][2]any
				}
			}
		}
		answer := get(h, "/api/v1/query_range?"+url.Values{"query": {expr}, "start": {"0"}, "end": {"300"}, "step": {"30"}}.Encode())
		if err := json.Unmarshal(answer.Body.Bytes(), &api); err != nil {
			t.Fatal(err)
		}
		page := body(t, h, "/graph?"+url.Values{"g0.expr": {expr}, "g0.tab": {"0"}, "g0.range_input": {"5m"}, "g0.moment_input": {"300"}, "g0.step_input": {"30"}}.Encode(), http.StatusOK)
		contains(t, page, `data-start="0" data-step="30" data-steps="10"`)
		rows := chartRow.FindAllStringSubmatch(page, -1)
		if len(rows) != len(api.Data.Result) || len(rows) == 0 {
			t.Fatalf("%s: %d rows, the API has %d", expr, len(rows), len(api.Data.Result))
		}
		for i, s := range api.Data.Result {
			want := make([]string, 11)
			for _, v := range s.Values {
				f, err := strconv.ParseFloat(v[1].(string), 64)
				if err != nil {
					t.Fatal(err)
				}
				if !math.IsNaN(f) && !math.IsInf(f, 0) {
					want[int(v[0].(float64))/30] = strings.Replace(strconv.FormatFloat(f, 'g', 9, 64), "+", "", 1)
				}
			}
			if diff := cmp.Diff(want, strings.Split(rows[i][2], ",")); diff != "" {
				t.Errorf("%s (-API +page):\n%s", expr, diff)
			}
			if name := labels.FromMap(s.Metric).String(); html.UnescapeString(rows[i][1]) != name {
				t.Errorf("%s: series %s, the API has %s", expr, rows[i][1], name)
			}
		}
	}
}

func points(start time.Time, values ...float64) []promql.FPoint {
	var out []promql.FPoint
	for i, f := range values {
		out = append(out, promql.FPoint{T: start.UnixMilli() + int64(i)*60_000, F: f})
	}
	return out
}

// Without a script the numbers are there.
func TestChartInNumbers(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	long := strings.Repeat("x", 5000)
	matrix := promql.Matrix{
		{Metric: labels.FromStrings("__name__", "m", "a", hostile), Floats: points(ago(5*time.Minute), 1, -2.5, nan, 7, inf)},
		{Metric: labels.FromStrings("b", long), Floats: points(ago(2*time.Minute), 12345678.9)},
		{Metric: labels.FromStrings("c", "h"), Histograms: []promql.HPoint{{T: now.UnixMilli(), H: &histogram.FloatHistogram{Count: 3}}}},
	}
	page := body(t, newHandler(t, Options{Query: answer(matrix, nil)}), "/graph?g0.expr=x&g0.tab=0&g0.range_input=5m&g0.step_input=1m", http.StatusOK)
	contains(t, page, `data-points="1,-2.5,,7,,"`, `data-points=",,,12345678.9,,"`, `data-points=",,,,,"`, "histograms are not drawn",
		`data-column="Min" class="num">-2.5<`, `data-column="Max" class="num">&#43;Inf<`, `data-column="Last" class="num">&#43;Inf<`, `data-column="Last" class="num">1.23457e&#43;07<`,
		"Result <span class=\"count\">3</span>", "5m to 2026-11-22 03:12:40&#43;00:00, a step every 60 s")
	if strings.Contains(page, "<script>") || strings.Contains(page, long) {
		t.Error("markup came through, or a label in full length")
	}
	contains(t, body(t, newHandler(t, Options{Query: answer(promql.Matrix{}, nil)}), "/graph?g0.expr=x&g0.tab=0", http.StatusOK), "no series matches it in this time")
}

// Of many series a chart has a few, and says so.
func TestChartIsBounded(t *testing.T) {
	matrix := make(promql.Matrix, 1234)
	for i := range matrix {
		matrix[i] = promql.Series{Metric: labels.FromStrings("i", strconv.Itoa(i)), Floats: make([]promql.FPoint, 0, 1001)}
		for j := range 1001 {
			matrix[i].Floats = append(matrix[i].Floats, promql.FPoint{T: ago(1000*time.Second).UnixMilli() + int64(j)*1000, F: 1e9 / float64(j+1)})
		}
	}
	page := body(t, newHandler(t, Options{Query: answer(matrix, nil)}), "/graph?g0.expr=x&g0.tab=0&g0.range_input=1000s&g0.step_input=1", http.StatusOK)
	contains(t, page, `<span class="count">1234</span>`, "1214 more series are not drawn")
	if n := len(chartRow.FindAllString(page, -1)); n != maxLines || len(page) > 1<<19 {
		t.Errorf("%d lines in %d bytes", n, len(page))
	}
}

// The parameters are Prometheus's, and what the page links to leads where it says.
func TestGraphForm(t *testing.T) {
	var asked engine.Query
	h := newHandler(t, Options{Query: func(_ context.Context, q engine.Query) (engine.Result, error) {
		asked = q
		return engine.Result{Value: promql.Matrix{}}, nil
	}})
	for target, want := range map[string]engine.Query{
		strutil.GraphLinkForExpression("up"):                                               {Start: ago(time.Hour), End: now, Step: 15 * time.Second},
		"/graph?g0.expr=up&g0.tab=graph&g0.range_input=5m":                                 {Start: ago(5 * time.Minute), End: now, Step: 2 * time.Second},
		"/graph?g0.expr=up&g0.tab=0&g0.range_input=1d":                                     {Start: ago(24 * time.Hour), End: now, Step: 346 * time.Second},
		"/graph?g0.expr=up&g0.tab=0&g0.range_input=90":                                     {Start: ago(90 * time.Second), End: now, Step: time.Second},
		"/graph?g0.expr=up&g0.tab=0&g0.res_step=0.5&g0.range_input=5m":                     {Start: ago(5 * time.Minute), End: now, Step: 500 * time.Millisecond},
		"/graph?g0.expr=up&g0.tab=0&g0.step_input=1m&g0.end_input=2026-11-22+03%3A00%3A40": {Start: ago(72 * time.Minute), End: ago(12 * time.Minute), Step: time.Minute},
		"/graph?g0.expr=up&g0.range_input=5m":                                              {Start: now},
	} {
		want.Expr = "up"
		body(t, h, target, http.StatusOK)
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", target, diff)
		}
	}
	for query, want := range map[string]string{
		"g0.range_input=long": "The range cannot be read", "g0.range_input=0": "is not between 1s and 10y", "g0.range_input=-5m": "The range cannot be read", "g0.range_input=1e300": "overflows",
		"g0.step_input=no": "The step cannot be read", "g0.step_input=1s": "at least 4s long", "g0.step_input=0": "The step is too short", "g0.step_input=-1": "The step is too short",
		"g0.end_input=soon": "The time cannot be read", "g0.range_input=%3Cb%3E": "&lt;b&gt;",
	} {
		contains(t, body(t, h, "/graph?g0.expr=up&g0.tab=0&"+query, http.StatusBadRequest), want, `aria-describedby="failure"`)
	}
}

func TestGraphMoves(t *testing.T) {
	h := newHandler(t, Options{Query: answer(promql.Matrix{}, nil)})
	move := regexp.MustCompile(`<a href="(graph[^"]*)">(Earlier|Later|Shorter|Longer)</a>`)
	for query, want := range map[string]map[string]string{
		"g0.range_input=1h":                             {"Earlier": "1h to 2026-11-22 02:42:40&#43;00:00", "Shorter": "30m to 2026-11-22 03:12:40", "Longer": "2h to 2026-11-22 03:12:40"},
		"g0.range_input=28d&g0.moment_input=2026-11-20": {"Earlier": "4w to 2026-11-06 00:00:00", "Later": "4w to 2026-11-22 03:12:40", "Shorter": "2w to 2026-11-20 00:00:00"},
		"g0.range_input=10s":                            {"Earlier": "10s to 2026-11-22 03:12:35", "Longer": "1m to 2026-11-22 03:12:40"},
		"g0.range_input=1h&g0.moment_input=1795313560":  {"Earlier": "1h to 2026-11-22 01:42:40", "Later": "1h to 2026-11-22 02:42:40", "Shorter": "30m to 2026-11-22 02:12:40", "Longer": "2h to 2026-11-22 02:12:40"},
	} {
		page := body(t, h, "/graph?g0.expr=up&g0.tab=0&"+query, http.StatusOK)
		moves := move.FindAllStringSubmatch(page, -1)
		if len(moves) != len(want) {
			t.Errorf("%s: moves %v", query, moves)
		}
		for _, m := range moves {
			contains(t, body(t, h, "/"+html.UnescapeString(m[1]), http.StatusOK), "<p class=\"note\">"+want[m[2]])
		}
	}
}

// What completion offers is what the parser takes.
func TestWordsAreThoseOfTheParser(t *testing.T) {
	w := newPromQLWords()
	known := parser.Keywords()
	for word := range strings.FieldsSeq(w.Keywords + " " + w.Aggregations) {
		if !slices.Contains(known, word) {
			t.Errorf("the parser knows no %s", word)
		}
	}
	for _, words := range [][2]string{{w.Functions, "rate"}, {w.Functions, "histogram_quantile"}, {w.Aggregations, "topk"}, {w.Aggregations, "sum"}, {w.Keywords, "unless"}} {
		if !slices.Contains(strings.Fields(words[0]), words[1]) {
			t.Errorf("no %s in %s", words[1], words[0])
		}
	}
	if strings.Contains(w.Aggregations, "limitk") {
		t.Error("an experiment is offered")
	}
	contains(t, body(t, newHandler(t, Options{}), "/graph", http.StatusOK), `data-aggregations="avg bottomk count `, `data-functions="abs absent absent_over_time `)
}

// Whatever is typed, a query is bounded, and the links beside it can be followed.
func FuzzGraphForm(f *testing.F) {
	for _, x := range [][3]string{{"1h", "", ""}, {"90", "2026-11-22 03:00:40", "15s"}, {"10y", "1e300", "0.0001"}, {"1s", "-292273086-05-16T16:47:06Z", "1ms"}, {"28d", "9999-12-31", "1w"}} {
		f.Add(x[0], x[1], x[2])
	}
	f.Fuzz(func(t *testing.T, span, at, step string) {
		form, wrong := newGraphForm(url.Values{"g0.expr": {"up"}, "g0.range_input": {span}, "g0.moment_input": {at}, "g0.step_input": {step}}, now)
		if wrong != nil {
			return
		}
		q := form.query()
		if n := q.End.Sub(q.Start) / q.Step; n < 0 || n > maxChartSteps || q.Step < time.Millisecond {
			t.Errorf("%d steps of %v", n, q.Step)
		}
		if y := form.at.Year(); y < 1970 || y > 9900 {
			return // no time of a link has such a year
		}
		m := form.moves(now)
		for _, link := range []string{m.Earlier, m.Later, m.Narrower, m.Wider} {
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			if _, wrong := newGraphForm(u.Query(), now); wrong != nil {
				t.Errorf("%s: %+v", link, wrong)
			}
		}
	})
}
