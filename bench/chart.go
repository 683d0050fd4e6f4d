package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Measures of the picture, in pixels: two panels a row, a row for each axis.
const (
	panelWidth, panelHeight = 420, 280
	panelLeft, panelTop     = 90, 40 // around the plot of each panel
	panelRight, panelBottom = 30, 60
	legendHeight            = 60
)

// chartStyle has both faces: browsers choose by the reader's setting.
const chartStyle = `
  svg { color-scheme: light dark; --back: #ffffff; --ink: #1c2430; --faint: #5b6675; --line: #dfe4ea;
    --c0: #d1242f; --c1: #0969da; --c2: #7a52c7; --c3: #d4810b; --c4: #1a7f37; --c5: #8c6f5a; --c6: #0e8a8a; }
  @media (prefers-color-scheme: dark) { svg { --back: #11161d; --ink: #e6ebf1; --faint: #95a1b0; --line: #2a323d;
    --c0: #ff6a69; --c1: #5aa9ff; --c2: #b294f5; --c3: #f0a63a; --c4: #4ac26b; --c5: #c9a98f; --c6: #4fc3c3; } }
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: var(--faint); }
  .title { font-size: 14px; font-weight: 600; fill: var(--ink); }
  .back { fill: var(--back); }
  .grid { stroke: var(--line); }
  .curve { fill: none; stroke-width: 2; }
  .slow { fill: var(--back); stroke-width: 2; }
`

// panel is one plot with logarithmic axes.
type panel struct {
	title      string
	x, xTitle  string
	left, top  int // of the plot
	format     func(float64) string
	base       float64 // the values at the axis are its powers
	cost       func(cost) float64
	curve      map[string][]point
	xMin, xMax float64
	yMin, yMax float64
}

// chart is an SVG that is being written.
type chart struct{ strings.Builder }

func (c *chart) put(format string, args ...any) { fmt.Fprintf(&c.Builder, format+"\n", args...) }

func (c *chart) text(x, y float64, anchor, class, s string) {
	c.put(`<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, escape(s))
}

// picture draws all curves: a picture that stands alone, without scripts, for
// light and dark surroundings.
func (r *report) picture() string {
	c := &chart{}
	width, height := 2*(panelLeft+panelWidth+panelRight), legendHeight+len(axes)*(panelTop+panelHeight+panelBottom)
	c.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="CPU and memory over the number of series and of rules">`,
		width, height, width, height)
	c.put("<style>%s</style>", chartStyle)
	c.put(`<rect class="back" width="%d" height="%d"/>`, width, height)
	c.legend(r.contestants)
	for row, x := range axes {
		for col, p := range []panel{
			{title: "CPU for each scrape with its evaluation", format: duration, base: 10, cost: func(c cost) float64 { return c.cpu }},
			{title: "RSS", format: size, base: 2, cost: func(c cost) float64 { return c.rss }},
		} {
			p.x, p.curve = x, r.results.curves[x]
			p.xTitle = r.form.axisTitle(x)
			p.left = col*(panelLeft+panelWidth+panelRight) + panelLeft
			p.top = legendHeight + row*(panelTop+panelHeight+panelBottom) + panelTop
			if p.scale() {
				c.panel(p, r.contestants)
			}
		}
	}
	c.put("</svg>")
	return c.String()
}

// legend is a line of names.
func (c *chart) legend(all []contestant) {
	x := 30.0
	for i, con := range all {
		if !con.in(partCurves) {
			continue
		}
		c.put(`<line class="curve" x1="%.1f" y1="23" x2="%.1f" y2="23" stroke="var(--c%d)"/>`, x, x+18, colour(i))
		c.text(x+24, 27, "start", "", con.name)
		x += 50 + 7*float64(len(con.name))
	}
	c.put(`<circle class="slow" cx="%.1f" cy="23" r="4" stroke="var(--faint)"/>`, x+9)
	c.text(x+24, 27, "start", "", "cannot keep up")
}

