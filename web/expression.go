package web

import (
	"net/http"

	"github.com/prometheus/prometheus/promql/parser"
)

// formatQuery prints an expression in the one way that PromQL prints it.
func (h *Handler) formatQuery(w http.ResponseWriter, r *http.Request) {
	if expr, ok := h.expression(w, r); ok {
		h.respond(w, expr.Pretty(0))
	}
}

// parseQuery takes an expression apart.
func (h *Handler) parseQuery(w http.ResponseWriter, r *http.Request) {
	if expr, ok := h.expression(w, r); ok {
		h.respond(w, syntaxTree(expr))
	}
}

// expression reads the parameter "query"; where that cannot be parsed, it answers.
func (h *Handler) expression(w http.ResponseWriter, r *http.Request) (parser.Expr, bool) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return nil, false
	}
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Form.Get("query"))
	if err != nil {
		h.respondError(w, badParameter("query", err))
		return nil, false
	}
	return expr, true
}

// queryExemplars answers as a Prometheus that does not store exemplars: clients
// ask whether there are any.
func (h *Handler) queryExemplars(w http.ResponseWriter, r *http.Request) {
	if e := form(r); e != nil {
		h.respondError(w, e)
		return
	}
	if _, _, e := interval(r.Form); e != nil {
		h.respondError(w, e)
		return
	}
	if _, err := parser.NewParser(parser.Options{}).ParseExpr(r.Form.Get("query")); err != nil {
		h.respondError(w, &apiError{typeBadData, err})
		return
	}
	h.respond(w, []struct{}{})
}
