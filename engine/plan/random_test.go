package plan

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// speaker makes random expressions over the series of a random history.
type speaker struct{ *rand.Rand }

func (r speaker) pick(from ...string) string { return from[r.IntN(len(from))] }

func (r speaker) selector() string {
	name := r.pick("a_total", "b_total", "gauge", "steps", "lat_bucket", "sparse", "weird", "info_metric", "late", "churn")
	if r.IntN(60) == 0 {
		name = "nh"
	}
	var ms []string
	if r.IntN(3) == 0 {
		ms = append(ms, r.pick(`i="0"`, `i="1"`, `i=~"[01]"`, `i!="2"`, `g="x"`, `g=~"x|y"`, `g!~"x"`, `z=""`, `le="+Inf"`, `nope="1"`))
	}
	if r.IntN(25) == 0 {
		ms = append(ms, r.pick(`__name__=~"a_total|b_total|gauge"`, `__name__=~"gauge|steps"`))
		return "{" + strings.Join(ms, ",") + "}"
	}
	if len(ms) > 0 {
		return name + "{" + strings.Join(ms, ",") + "}"
	}
	return name
}

func (r speaker) offset() string {
	if r.IntN(6) == 0 {
		return " offset " + r.pick("1m", "5m", "17s", "2m30s")
	}
	return ""
}

func (r speaker) scalar(depth int) string {
	switch r.IntN(9) {
	case 0:
		return r.pick("time()", "pi()")
	case 1:
		if depth > 0 {
			return "scalar(" + r.vector(depth-1) + ")"
		}
	case 2:
		if depth > 0 {
			return "(" + r.scalar(depth-1) + " " + r.pick("+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool") + " " + r.scalar(depth-1) + ")"
		}
	case 3:
		return "-" + r.pick("1", "0.5", "100")
	}
	return r.pick("0", "1", "0.5", "2", "10", "100", "1e3", "0.1", "NaN", "Inf", "3")
}

func (r speaker) names() string {
	var ls []string
	for range r.IntN(3) {
		ls = append(ls, r.pick("i", "g", "le", "z", "nope", "__name__"))
	}
	return "(" + strings.Join(ls, ",") + ")"
}

func (r speaker) grouping() string {
	return r.pick("", " by "+r.names()+" ", " without "+r.names()+" ")
}

func (r speaker) matching(set bool) string {
	s := r.pick("", " on"+r.names()+" ", " ignoring"+r.names()+" ", " on (i,g) ")
	if !set && s != "" && r.IntN(3) == 0 {
		s += r.pick("group_left", "group_right") + r.pick("", "(z)", "(g)", "(ver)", "()") + " "
	}
	return s
}

func (r speaker) overtime() string {
	window := r.pick("[1m]", "[5m]", "[2m]", "[30s]", "[17s]", "[10m]", "[20m]")
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("predict_linear(%s[5m], %s)", r.selector(), r.scalar(0))
	case 1:
		return fmt.Sprintf("quantile_over_time(%s, %s[5m])", r.pick("0.5", "0.9", "2"), r.selector())
	case 2:
		return fmt.Sprintf("absent_over_time(%s%s%s)", r.selector(), window, r.offset())
	case 3:
		return r.pick("rate", "increase") + "(" + r.selector() + window + r.offset() + ")"
	}
	return r.pick("rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "avg_over_time", "sum_over_time",
		"min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time", "stddev_over_time", "stdvar_over_time",
		"present_over_time", "mad_over_time", "ts_of_max_over_time", "ts_of_last_over_time") + "(" + r.selector() + window + r.offset() + ")"
}

func (r speaker) function(depth int) string {
	v := r.vector(depth - 1)
	return r.pick("abs("+v+")", "ceil("+v+")", "round("+v+", 0.1)", "clamp("+v+", 1, 5)", "clamp("+v+", 5, 1)",
		"clamp_max("+v+","+r.scalar(0)+")", "sqrt("+v+")", "absent("+v+")", "-"+r.selector(), "-("+v+")", "vector("+r.scalar(1)+")",
		"absent("+r.selector()+")", "timestamp("+r.selector()+r.offset()+")", "timestamp("+v+")", "hour("+v+")", "minute()", "sgn("+v+")",
		"sort("+v+")", "sort_desc("+v+")",
		`label_replace(`+v+`, "`+r.pick("z", "i", "__name__")+`", "`+r.pick("$1", "x", "")+`", "`+r.pick("i", "g")+`", "`+r.pick("(.*)", "[01]", "x")+`")`,
		`label_join(`+v+`, "`+r.pick("z", "i")+`", "-", "i", "g")`)
}

func (r speaker) vector(depth int) string {
	if depth <= 0 {
		return r.selector() + r.offset()
	}
	switch r.IntN(20) {
	case 0, 1:
		return r.selector() + r.offset()
	case 2, 3, 4, 5:
		return r.overtime()
	case 6, 7, 8:
		return r.pick("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar") + r.grouping() + "(" + r.vector(depth-1) + ")"
	case 9:
		return r.pick("topk", "bottomk", "quantile") + r.grouping() + "(" + r.pick("2", "1", "0.5", "0", "3", r.scalar(1)) + ", " + r.vector(depth-1) + ")"
	case 10, 11, 12:
		return "(" + r.vector(depth-1) + " " + r.pick(">", "<", "==", "!=", ">=", "<=", "> bool", "== bool", "+", "-", "*", "/", "%", "^") + " " + r.scalar(1) + ")"
	case 13:
		return "(" + r.scalar(1) + " " + r.pick(">", "<", "==", "<= bool", "+", "-", "*", "/") + " " + r.vector(depth-1) + ")"
	case 14, 15:
		return "(" + r.vector(depth-1) + " " + r.pick(">", "<", "==", "!=", "> bool", "+", "-", "*", "/", "atan2") + r.matching(false) + " " + r.vector(depth-1) + ")"
	case 16, 17:
		return "(" + r.vector(depth-1) + " " + r.pick("and", "or", "unless") + r.matching(true) + " " + r.vector(depth-1) + ")"
	case 18:
		return r.function(depth)
	default:
		return r.pick("histogram_quantile(0.9, "+r.vector(depth-1)+")", "histogram_quantile("+r.scalar(0)+", sum by (le,i) (rate(lat_bucket[5m])))",
			"histogram_quantile(0.5, rate(lat_bucket[2m]))", "max_over_time("+r.selector()+"[5m:1m])", r.selector()+" @ 1795219500", "count_values(\"v\", "+r.vector(depth-1)+")")
	}
}
