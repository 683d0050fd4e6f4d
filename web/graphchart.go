package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/tocsin/tocsin/engine"
)

// maxLines bounds the series of a chart: nobody tells more of them apart.
const maxLines = 20

// graphChart is the result of a range query: what a chart is drawn from, and the
// same in numbers.
type graphChart struct {
	// Start and Step are in seconds, as the script takes them.
	Start, Step string
	Steps       int
	Lines       bounded[graphLine]
}

// graphLine is one series over a time.
type graphLine struct {
	resultRow
	// Name is the whole series in PromQL.
	Name           string
	Min, Max, Last string
	// Points are the values at each step, with commas between; nothing where there
	// is no number.
	Points string
	// Histogram says that the series has histograms, which are not drawn.
	Histogram bool
}

func newGraphChart(matrix promql.Matrix, q engine.Query) *graphChart {
	c := &graphChart{Start: seconds(q.Start.UnixMilli()), Step: seconds(q.Step.Milliseconds()), Steps: int(q.End.Sub(q.Start) / q.Step)}
	c.Lines.Total = len(matrix)
	for _, s := range matrix[:min(len(matrix), maxLines)] {
		line := newGraphLine(s)
		line.Points = pointsText(s.Floats, q.Start, q.Step, c.Steps)
		c.Lines.Shown = append(c.Lines.Shown, line)
	}
	return c
}

func newGraphLine(s promql.Series) graphLine {
	line := graphLine{resultRow: newResultRow(s.Metric), Name: short(s.Metric.String()), Histogram: len(s.Histograms) > 0}
	if len(s.Floats) == 0 {
		return line
	}
	low, high := math.NaN(), math.NaN()
	for _, p := range s.Floats {
		if !(low <= p.F) && !math.IsNaN(p.F) {
			low = p.F
		}
		if !(high >= p.F) && !math.IsNaN(p.F) {
			high = p.F
		}
	}
	line.Min, line.Max, line.Last = valueText(low), valueText(high), valueText(s.Floats[len(s.Floats)-1].F)
	return line
}

// pointsText has nine digits of each value, which is more than a screen shows.
func pointsText(points []promql.FPoint, start time.Time, step time.Duration, steps int) string {
	var b strings.Builder
	for i := range steps + 1 {
		if i > 0 {
			b.WriteByte(',')
		}
		at := start.UnixMilli() + int64(i)*step.Milliseconds()
		for len(points) > 0 && points[0].T < at {
			points = points[1:]
		}
		if len(points) > 0 && points[0].T == at && !math.IsNaN(points[0].F) && !math.IsInf(points[0].F, 0) {
			b.WriteString(strings.Replace(strconv.FormatFloat(points[0].F, 'g', 9, 64), "+", "", 1)) // HTML escapes it
		}
	}
	return b.String()
}

// seconds are milliseconds as seconds.
func seconds(ms int64) string { return string(appendTimestamp(nil, ms)) }
