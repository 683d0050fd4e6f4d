package lint

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// absent reports alerts that say that something is absent, but not what.
func (p *pass) absent() {
	if p.rule.Alert == "" {
		return
	}
	p.inspect(func(n parser.Node) {
		call, ok := n.(*parser.Call)
		if !ok || !isAbsent(call) {
			return
		}
		sel := selector(argument(call, 0))
		switch {
		case sel == nil:
			p.reportAt(AbsentNoLabels, call,
				call.Func.Name+"() of anything but a plain selector has no labels: the alert does not say what is absent",
				`give it a selector with = matchers, such as up{job="docker"}`)
		case !hasLabels(sel):
			p.reportAt(AbsentNoLabels, call,
				call.Func.Name+"() takes its labels from = matchers, and here are none: the alert does not say what is absent",
				`add what you know of it, such as {job="docker"}`)
		}
	})
}

func isAbsent(call *parser.Call) bool {
	return call.Func.Name == "absent" || call.Func.Name == "absent_over_time"
}

// selector is e as a selector, or nil if it is something else.
func selector(e parser.Expr) *parser.VectorSelector {
	switch x := e.(type) {
	case *parser.VectorSelector:
		return x
	case *parser.MatrixSelector:
		return selector(x.VectorSelector)
	}
	return nil
}

// hasLabels tells whether absent() can give labels: it takes those of = matchers,
// except where another matcher of the same label follows.
func hasLabels(sel *parser.VectorSelector) bool {
	count := map[string]int{}
	for _, m := range sel.LabelMatchers {
		count[m.Name]++
	}
	for _, m := range sel.LabelMatchers {
		if m.Name != model.MetricNameLabel && m.Type == labels.MatchEqual && m.Value != "" && count[m.Name] == 1 {
			return true
		}
	}
	return false
}
