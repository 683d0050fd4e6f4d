package lint

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// durations reports times that are over before anybody looks again.
func (p *pass) durations() {
	interval, whose := p.group.Interval, "the group's interval"
	if interval == 0 {
		interval, whose = p.opts.Interval, "the default interval"
	}
	check := func(field string, d time.Duration, effect string) {
		if d <= 0 || d >= interval {
			return
		}
		p.report(ShortFor, field, 0,
			fmt.Sprintf("%s is shorter than %s of %s: %s", short(d), whose, short(interval), effect),
			fmt.Sprintf(`write "%s: %s", or give the group an interval of %s or less`, field, short(interval), short(d)))
	}
	check("for", p.rule.For, "the alert fires one interval after it was first seen")
	check("keep_firing_for", p.rule.KeepFiringFor, "the alert is kept for one interval")
}

// needsTwo are the functions that compare samples of a range with each other.
var needsTwo = map[string]bool{
	"rate": true, "increase": true, "irate": true, "delta": true, "idelta": true, "deriv": true,
	"predict_linear": true, "changes": true, "resets": true,
}

// ranges reports ranges that are too short for the function around them.
func (p *pass) ranges() {
	scrape := p.opts.ScrapeInterval
	p.inspect(func(n parser.Node) {
		call, ok := n.(*parser.Call)
		if !ok || !needsTwo[call.Func.Name] {
			return
		}
		m, ok := argument(call, 0).(*parser.MatrixSelector)
		if !ok || m.RangeExpr != nil || m.Range >= 2*scrape {
			return
		}
		effect := fmt.Sprintf("one late scrape leaves one sample in it, and %s() needs two", call.Func.Name)
		if m.Range <= scrape {
			effect = fmt.Sprintf("it holds one sample, and %s() needs two", call.Func.Name)
		}
		p.reportAt(ShortRange, m, fmt.Sprintf("the range of %s is too short for a scrape every %s: %s",
			short(m.Range), short(scrape), effect),
			fmt.Sprintf("write [%s], four scrapes, or more", short(4*scrape)))
	})
}

func short(d time.Duration) string { return model.Duration(d).String() }
