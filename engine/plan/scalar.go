package plan

import (
	"math"

	"github.com/prometheus/prometheus/promql/parser"
)

// scalar compiles an expression that gives a scalar; nil if it cannot.
func (c *compiler) scalar(e parser.Expr) scalar {
	switch x := e.(type) {
	case *parser.ParenExpr:
		return c.scalar(x.Expr)
	case *parser.NumberLiteral:
		return number(x.Val)
	case *parser.UnaryExpr:
		s := c.scalar(x.Expr)
		if s == nil || x.Op != parser.SUB {
			return s
		}
		return negative{s}
	case *parser.BinaryExpr:
		l, r := c.scalar(x.LHS), c.scalar(x.RHS)
		if l == nil || r == nil {
			return nil
		}
		return &scalarOperation{op: x.Op, left: l, right: r}
	case *parser.Call:
		switch x.Func.Name {
		case "time":
			return evaluationTime{}
		case "pi":
			return number(math.Pi)
		case "scalar":
			if in := c.vector(x.Args[0]); in != nil {
				return onlyElement{in}
			}
		}
	}
	return nil
}

type number float64

func (n number) scalar(*turn) (float64, int, bool) { return float64(n), 1, true }

type evaluationTime struct{}

func (evaluationTime) scalar(t *turn) (float64, int, bool) { return float64(t.at) / 1000, 1, true }

type negative struct{ of scalar }

func (n negative) scalar(t *turn) (float64, int, bool) {
	v, weight, ok := n.of.scalar(t)
	return -v, weight + 1, ok
}

type scalarOperation struct {
	op          parser.ItemType
	left, right scalar
}

func (s *scalarOperation) scalar(t *turn) (float64, int, bool) {
	l, lw, lok := s.left.scalar(t)
	r, rw, rok := s.right.scalar(t)
	if !lok || !rok {
		return 0, 0, false
	}
	v, keep := operate(s.op, l, r)
	if s.op.IsComparisonOperator() {
		v = toFloat(keep)
	}
	return v, lw + rw + 1, true
}

// onlyElement is scalar(): the value of a vector of one element, else NaN.
type onlyElement struct{ in *node }

func (o onlyElement) scalar(t *turn) (float64, int, bool) {
	c, ok := o.in.vector(t)
	switch {
	case !ok:
		return 0, 0, false
	case len(c.values) == 1:
		return c.values[0], c.weight + 1, true
	default:
		return math.NaN(), c.weight + 1, true
	}
}

// operate is a binary operator between two floats; keep is what a comparison says.
func operate(op parser.ItemType, l, r float64) (v float64, keep bool) {
	switch op {
	case parser.ADD:
		return l + r, true
	case parser.SUB:
		return l - r, true
	case parser.MUL:
		return l * r, true
	case parser.DIV:
		return l / r, true
	case parser.POW:
		return math.Pow(l, r), true
	case parser.MOD:
		return math.Mod(l, r), true
	case parser.ATAN2:
		return math.Atan2(l, r), true
	case parser.EQLC:
		return l, l == r
	case parser.NEQ:
		return l, l != r
	case parser.GTR:
		return l, l > r
	case parser.LSS:
		return l, l < r
	case parser.GTE:
		return l, l >= r
	case parser.LTE:
		return l, l <= r
	}
	panic("plan: no operator between floats: " + op.String()) // compile let it through
}

// changesSchema tells of an operator whose result is another metric.
func changesSchema(op parser.ItemType) bool {
	switch op {
	case parser.ADD, parser.SUB, parser.DIV, parser.MUL, parser.POW, parser.MOD, parser.ATAN2:
		return true
	}
	return false
}

func toFloat(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
