package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// expr reads a rule's expression; it returns a nil Expr when it has reported
// what is wrong.
func (c *checker) expr(r Rule, fields []field) (string, parser.Expr) {
	const hint = "every rule needs a PromQL expression"
	f, ok := find(fields, "expr")
	if !ok {
		if !ruleLevel.meant(fields, "expr") {
			c.report(r.Pos, "expr", "is missing", hint)
		}
		return "", nil
	}
	text, ok := c.decodeText(f)
	if !ok {
		return "", nil
	}
	if text == "" {
		c.report(position(f.value), "expr", "is empty", hint)
		return "", nil
	}
	expr := c.parseExpr(f, text)
	if expr != nil {
		c.warnType(f, expr)
	}
	return text, expr
}

// parseExpr parses the text of f as PromQL; it is nil when it has reported what
// is wrong.
func (c *checker) parseExpr(f field, text string) parser.Expr {
	if !c.validText(f.value, f.name, text) {
		return nil
	}
	if n := nested(text); n > maxNested {
		c.report(position(f.value), f.name, fmt.Sprintf("has brackets %d deep; the limit is %d", n, maxNested), "")
		return nil
	}
	expr, err := c.promql.ParseExpr(text)
	if err != nil {
		c.refuseExpr(f, text, err)
		return nil
	}
	return expr
}

// refuseExpr reports all that the PromQL parser finds wrong with the text of f.
func (c *checker) refuseExpr(f field, text string, err error) {
	var errs parser.ParseErrors
	if !errors.As(err, &errs) || len(errs) == 0 {
		c.report(position(f.value), f.name, err.Error(), "")
		return
	}
	var last Problem
	for _, e := range errs {
		pos := c.source.locate(f.value, text, int(e.PositionRange.Start))
		msg := readable(e)
		if last.Pos == pos && last.Msg == msg {
			continue // the parser says some things twice
		}
		c.report(pos, f.name, msg, hintExpr(text, e))
		last = Problem{Pos: pos, Msg: msg}
	}
}

// readable is the text of an error without its place.
func readable(e parser.ParseErr) string { return itemKind.ReplaceAllString(e.Err.Error(), `"$1"$2`) }

// itemKind matches the parser's way of quoting operators and keywords.
var itemKind = regexp.MustCompile(`<(?:op:|aggr:)?([a-z_0-9]+|[^a-z ]+?)>( |,|$)`)

// warnType warns about expressions that parse and then fail at each evaluation.
func (c *checker) warnType(f field, expr parser.Expr) {
	switch expr.Type() {
	case parser.ValueTypeMatrix:
		c.warn(LintType, position(f.value), "expr", "this is a range of samples, and no evaluation of it can succeed", hintRange)
	case parser.ValueTypeString:
		c.warn(LintType, position(f.value), "expr", "this is a text, and no evaluation of it can succeed",
			"remove the inner quotes")
	}
}

const hintRange = "a range such as [5m] needs a function around it, such as rate() or max_over_time()"

// hintExpr guesses what to do about a PromQL error.
func hintExpr(text string, e parser.ParseErr) string {
	msg := e.Err.Error()
	at := ""
	if start := int(e.PositionRange.Start); start >= 0 && start < len(text) {
		at = text[start:]
	}
	if name, ok := strings.CutPrefix(msg, "unknown function with name "); ok {
		name, err := strconv.Unquote(name)
		if guess := Nearest(name, functions); err == nil && guess != "" {
			return "did you mean " + guess + "()?"
		}
		return ""
	}
	switch {
	case strings.HasPrefix(msg, "function ") && strings.HasSuffix(msg, " is not enabled"),
		strings.Contains(msg, "is experimental"):
		return "experimental PromQL is off, as it is in Prometheus by default"
	case strings.HasPrefix(msg, "unexpected") && strings.HasPrefix(at, "=") && !strings.HasPrefix(at, "=="):
		return `compare values with "=="`
	case strings.HasPrefix(msg, "unexpected character") && strings.Contains(msg, "&"):
		return `write "and"`
	case strings.HasPrefix(msg, "unexpected character") && strings.Contains(msg, "|"):
		return `write "or"`
	case strings.HasPrefix(msg, "unexpected end of input"):
		return "the expression breaks off; look for an operator without its right side"
	case strings.Contains(msg, "expected type range vector") && strings.Contains(msg, "got instant vector"):
		return "add a range, such as [5m]"
	case strings.Contains(msg, "expected type instant vector") && strings.Contains(msg, "got range vector"),
		strings.Contains(msg, "binary expression must contain only scalar and instant vector types"):
		return hintRange
	case strings.Contains(msg, "comparisons between scalars must use BOOL modifier"):
		return `compare a series, or write "bool" behind the operator`
	}
	return ""
}

// functions is what an unknown function may have been meant to be.
var functions = knownFunctions()

func knownFunctions() []string {
	var names []string
	for name, f := range parser.Functions {
		if !f.Experimental {
			names = append(names, name)
		}
	}
	for item, name := range parser.ItemTypeStr {
		if item.IsAggregator() && !item.IsExperimentalAggregator() {
			names = append(names, name)
		}
	}
	slices.Sort(names) // suggestions do not depend on the order of maps
	return names
}
