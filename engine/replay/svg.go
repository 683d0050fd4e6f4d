package replay

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/engine/history"
)

// Measures of the picture, in pixels.
const (
	svgWidth  = 1200
	svgPlotX  = 364 // where the plot begins
	svgPlotW  = 802
	svgPlotY  = 92
	svgRow    = 34
	svgBar    = 14
	svgFoot   = 44
	svgCaseW  = 48 // letters of an alert's labels that fit beside the plot
	svgMinBar = 2  // so that the shortest alert is seen
)

// maxSVGRows bounds the height of the picture.
const maxSVGRows = 500

// svgStyle has both faces: browsers choose by the reader's setting.
const svgStyle = `
  svg { color-scheme: light dark; --back: #ffffff; --ink: #1c2430; --faint: #5b6675; --line: #dfe4ea; --band: #f6f8fa; --gap: #aab3be;
    --critical: #d1242f; --warning: #d4810b; --info: #0969da; --other: #7a52c7; }
  @media (prefers-color-scheme: dark) { svg { --back: #11161d; --ink: #e6ebf1; --faint: #95a1b0; --line: #2a323d; --band: #171d26; --gap: #4a5563;
    --critical: #ff6a69; --warning: #f0a63a; --info: #5aa9ff; --other: #b294f5; } }
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: var(--ink); }
  .title { font-size: 18px; font-weight: 600; }
  .name { font-weight: 600; }
  .faint { fill: var(--faint); font-size: 12px; }
  .back { fill: var(--back); }
  .band { fill: var(--band); }
  .grid { stroke: var(--line); }
  .hatch { stroke: var(--gap); stroke-width: 1.5; }
  .critical { fill: var(--critical); } .warning { fill: var(--warning); } .info { fill: var(--info); } .other { fill: var(--other); }
  .pending { opacity: .45; }
`

// picture is an SVG that is being written.
type picture struct {
	*Report
	strings.Builder
	rows []svgLine
	left int // rows that are left out
}

// svgLine is one alert, with each time that it fired.
type svgLine struct {
	name, labels string
	fired        []*Alert
}

// WriteSVG writes the report as a timeline: a picture that stands alone, without
// scripts, for light and dark surroundings.
func (r *Report) WriteSVG(w io.Writer) error {
	p := &picture{Report: r, rows: r.lines()}
	if over := len(p.rows) - maxSVGRows; over > 0 {
		p.rows, p.left = p.rows[:maxSVGRows], over
	}
	height := svgPlotY + max(len(p.rows), 1)*svgRow + svgFoot
	p.put(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">`,
		svgWidth, height, svgWidth, height, escape(r.headline()))
	p.put("<style>%s</style>", svgStyle)
	p.put(`<defs><pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>`)
	p.put(`<rect class="back" width="%d" height="%d"/>`, svgWidth, height)
	p.text(24, 34, "title", r.headline())
	p.text(24, 56, "faint", fmt.Sprintf("%s to %s (%s)", moment(r.From), moment(r.To), length(r.To.Sub(r.From))))
	p.legend()
	p.surface()
	for i, line := range p.rows {
		p.line(line, svgPlotY+i*svgRow)
	}
	foot := fmt.Sprintf("%s in %s, a scrape every %s. Times are UTC.", count(r.Rules, "rule"), count(r.Groups, "group"), length(r.Interval))
	if p.left > 0 {
		foot = fmt.Sprintf("%s more are not shown. %s", count(p.left, "alert"), foot)
	}
	p.text(24, height-16, "faint", foot)
	p.put("</svg>")
	_, err := io.WriteString(w, p.String())
	return err
}

func (r *Report) headline() string {
	if len(r.Alerts) == 0 {
		return "No alert would have fired"
	}
	return count(len(r.Alerts), "alert") + " would have fired"
}

// lines groups what fired by alert, in the order of rules' names.
func (r *Report) lines() []svgLine {
	byID := map[string]*svgLine{}
	for i := range r.Alerts {
		a := &r.Alerts[i]
		id := a.Rule.Alert + "\x00" + a.ownLabels() + "\x00" + a.File + "\x00" + a.Group
		if byID[id] == nil {
			byID[id] = &svgLine{name: a.Rule.Alert, labels: a.ownLabels()}
		}
		byID[id].fired = append(byID[id].fired, a)
	}
	out := make([]svgLine, 0, len(byID))
	for _, l := range byID {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b svgLine) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.labels, b.labels), a.fired[0].Start.Compare(b.fired[0].Start),
			cmp.Compare(a.fired[0].Group, b.fired[0].Group))
	})
	return out
}

func (p *picture) put(format string, args ...any) { fmt.Fprintf(&p.Builder, format+"\n", args...) }

