package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine"
)

// maxPoints bounds the points of one series of a range vector on the page.
const maxPoints = 20

// graphPage is the page that shows the result of an expression. Its parameters
// are those of Prometheus's page, as links in alerts are made for that.
type graphPage struct {
	frame
	Expr, Moment string
	Asked        bool // there is an expression
	At           moment
	Took         string
	Kind         string // of the value, in PromQL's words
	Rows         bounded[resultRow]
	Warnings     []string
	Infos        []string
	Failure      *failure
}

// bounded is a list cut to maxShown.
type bounded[T any] struct {
	Shown []T
	Total int
}

// More is the number of those that are not shown.
func (b bounded[T]) More() int { return b.Total - len(b.Shown) }

// resultRow is one series of a result.
type resultRow struct {
	Metric string
	Labels []pair
	Values []resultValue
	// Left is the number of values before those that are shown.
	Left int
}

type resultValue struct {
	Text string
	At   moment // only in range vectors
}

// failure is an error in an expression; Before, Wrong and After are the
// expression with the part that the parser has stumbled over.
type failure struct {
	Title, Text          string
	Before, Wrong, After string
}

// graph is the page at /graph.
func (h *Handler) graph(w http.ResponseWriter, r *http.Request) {
	src := h.source()
	q, now := r.URL.Query(), src.now
	p := graphPage{
		frame:  src.frame("graph", "Graph"),
		Expr:   q.Get("g0.expr"),
		Moment: q.Get("g0.moment_input"),
		At:     moment{now, now},
	}
	p.Asked = p.Expr != ""
	code := http.StatusOK
	if p.Moment != "" {
		at, err := parseMoment(p.Moment)
		if err != nil {
			p.Failure, code = &failure{Title: "The time cannot be read", Text: err.Error()}, http.StatusBadRequest
		}
		p.At.at = at
	}
	if p.Asked && p.Failure == nil {
		code = h.fillResult(r, &p)
	}
	h.views.render(w, code, "graph", p)
}

// fillResult evaluates the expression of p, and returns the status of the page.
func (h *Handler) fillResult(r *http.Request, p *graphPage) int {
	began := time.Now() // what the user waits for; not the engine's timeline
	res, done, e := h.evaluate(r.Context(), engine.Query{Expr: p.Expr, Start: p.At.at}, queryTimeout)
	if e != nil {
		p.Failure = newFailure(p.Expr, e)
		return e.status()
	}
	defer done()
	value := res.Value
	p.Took = spanText(time.Since(began))
	p.Warnings, p.Infos = noteTexts(res.Notes, p.Expr)
	p.Kind = string(value.Type())
	p.Rows.Total = 1
	switch v := value.(type) {
	case promql.Vector:
		p.Rows.Total = len(v)
	case promql.Matrix:
		p.Rows.Total = len(v)
	}
	value, _ = truncate(value, maxShown)
	p.Rows.Shown = resultRows(value, p.Now.at)
	return http.StatusOK
}

func resultRows(value parser.Value, now time.Time) []resultRow {
	var rows []resultRow
	switch v := value.(type) {
	case promql.Scalar:
		rows = append(rows, resultRow{Metric: "scalar", Values: []resultValue{{Text: number(v.V)}}})
	case promql.String:
		rows = append(rows, resultRow{Metric: "string", Values: []resultValue{{Text: short(v.V)}}})
	case promql.Vector:
		for _, s := range v {
			row := newResultRow(s.Metric)
			if s.H != nil {
				row.Values = []resultValue{{Text: short(s.H.String())}}
			} else {
				row.Values = []resultValue{{Text: number(s.F)}}
			}
			rows = append(rows, row)
		}
	case promql.Matrix:
		for _, s := range v {
			row := newResultRow(s.Metric)
			floats, histograms := s.Floats[max(0, len(s.Floats)-maxPoints):], s.Histograms[max(0, len(s.Histograms)-maxPoints):]
			for _, p := range floats {
				row.Values = append(row.Values, resultValue{number(p.F), moment{time.UnixMilli(p.T), now}})
			}
			for _, p := range histograms {
				row.Values = append(row.Values, resultValue{short(p.H.String()), moment{time.UnixMilli(p.T), now}})
			}
			row.Left = len(s.Floats) + len(s.Histograms) - len(row.Values)
			rows = append(rows, row)
		}
	}
	return rows
}

func newResultRow(ls labels.Labels) resultRow {
	row := resultRow{Metric: ls.Get(labels.MetricName)}
	ls.Range(func(l labels.Label) {
		if l.Name != labels.MetricName {
			row.Labels = append(row.Labels, pair{short(l.Name), short(l.Value)})
		}
	})
	return row
}

// number is a sample as PromQL prints it, in full.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func newFailure(expr string, e *apiError) *failure {
	f := &failure{Text: short(redact(e.err.Error()))}
	switch e.kind {
	case typeBadData:
		f.Title = "The expression is not valid"
	case typeTimeout:
		f.Title = "The query took too long"
	case typeUnavailable:
		f.Title = "There is no storage to query"
	case typeCanceled:
		f.Title = "The query was cancelled"
	default:
		f.Title = "The query failed"
	}
	var parse parser.ParseErrors
	if !errors.As(e.err, &parse) || len(parse) == 0 {
		return f
	}
	f.Text = parse[0].Error()
	start, end := int(parse[0].PositionRange.Start), int(parse[0].PositionRange.End)
	if start < 0 || start > end || end > len(expr) || expr == "" {
		return f
	}
	if start == end { // a point: mark what stands there, or the place after the end
		_, size := utf8.DecodeRuneInString(expr[end:])
		end += size
	}
	f.Before, f.Wrong, f.After = expr[:start], cmp.Or(expr[start:end], " "), expr[end:]
	return f
}

// parseMoment reads the time of the query page: as the API does, or as people
// write it, which is then UTC as all times on the pages are.
func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05-07:00", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return parseTime(s)
}