// axisTitle tells what grows along an axis, and what stays.
func (f form) axisTitle(x string) string {
	switch x {
	case bySeries:
		return fmt.Sprintf("series, with %d rules", f.rules)
	case byRules:
		return fmt.Sprintf("rules, over %d series", f.curveRulesSeries)
	}
	return "series, with a tenth as many rules"
}

// colour is that of a contestant.
func colour(i int) int { return i % 7 }

// scale finds the ends of the axes: whole powers. It is false for a panel
// without a point.
func (p *panel) scale() bool {
	var xs, ys []float64
	for _, points := range p.curve {
		for _, pt := range points {
			if y := p.cost(pt.cost); y > 0 {
				xs, ys = append(xs, float64(pt.size)), append(ys, y)
			}
		}
	}
	if len(xs) == 0 {
		return false
	}
	p.xMin, p.xMax = ends(xs, 10)
	p.yMin, p.yMax = ends(ys, p.base)
	return true
}

// ends are the powers of base around some values.
func ends(values []float64, base float64) (low, high float64) {
	const slack = 1e-9 // logarithms are not exact
	log := func(v float64) float64 { return math.Log(v) / math.Log(base) }
	low, high = math.Pow(base, math.Floor(log(slices.Min(values))+slack)), math.Pow(base, math.Ceil(log(slices.Max(values))-slack))
	return low, max(high, low*base)
}

// at is where a point is.
func (p *panel) at(x, y float64) (float64, float64) {
	part := func(v, low, high float64) float64 { return math.Log(v/low) / math.Log(high/low) }
	return float64(p.left) + panelWidth*part(x, p.xMin, p.xMax), float64(p.top) + panelHeight*(1-part(y, p.yMin, p.yMax))
}

// panel draws axes and curves.
func (c *chart) panel(p panel, all []contestant) {
	c.text(float64(p.left), float64(p.top)-14, "start", "title", p.title)
	const slack = 1.001 // powers are not exact
	for v := p.xMin; v <= p.xMax*slack; v *= 10 {
		x, bottom := p.at(v, p.yMin)
		c.put(`<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%.1f"/>`, x, p.top, x, bottom)
		c.text(x, bottom+18, "middle", "", count(v))
	}
	for v := p.yMin; v <= p.yMax*slack; v *= p.base {
		left, y := p.at(p.xMin, v)
		c.put(`<line class="grid" x1="%.1f" y1="%.1f" x2="%d" y2="%.1f"/>`, left, y, p.left+panelWidth, y)
		c.text(left-8, y+4, "end", "", strings.NewReplacer(".00 ", " ", ".0 ", " ").Replace(p.format(v)))
	}
	c.text(float64(p.left)+panelWidth/2, float64(p.top)+panelHeight+38, "middle", "", p.xTitle)
	for i, con := range all {
		points := p.curve[con.name]
		if len(points) == 0 {
			continue
		}
		c.curve(p, con.name, colour(i), points)
	}
}

// curve draws one contestant's points, and lines between them: a broken one to a
// point that does not tell the whole cost.
func (c *chart) curve(p panel, name string, colour int, points []point) {
	lastX, lastY := 0.0, 0.0
	for i, pt := range points {
		x, y := p.at(float64(pt.size), max(p.cost(pt.cost), p.yMin))
		if i > 0 {
			broken := ""
			if pt.slow {
				broken = ` stroke-dasharray="4 4"`
			}
			c.put(`<line class="curve" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="var(--c%d)"%s/>`, lastX, lastY, x, y, colour, broken)
		}
		lastX, lastY = x, y
	}
	for _, pt := range points {
		x, y := p.at(float64(pt.size), max(p.cost(pt.cost), p.yMin))
		face, told := fmt.Sprintf(`r="3" fill="var(--c%d)"`, colour), ""
		if pt.slow {
			face, told = fmt.Sprintf(`class="slow" r="4" stroke="var(--c%d)"`, colour), ", cannot keep up"
		}
		c.put(`<circle cx="%.1f" cy="%.1f" %s><title>%s</title></circle>`, x, y, face,
			escape(fmt.Sprintf("%s, %s: %s%s", name, sizeTitle(p.x, pt.size), p.format(p.cost(pt.cost)), told)))
	}
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
