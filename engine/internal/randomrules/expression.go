package randomrules

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Speaker makes random expressions over the series of a random history: counters
// a_total and b_total, gauge, steps, sparse, weird, late, churn and info_metric with
// the labels i and g, lat_bucket with le too, and nh, a native histogram.
type Speaker struct{ *rand.Rand }

// New makes a speaker of which all that it says follows from r.
func New(r *rand.Rand) Speaker { return Speaker{r} }

// Pick is one of these.
func (r Speaker) Pick(from ...string) string { return from[r.IntN(len(from))] }

func (r Speaker) selector() string {
	name := r.Pick("a_total", "b_total", "gauge", "steps", "lat_bucket", "sparse", "weird", "info_metric", "late", "churn")
	if r.IntN(60) == 0 {
		name = "nh"
	}
	var ms []string
	if r.IntN(3) == 0 {
		ms = append(ms, r.Pick(`i="0"`, `i="1"`, `i=~"[01]"`, `i!="2"`, `g="x"`, `g=~"x|y"`, `g!~"x"`, `z=""`, `le="+Inf"`, `nope="1"`))
	}
	if r.IntN(25) == 0 {
		ms = append(ms, r.Pick(`__name__=~"a_total|b_total|gauge"`, `__name__=~"gauge|steps"`))
		return "{" + strings.Join(ms, ",") + "}"
	}
	if len(ms) > 0 {
		return name + "{" + strings.Join(ms, ",") + "}"
	}
	return name
}

func (r Speaker) offset() string {
	if r.IntN(6) == 0 {
		return " offset " + r.Pick("1m", "5m", "17s", "2m30s")
	}
	return ""
}

func (r Speaker) scalar(depth int) string {
	switch r.IntN(9) {
	case 0:
		return r.Pick("time()", "pi()")
	case 1:
		if depth > 0 {
			return "scalar(" + r.Vector(depth-1) + ")"
		}
	case 2:
		if depth > 0 {
			return "(" + r.scalar(depth-1) + " " + r.Pick("+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool") + " " + r.scalar(depth-1) + ")"
		}
	case 3:
		return "-" + r.Pick("1", "0.5", "100")
	}
	return r.Pick("0", "1", "0.5", "2", "10", "100", "1e3", "0.1", "NaN", "Inf", "3")
}

func (r Speaker) names() string {
	var ls []string
	for range r.IntN(3) {
		ls = append(ls, r.Pick("i", "g", "le", "z", "nope", "__name__"))
	}
	return "(" + strings.Join(ls, ",") + ")"
}

func (r Speaker) grouping() string {
	return r.Pick("", " by "+r.names()+" ", " without "+r.names()+" ")
}

func (r Speaker) matching(set bool) string {
	s := r.Pick("", " on"+r.names()+" ", " ignoring"+r.names()+" ", " on (i,g) ")
	if !set && s != "" && r.IntN(3) == 0 {
		s += r.Pick("group_left", "group_right") + r.Pick("", "(z)", "(g)", "(ver)", "()") + " "
	}
	return s
}

func (r Speaker) overtime() string {
	window := r.Pick("[1m]", "[5m]", "[2m]", "[30s]", "[17s]", "[10m]", "[20m]")
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("predict_linear(%s[5m], %s)", r.selector(), r.scalar(0))
	case 1:
		return fmt.Sprintf("quantile_over_time(%s, %s[5m])", r.Pick("0.5", "0.9", "2"), r.selector())
	case 2:
		return fmt.Sprintf("absent_over_time(%s%s%s)", r.selector(), window, r.offset())
	case 3:
		return r.Pick("rate", "increase") + "(" + r.selector() + window + r.offset() + ")"
	}
	return r.Pick("rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "sum_over_time",
		"min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time", "stddev_over_time", "stdvar_over_time",
		"present_over_time", "mad_over_time", "ts_of_max_over_time", "ts_of_last_over_time") + "(" + r.selector() + window + r.offset() + ")"
}

func (r Speaker) function(depth int) string {
	v := r.Vector(depth - 1)
	return r.Pick("abs("+v+")", "ceil("+v+")", "round("+v+", 0.1)", "clamp("+v+", 1, 5)", "clamp("+v+", 5, 1)",
		"clamp_max("+v+","+r.scalar(0)+")", "sqrt("+v+")", "absent("+v+")", "-"+r.selector(), "-("+v+")", "vector("+r.scalar(1)+")",
		"absent("+r.selector()+")", "timestamp("+r.selector()+r.offset()+")", "timestamp("+v+")", "hour("+v+")", "minute()", "sgn("+v+")",
		"sort("+v+")", "sort_desc("+v+")",
		`label_replace(`+v+`, "`+r.Pick("z", "i", "__name__")+`", "`+r.Pick("$1", "x", "")+`", "`+r.Pick("i", "g")+`", "`+r.Pick("(.*)", "[01]", "x")+`")`,
		`label_join(`+v+`, "`+r.Pick("z", "i")+`", "-", "i", "g")`)
}

// Vector is an expression that gives an instant vector, if any: types are right, labels
// may not match. depth is how many operations lie over a selector at most.
func (r Speaker) Vector(depth int) string {
	if depth <= 0 {
		return r.selector() + r.offset()
	}
	switch r.IntN(20) {
	case 0, 1:
		return r.selector() + r.offset()
	case 2, 3, 4, 5:
		return r.overtime()
	case 6, 7, 8:
		return r.Pick("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar") + r.grouping() + "(" + r.Vector(depth-1) + ")"
	case 9:
		return r.Pick("topk", "bottomk", "quantile") + r.grouping() + "(" + r.Pick("2", "1", "0.5", "0", "3", r.scalar(1)) + ", " + r.Vector(depth-1) + ")"
	case 10, 11, 12:
		return "(" + r.Vector(depth-1) + " " + r.Pick(">", "<", "==", "!=", ">=", "<=", "> bool", "== bool", "+", "-", "*", "/", "%", "^") + " " + r.scalar(1) + ")"
	case 13:
		return "(" + r.scalar(1) + " " + r.Pick(">", "<", "==", "<= bool", "+", "-", "*", "/") + " " + r.Vector(depth-1) + ")"
	case 14, 15:
		return "(" + r.Vector(depth-1) + " " + r.Pick(">", "<", "==", "!=", "> bool", "+", "-", "*", "/", "atan2") + r.matching(false) + " " + r.Vector(depth-1) + ")"
	case 16, 17:
		return "(" + r.Vector(depth-1) + " " + r.Pick("and", "or", "unless") + r.matching(true) + " " + r.Vector(depth-1) + ")"
	case 18:
		return r.function(depth)
	default:
		return r.Pick("histogram_quantile(0.9, "+r.Vector(depth-1)+")", "histogram_quantile("+r.scalar(0)+", sum by (le,i) (rate(lat_bucket[5m])))",
			"histogram_quantile(0.5, rate(lat_bucket[2m]))", "max_over_time("+r.selector()+"[5m:1m])", r.selector()+" @ 1795219500", "count_values(\"v\", "+r.Vector(depth-1)+")")
	}
}
