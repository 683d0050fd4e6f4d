package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/tocsin/tocsin/engine"
)

// canonical is JSON without its spaces and escapes, but with its order of keys
// and the digits of its numbers.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	var out []string
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		out = append(out, fmt.Sprintf("%T %[1]q", token))
	}
	if !json.Valid(text) {
		t.Fatalf("not JSON: %s", text)
	}
	return strings.Join(out, "\n")
}

func checkGolden(t *testing.T, w *httptest.ResponseRecorder, name string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("status %d, content type %q", w.Code, w.Header().Get("Content-Type"))
	}
	if diff := cmp.Diff(canonical(t, want), canonical(t, w.Body.Bytes())); diff != "" {
		t.Errorf("%s (-Prometheus +got):\n%s", name, diff)
	}
}

func TestAlertsAndRulesAsPrometheus(t *testing.T) {
	h := newHandler(t, Options{})
	for target, golden := range map[string]string{
		"/api/v1/alerts":                                        "alerts",
		"/api/v1/rules":                                         "rules",
		"/api/v1/rules?type=Record":                             "rules_record",
		"/api/v1/rules?rule_name[]=job:up:sum":                  "rules_record",
		"/api/v1/rules?exclude_alerts=TRUE&rule_name[]=Stopped": "rules_no_alerts",
		"/api/v1/rules?match[]={severity=~\"crit.*\"}&match[]={severity=\"x\"}&exclude_alerts=1": "rules_no_alerts",
		"/api/v1/rules?file[]=/rules/other.yml":                                                  "rules_none",
	} {
		t.Run(target, func(t *testing.T) { checkGolden(t, get(h, strings.ReplaceAll(target, " ", "%20")), golden) })
	}
	empty := newHandler(t, Options{Snapshot: func() *engine.Snapshot { return nil }})
	checkGolden(t, get(empty, "/api/v1/alerts"), "alerts_none")
	checkGolden(t, get(empty, "/api/v1/rules"), "rules_none")
}

// Pages are walked with the tokens that the responses give.
func TestRulesPages(t *testing.T) {
	h := newHandler(t, Options{})
	var names []string
	target := "/api/v1/rules?group_limit=1"
	for range 5 {
		var body struct{ Data apiPage }
		w := get(h, target)
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		for _, g := range body.Data.Groups {
			names = append(names, g.Name)
		}
		if body.Data.GroupNextToken == "" {
			break
		}
		target = "/api/v1/rules?group_limit=1&group_next_token=" + body.Data.GroupNextToken
	}
	if diff := cmp.Diff([]string{"docker", "new"}, names); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

type apiPage struct {
	Groups         []struct{ Name string }
	GroupNextToken string
}

// apiFailure is an error response.
type apiFailure struct {
	Code                     int
	Status, ErrorType, Error string
}

func decodeFailure(t *testing.T, w *httptest.ResponseRecorder) apiFailure {
	t.Helper()
	f := apiFailure{Code: w.Code}
	if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil {
		t.Fatalf("%v in %q", err, w.Body)
	}
	return f
}

func TestBadParameters(t *testing.T) {
	h := newHandler(t, Options{})
	for target, want := range map[string]string{
		"/api/v1/rules?type=all":                            `invalid parameter "type": not supported value "all"`,
		"/api/v1/rules?exclude_alerts=x":                    `invalid parameter "exclude_alerts": error converting exclude_alerts`,
		"/api/v1/rules?group_limit=0":                       `invalid parameter "group_limit": group_limit needs to be greater than 0`,
		"/api/v1/rules?group_limit=x":                       `invalid parameter "group_limit": group_limit needs to be a valid number`,
		"/api/v1/rules?group_next_token=x":                  `invalid parameter "group_next_token": group_limit needs to be present`,
		"/api/v1/rules?group_limit=1&group_next_token=x":    `invalid parameter "group_next_token": invalid group_next_token 'x'`,
		"/api/v1/rules?match[]={":                           `parse error`,
		"/api/v1/rules?match[]={a=~%22.*%22}":               `match[] must contain at least one non-empty matcher`,
		"/api/v1/query?query=1&time=yesterday":              `invalid parameter "time": invalid time value for 'time': cannot parse "yesterday" to a valid timestamp`,
		"/api/v1/query?query=1&timeout=soon":                `invalid parameter "timeout": cannot parse "soon" to a valid duration`,
		"/api/v1/query?query=1&timeout=0":                   `invalid parameter "timeout": timeout must be positive, got 0s`,
		"/api/v1/query?query=1&limit=-1":                    `invalid parameter "limit": limit must be non-negative`,
		"/api/v1/query?query=1&limit=many":                  `invalid parameter "limit": strconv.Atoi: parsing "many": invalid syntax`,
		"/api/v1/query?query=1;limit=1":                     `read form values`,
		"/api/v1/query?query=1&time=1e300":                  `out of range`,
		"/api/v1/query?query=1&timeout=NaN":                 `overflows`,
		"/api/v1/query?query=1&time=9223372036854775807000": `out of range`,
	} {
		got := decodeFailure(t, get(h, target))
		if got.Code != 400 || got.Status != "error" || got.ErrorType != "bad_data" || !strings.Contains(got.Error, want) {
			t.Errorf("%s: %+v, want 400 bad_data with %q", target, got, want)
		}
	}
}

func TestQueryValuesAsPrometheus(t *testing.T) {
	h := &histogram.FloatHistogram{
		Schema: 1, ZeroThreshold: 0.001, ZeroCount: 2, Count: 11.5, Sum: -3.25,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 2}, {Offset: 1, Length: 1}}, PositiveBuckets: []float64{1, 2.5, 0},
		NegativeSpans: []histogram.Span{{Offset: 1, Length: 2}}, NegativeBuckets: []float64{4, 2},
	}
	a := func(v string) labels.Labels { return labels.FromStrings("a", v) }
	var notes annotations.Annotations
	notes.Add(fmt.Errorf("%w: w", annotations.PromQLWarning))
	notes.Add(fmt.Errorf("%w: i", annotations.PromQLInfo))
	for golden, tt := range map[string]struct {
		value parser.Value
		notes annotations.Annotations
	}{
		"query_vector": {value: promql.Vector{
			{T: 1435781451781, F: 1, Metric: labels.FromStrings("__name__", "up", "quote", "a\"b\\c\n<é>\u2028\x01", "utf.8 näme", "x")},
			{T: 1435781451000, F: math.NaN(), Metric: a("b")},
			{T: 1435781451007, F: math.Inf(-1)},
			{T: -1050, F: 1e-7},
			{T: 0, F: 1e21},
			{T: 1, F: 123456789.125},
			{T: math.MinInt64 + 1, F: math.Copysign(0, -1)},
			{T: 1435781451781, H: h, Metric: labels.FromStrings("__name__", "h")},
		}},
		"query_matrix": {value: promql.Matrix{
			{Metric: a("1"), Floats: []promql.FPoint{{T: 1000, F: 1}, {T: 2000, F: 2.5}}},
			{Metric: a("2"), Floats: []promql.FPoint{{T: 1000, F: 1}}, Histograms: []promql.HPoint{{T: 1500, H: h}, {T: 2500, H: &histogram.FloatHistogram{}}}},
			{Metric: a("3"), Histograms: []promql.HPoint{{T: 1500, H: h}}},
		}},
		"query_scalar":       {value: promql.Scalar{T: 1435781451781, V: math.Inf(1)}},
		"query_string":       {value: promql.String{T: 1435781451781, V: `a<b>"c"`}},
		"query_empty":        {value: promql.Vector{}, notes: notes},
		"query_empty_matrix": {value: promql.Matrix(nil)},
		"query_limited":      {value: promql.Vector{{T: 1000, F: 1, Metric: a("1")}, {T: 1000, F: 2, Metric: a("2")}}},
	} {
		t.Run(golden, func(t *testing.T) {
			target := "/api/v1/query?query=x"
			if golden == "query_limited" {
				target += "&limit=1"
			}
			checkGolden(t, get(newHandler(t, Options{Query: answer(tt.value, tt.notes)}), target), golden)
		})
	}
}

