package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tocsin/tocsin/engine"
)

// graphPage is the page that shows the result of an expression: as a table at one
// moment, or as a chart of the time before it.
type graphPage struct {
	frame
	graphForm
	Asked    bool // there is an expression
	At       moment
	Took     string
	Kind     string // of the value, in PromQL's words
	Rows     bounded[resultRow]
	Chart    *graphChart // nil in the table
	Moves    graphMoves
	Warnings []string
	Infos    []string
	Failure  *failure
}

// graph is the page at /graph.
func (h *Handler) graph(w http.ResponseWriter, r *http.Request) {
	src := h.source()
	p := graphPage{frame: src.frame("graph", "Graph")}
	p.Still = "graph"
	p.graphForm, p.Failure = newGraphForm(r.URL.Query(), src.now)
	p.Asked, p.At = p.Expr != "", moment{p.at, src.now}
	code := http.StatusOK
	switch {
	case p.Failure != nil:
		code = http.StatusBadRequest
	case p.Asked:
		code = h.fillResult(r, &p)
	}
	h.views.render(w, code, "graph", p)
}

// fillResult evaluates the expression of p, and returns the status of the page.
func (h *Handler) fillResult(r *http.Request, p *graphPage) int {
	began := time.Now() // what the user waits for; not the engine's timeline
	q := engine.Query{Expr: p.Expr, Start: p.at}
	if p.Tab == tabGraph {
		q, p.Moves = p.query(), p.moves(p.Now.at)
	}
	res, done, e := h.evaluate(r.Context(), q, queryTimeout)
	if e != nil {
		p.Failure = newFailure(p.Expr, e)
		return e.status()
	}
	defer done()
	p.Took = spanText(time.Since(began))
	p.Warnings, p.Infos = noteTexts(res.Notes, p.Expr)
	p.Kind = string(res.Value.Type())
	if matrix, ok := res.Value.(promql.Matrix); ok && p.Tab == tabGraph {
		p.Chart = newGraphChart(matrix, q)
		return http.StatusOK
	}
	p.Rows.Total = 1
	switch v := res.Value.(type) {
	case promql.Vector:
		p.Rows.Total = len(v)
	case promql.Matrix:
		p.Rows.Total = len(v)
	}
	value, _ := truncate(res.Value, maxShown)
	p.Rows.Shown = resultRows(value, p.Now.at)
	return http.StatusOK
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

// promQLWords are what completion offers beside names that are stored.
type promQLWords struct{ Functions, Aggregations, Keywords string }

// newPromQLWords has what the parser takes without its experiments.
func newPromQLWords() promQLWords {
	var functions, aggregations []string
	for name, f := range parser.Functions {
		if !f.Experimental {
			functions = append(functions, name)
		}
	}
	for kind, name := range parser.ItemTypeStr {
		if kind.IsAggregator() && !kind.IsExperimentalAggregator() {
			aggregations = append(aggregations, name)
		}
	}
	slices.Sort(functions)
	slices.Sort(aggregations)
	return promQLWords{
		strings.Join(functions, " "), strings.Join(aggregations, " "),
		"and bool by group_left group_right ignoring offset on or unless without",
	}
}
