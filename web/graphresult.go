package web

import (
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// maxPoints bounds the points of one series of a range vector on the page.
const maxPoints = 20

// bounded is a list cut to maxShown.
type bounded[T any] struct {
	Shown []T
	Total int
}

// More is the number of those that are not shown.
func (b bounded[T]) More() int { return b.Total - len(b.Shown) }

// resultRow is one series of a result.
type resultRow struct {
	Metric string
	Labels []pair
	Values []resultValue
	// Left is the number of values before those that are shown.
	Left int
}

type resultValue struct {
	Text string
	At   moment // only in range vectors
}

func resultRows(value parser.Value, now time.Time) []resultRow {
	var rows []resultRow
	switch v := value.(type) {
	case promql.Scalar:
		rows = append(rows, resultRow{Metric: "scalar", Values: []resultValue{{Text: number(v.V)}}})
	case promql.String:
		rows = append(rows, resultRow{Metric: "string", Values: []resultValue{{Text: short(v.V)}}})
	case promql.Vector:
		for _, s := range v {
			row := newResultRow(s.Metric)
			if s.H != nil {
				row.Values = []resultValue{{Text: short(s.H.String())}}
			} else {
				row.Values = []resultValue{{Text: number(s.F)}}
			}
			rows = append(rows, row)
		}
	case promql.Matrix:
		for _, s := range v {
			row := newResultRow(s.Metric)
			floats, histograms := s.Floats[max(0, len(s.Floats)-maxPoints):], s.Histograms[max(0, len(s.Histograms)-maxPoints):]
			for _, p := range floats {
				row.Values = append(row.Values, resultValue{number(p.F), moment{time.UnixMilli(p.T), now}})
			}
			for _, p := range histograms {
				row.Values = append(row.Values, resultValue{short(p.H.String()), moment{time.UnixMilli(p.T), now}})
			}
			row.Left = len(s.Floats) + len(s.Histograms) - len(row.Values)
			rows = append(rows, row)
		}
	}
	return rows
}

func newResultRow(ls labels.Labels) resultRow {
	row := resultRow{Metric: ls.Get(labels.MetricName)}
	ls.Range(func(l labels.Label) {
		if l.Name != labels.MetricName {
			row.Labels = append(row.Labels, pair{short(l.Name), short(l.Value)})
		}
	})
	return row
}

// number is a sample as PromQL prints it, in full.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
