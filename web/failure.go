package web

import (
	"cmp"
	"errors"
	"unicode/utf8"

	"github.com/prometheus/prometheus/promql/parser"
)

// failure is an error in an expression; Before, Wrong and After are the
// expression with the part that the parser has stumbled over.
type failure struct {
	Title, Text          string
	Before, Wrong, After string
}

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
