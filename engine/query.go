package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
)

// Limits of one query: Prometheus's own, but for the samples in memory at once, of
// which Prometheus allows ten times as many. A window of a rule counts only while
// its series is evaluated.
const (
	QueryTimeout  = 2 * time.Minute
	maxSamples    = 5_000_000
	lookbackDelta = 5 * time.Minute
)

func newPromQL(opts Options) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:               slog.New(slog.DiscardHandler),
		Reg:                  opts.Registerer,
		MaxSamples:           maxSamples,
		Timeout:              QueryTimeout,
		LookbackDelta:        lookbackDelta,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return opts.Interval.Milliseconds()
		},
		Parser: parser.NewParser(parser.Options{}),
	})
}

// Query evaluates an expression at one moment, for people and programs; rules
// have their own way. The error is one of promql's typed errors, or a parse
// error. It may be called at any time.
func (e *Engine) Query(ctx context.Context, expr string, ts time.Time) (parser.Value, annotations.Annotations, error) {
	q, err := e.promql.NewInstantQuery(ctx, e.opts.Queryable, nil, expr, ts)
	if err != nil {
		return nil, nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return nil, res.Warnings, transparent(res.Err)
	}
	return detached(res.Value), res.Warnings, nil
}

// storageError is promql's, which hides its cause from errors.Is.
type storageError struct{ promql.ErrStorage }

func (e storageError) Unwrap() []error { return []error{e.ErrStorage, e.Err} }

func transparent(err error) error {
	var failed promql.ErrStorage
	if errors.As(err, &failed) {
		return storageError{failed}
	}
	return err
}

// detached copies what the query engine takes back when the query is closed.
func detached(v parser.Value) parser.Value {
	if m, ok := v.(promql.Matrix); ok {
		c := make(promql.Matrix, len(m))
		for i, s := range m {
			c[i] = promql.Series{
				Metric: s.Metric, DropName: s.DropName,
				Floats:     append([]promql.FPoint(nil), s.Floats...),
				Histograms: append([]promql.HPoint(nil), s.Histograms...),
			}
		}
		return c
	}
	return v
}

// vector evaluates an expression for a rule or template: scalars count as a
// vector of one element without labels.
func (e *Engine) vector(ctx context.Context, expr string, ts time.Time) (promql.Vector, error) {
	v, _, err := e.Query(ctx, expr, ts)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case promql.Vector:
		return v, nil
	case promql.Scalar:
		return promql.Vector{{T: v.T, F: v.V, Metric: labels.EmptyLabels()}}, nil
	default:
		return nil, errors.New("the expression gives neither a vector nor a scalar: a rule needs one of them (a range such as [5m] needs a function around it, rate() for instance)")
	}
}
