package plan

import (
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// call compiles a function that gives an instant vector; nil if it cannot.
func (c *compiler) call(x *parser.Call) operator {
	name := x.Func.Name
	switch {
	case overtimeFunction(name):
		return c.overtimeOrNil(x)
	case mappingFunction(name) && len(x.Args) == 0:
		return &moment{call: promql.FunctionCalls[name], labels: single(labels.EmptyLabels())}
	case mappingFunction(name):
		return c.mapping(x)
	}
	switch name {
	case "vector":
		if s := c.scalar(x.Args[0]); s != nil {
			return &constant{of: s, labels: single(labels.EmptyLabels())}
		}
	case "absent":
		return c.absence(x, c.vector(x.Args[0]))
	case "absent_over_time":
		return c.absence(x, c.presence(x))
	case "timestamp":
		return c.timestamp(x)
	case "sort", "sort_desc":
		if in := c.vector(x.Args[0]); in != nil {
			return &sorted{in: in, call: promql.FunctionCalls[name]}
		}
	case "histogram_quantile":
		return c.quantile(x)
	case "label_replace":
		return c.labelReplace(x)
	case "label_join":
		return c.labelJoin(x)
	}
	return nil
}

// overtimeOrNil keeps a nil *overtime from becoming an operator that is not nil.
func (c *compiler) overtimeOrNil(x *parser.Call) operator {
	if n := c.overtime(x); n != nil {
		return n
	}
	return nil
}

// presence is what absent_over_time() asks: the series that have a sample in the
// window.
func (c *compiler) presence(x *parser.Call) *node {
	n := c.overtime(x)
	if n == nil {
		return nil
	}
	n.keepsName = true // several names make no error here
	return &node{op: n, families: c.families(x)}
}

// timestamp of a selector gives when its samples are from; that of anything else
// is left to the engine.
func (c *compiler) timestamp(x *parser.Call) operator {
	arg := x.Args[0]
	for {
		p, ok := arg.(*parser.ParenExpr)
		if !ok {
			break
		}
		arg = p.Expr
	}
	vs, ok := arg.(*parser.VectorSelector)
	if !ok {
		return nil
	}
	s, reach := c.selector(vs, 0)
	if s == nil {
		return nil
	}
	return &instant{selector: s, reach: reach, order: c.order, offset: vs.OriginalOffset.Milliseconds(), times: true}
}

// text gives the string arguments from i on; false if one is something else.
func text(x *parser.Call, i int) ([]string, bool) {
	var out []string
	for _, arg := range x.Args[i:] {
		s, ok := arg.(*parser.StringLiteral)
		if !ok {
			return nil, false
		}
		out = append(out, s.Val)
	}
	return out, true
}

func (c *compiler) labelReplace(x *parser.Call) operator {
	in := c.vector(x.Args[0])
	args, ok := text(x, 1)
	if in == nil || !ok || len(args) != 4 {
		return nil
	}
	to, replacement, from := args[0], args[1], args[2]
	pattern, err := regexp.Compile("^(?s:" + args[3] + ")$")
	if err != nil || !model.UTF8Validation.IsValidLabelName(to) {
		return nil
	}
	return &relabeling{in: in, relabel: func(ls labels.Labels) labels.Labels {
		v := ls.Get(from)
		found := pattern.FindStringSubmatchIndex(v)
		if found == nil {
			return ls
		}
		lb := labels.NewBuilder(ls)
		lb.Set(to, string(pattern.ExpandString(nil, replacement, v, found)))
		return lb.Labels()
	}}
}

func (c *compiler) labelJoin(x *parser.Call) operator {
	in := c.vector(x.Args[0])
	args, ok := text(x, 1)
	if in == nil || !ok || len(args) < 2 || !model.UTF8Validation.IsValidLabelName(args[0]) {
		return nil
	}
	for _, from := range args[2:] {
		if !model.UTF8Validation.IsValidLabelName(from) {
			return nil
		}
	}
	return &relabeling{in: in, relabel: func(ls labels.Labels) labels.Labels {
		values := make([]string, len(args)-2)
		for i, from := range args[2:] {
			values[i] = ls.Get(from)
		}
		lb := labels.NewBuilder(ls)
		lb.Set(args[0], strings.Join(values, args[1]))
		return lb.Labels()
	}}
}