func (p *picture) text(x, y int, class, s string) {
	p.put(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, escape(s))
}

// at is where a time is in the plot.
func (p *picture) at(t time.Time) float64 {
	part := float64(t.Sub(p.From)) / float64(p.To.Sub(p.From))
	return svgPlotX + svgPlotW*min(max(part, 0), 1)
}

// legend explains the colours that occur.
func (p *picture) legend() {
	used := map[string]bool{}
	for _, a := range p.Alerts {
		used[severity(&a)] = true
	}
	x := svgWidth - 24
	item := func(class, shape, what string) {
		x -= 7*len(what) + 36
		p.put(`<rect x="%d" width="14" rx="2" class="%s" %s/>`, x, class, shape)
		p.text(x+20, 35, "faint", what)
	}
	const full = `y="24" height="12"`
	if len(p.Gaps) > 0 {
		item("gap", full+` fill="url(#gap)"`, "nothing scraped")
	}
	for _, class := range []string{"other", "info", "warning", "critical"} {
		if used[class] {
			item(class, full, class)
		}
	}
	if len(used) > 0 {
		item("other pending", `y="28" height="4"`, "pending")
	}
}

// surface is what the bars lie on: bands, hours, gaps.
func (p *picture) surface() {
	bottom := svgPlotY + max(len(p.rows), 1)*svgRow
	for i := 0; i < len(p.rows); i += 2 {
		p.put(`<rect class="band" x="16" y="%d" width="%d" height="%d"/>`, svgPlotY+i*svgRow, svgWidth-24, svgRow)
	}
	step := history.AxisStep(p.To.Sub(p.From), 12)
	for t := p.From.UTC().Truncate(step); !t.After(p.To); t = t.Add(step) {
		if t.Before(p.From) {
			continue
		}
		form := "15:04"
		if t.Equal(t.Truncate(24 * time.Hour)) {
			form = "Jan 2"
		} else if step < time.Minute {
			form = "15:04:05"
		}
		x := p.at(t)
		p.put(`<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, x, svgPlotY-6, x, bottom)
		p.put(`<text x="%.1f" y="%d" class="faint" text-anchor="middle">%s</text>`, x, svgPlotY-12, t.Format(form))
	}
	for _, g := range p.Gaps {
		p.put(`<rect fill="url(#gap)" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, p.at(g.From), svgPlotY,
			max(p.at(g.To)-p.at(g.From), svgMinBar), bottom-svgPlotY,
			escape(fmt.Sprintf("Nothing was scraped from %s to %s (%s)", moment(g.From), moment(g.To), length(g.To.Sub(g.From)))))
	}
}

// line is one alert: its name, its labels, and a bar for each time it fired.
func (p *picture) line(l svgLine, y int) {
	p.put("<g>")
	p.text(24, y+15, "name", cut(l.name, svgCaseW-8))
	p.text(24, y+29, "faint", cut(caption(l.fired[0]), svgCaseW))
	for _, a := range l.fired {
		class := severity(a)
		end := ", still firing"
		if !a.Firing {
			end = " to " + moment(a.End)
		}
		tip := escape(fmt.Sprintf("%s %s\nfrom %s%s (%s), peak %s", l.name, l.labels, moment(a.Start), end, length(a.Duration()), short(a.Peak)))
		from, to := p.at(a.Start), p.at(a.End)
		if active := p.at(a.ActiveAt); from-active >= 1 {
			p.put(`<rect class="%s pending" x="%.1f" y="%d" width="%.1f" height="4"/>`, class, active, y+(svgRow-4)/2, from-active)
		}
		p.put(`<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="2"><title>%s</title></rect>`,
			class, from, y+(svgRow-svgBar)/2, max(to-from, svgMinBar), svgBar, tip)
		if a.Firing {
			p.put(`<path class="%s" d="M%.1f %d l9 %d l-9 %d z"/>`, class, to+2, y+(svgRow-svgBar)/2, svgBar/2, svgBar/2)
		}
	}
	p.put("</g>")
}

// caption is the labels, but for what the picture says by name and colour.
func caption(a *Alert) string {
	ls := labels.NewBuilder(a.Labels).Del(labels.AlertName, "severity").Labels()
	return strings.Trim(ls.String(), "{}")
}

// severity is the colour of an alert.
func severity(a *Alert) string {
	switch strings.ToLower(a.Labels.Get("severity")) {
	case "critical", "page", "error", "emergency", "alert":
		return "critical"
	case "warning", "warn":
		return "warning"
	case "info", "none", "notice", "information":
		return "info"
	}
	return "other"
}

// cut shortens a text to n letters.
func cut(s string, n int) string {
	if letters := []rune(s); len(letters) > n {
		return string(letters[:n-1]) + "…"
	}
	return s
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