func TestQueryErrors(t *testing.T) {
	_, parseErr := parser.NewParser(parser.Options{}).ParseExpr("sum(")
	for _, tt := range []struct {
		err  error
		code int
		kind string
		text string
	}{
		{engine.InvalidQueryError{Err: parseErr}, 400, "bad_data", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`},
		{fmt.Errorf("query: %w", engine.InvalidQueryError{Err: parseErr}), 400, "bad_data", "parse error"},
		{promql.ErrTooManySamples("env"), 422, "execution", "too many samples"},
		{errors.New("no such thing"), 422, "execution", "no such thing"},
		{promql.ErrQueryTimeout("env"), 503, "timeout", "query timed out in env"},
		{context.DeadlineExceeded, 503, "timeout", "deadline"},
		{promql.ErrQueryCanceled("env"), 499, "canceled", "query was canceled in env"},
		{context.Canceled, 499, "canceled", "canceled"},
		{promql.ErrStorage{Err: errors.New("bad disk")}, 500, "internal", "bad disk"},
		{fmt.Errorf("query: %w", ErrUnavailable), 503, "unavailable", "query: storage is not open"},
	} {
		got := decodeFailure(t, get(newHandler(t, Options{Query: failing(tt.err)}), "/api/v1/query?query=x"))
		if got.Code != tt.code || got.ErrorType != tt.kind || !strings.Contains(got.Error, tt.text) || got.Status != "error" {
			t.Errorf("%v: %+v, want %d %s with %q", tt.err, got, tt.code, tt.kind, tt.text)
		}
	}
}

// A query beyond the slots waits, and gives up with its own time-out.
func TestQueriesWaitForSlots(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := newHandler(t, Options{Query: func(context.Context, engine.Query) (engine.Result, error) {
		entered <- struct{}{}
		<-leave
		return engine.Result{Value: promql.Vector{}}, nil
	}})
	codes := make(chan int)
	for range maxQueries {
		go func() { codes <- get(h, "/api/v1/query?query=slow").Code }()
		<-entered
	}
	got := decodeFailure(t, get(h, "/api/v1/query?query=late&timeout=1ms"))
	if got.Code != 503 || got.ErrorType != "timeout" || !strings.Contains(got.Error, "wait for other queries") {
		t.Errorf("query without a slot: %+v", got)
	}
	close(leave)
	for range maxQueries {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("slow query: %d", code)
		}
	}
}

func TestNotesAreSortedAndBounded(t *testing.T) {
	var notes annotations.Annotations
	for i := range 25 {
		notes.Add(fmt.Errorf("%w: %02d", annotations.PromQLInfo, i))
	}
	warnings, infos := noteTexts(notes, "")
	if len(warnings) != 0 || len(infos) != maxNotes+1 {
		t.Fatalf("%d warnings, %d infos", len(warnings), len(infos))
	}
	if infos[0] != "PromQL info: 00" || infos[9] != "PromQL info: 09" || infos[10] != "15 more info annotations omitted" {
		t.Errorf("infos: %q", infos)
	}
}
