package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/stats"
)

// Limits of one query: Prometheus's own, but for the samples in memory at once, of
// which Prometheus allows ten times as many. A window of a rule counts only while
// its series is evaluated.
const (
	QueryTimeout  = 2 * time.Minute
	MaxSamples    = 5_000_000
	lookbackDelta = 5 * time.Minute
)

func newPromQL(opts Options) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger:               slog.New(slog.DiscardHandler),
		Reg:                  opts.Registerer,
		MaxSamples:           MaxSamples,
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

// Query is one query of people and programs; rules have their own way.
type Query struct {
	Expr string
	// Start is when the expression is evaluated; with a Step it is evaluated at
	// Start and at every Step from there, until End.
	Start, End time.Time
	Step       time.Duration
	// Lookback is how far back a selector looks for a sample; zero means 5
	// minutes.
	Lookback time.Duration
}

// Result is what a Query gave.
type Result struct {
	Value parser.Value
	Notes annotations.Annotations
	// Stats is how much work it was.
	Stats stats.QueryStats

	release func()
}

// Release gives the memory of Value back; Value must not be used any more. It
// need not be called.
func (r Result) Release() {
	if r.release != nil {
		r.release()
	}
}

// InvalidQueryError says that a query cannot be run, whatever the data: it does
// not parse, or it gives nothing that a range query can show.
type InvalidQueryError struct{ Err error }

func (e InvalidQueryError) Error() string { return e.Err.Error() }

func (e InvalidQueryError) Unwrap() error { return e.Err }

// Execute runs one query. The error is an InvalidQueryError or one of promql's
// typed errors. It may be called at any time.
func (e *Engine) Execute(ctx context.Context, q Query) (Result, error) {
	opts := promql.NewPrometheusQueryOpts(false, q.Lookback, nil)
	var (
		pq  promql.Query
		err error
	)
	if err := e.checkSubqueries(q.Expr, max(0, q.End.Sub(q.Start))); err != nil {
		return Result{}, InvalidQueryError{err}
	}
	if q.Step == 0 {
		pq, err = e.promql.NewInstantQuery(ctx, e.opts.Queryable, opts, q.Expr, q.Start)
	} else {
		pq, err = e.promql.NewRangeQuery(ctx, e.opts.Queryable, opts, q.Expr, q.Start, q.End, q.Step)
	}
	if err != nil {
		return Result{}, InvalidQueryError{err}
	}
	res := pq.Exec(ctx)
	if res.Err != nil {
		pq.Close()
		return Result{Notes: res.Warnings}, transparent(res.Err)
	}
	return Result{Value: res.Value, Notes: res.Warnings, Stats: stats.NewQueryStats(pq.Stats()), release: pq.Close}, nil
}

// Query evaluates an expression at one moment. The error is as Execute's.
func (e *Engine) Query(ctx context.Context, expr string, ts time.Time) (parser.Value, annotations.Annotations, error) {
	res, err := e.Execute(ctx, Query{Expr: expr, Start: ts, End: ts})
	if err != nil {
		return nil, res.Notes, err
	}
	if !shares(res.Value) {
		res.Release()
	}
	return res.Value, res.Notes, nil
}

// shares tells whether a value lives in the memory of its query: range vectors
// do, and histograms.
func shares(v parser.Value) bool {
	switch v := v.(type) {
	case promql.Matrix:
		return true
	case promql.Vector:
		return slices.ContainsFunc(v, func(s promql.Sample) bool { return s.H != nil })
	}
	return false
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
