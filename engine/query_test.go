package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestExecute(t *testing.T) {
	b := newBench(t, nil)
	for i := range 5 {
		b.put(t0.Add(time.Duration(i)*step15), fmt.Sprintf(`x{a="1"} %d`, i))
	}
	at := func(n int) time.Time { return t0.Add(time.Duration(n) * step15) }
	for name, tt := range map[string]struct {
		q    Query
		want string
	}{
		"instant":            {Query{Expr: "x + 1", Start: at(2)}, fmt.Sprintf(`{a="1"} => 3 @[%d]`, at(2).UnixMilli())},
		"instant range":      {Query{Expr: "x[30s]", Start: at(2)}, fmt.Sprintf("{__name__=\"x\", a=\"1\"} =>\n1 @[%d]\n2 @[%d]", at(1).UnixMilli(), at(2).UnixMilli())},
		"range":              {Query{Expr: "x", Start: at(0), End: at(4), Step: 2 * step15}, fmt.Sprintf("{__name__=\"x\", a=\"1\"} =>\n0 @[%d]\n2 @[%d]\n4 @[%d]", at(0).UnixMilli(), at(2).UnixMilli(), at(4).UnixMilli())},
		"one step":           {Query{Expr: "x", Start: at(1), End: at(1), Step: time.Second}, fmt.Sprintf("{__name__=\"x\", a=\"1\"} =>\n1 @[%d]", at(1).UnixMilli())},
		"default lookback":   {Query{Expr: "x", Start: at(4).Add(4 * time.Minute)}, fmt.Sprintf(`{__name__="x", a="1"} => 4 @[%d]`, at(20).UnixMilli())},
		"short lookback":     {Query{Expr: "x", Start: at(4).Add(4 * time.Minute), Lookback: time.Minute}, ""},
		"negative lookback":  {Query{Expr: "x", Start: at(4), Lookback: -time.Minute}, fmt.Sprintf(`{__name__="x", a="1"} => 4 @[%d]`, at(4).UnixMilli())},
		"end without a step": {Query{Expr: "x", Start: at(3), End: at(4)}, fmt.Sprintf(`{__name__="x", a="1"} => 3 @[%d]`, at(3).UnixMilli())},
	} {
		res, err := b.Execute(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.TrimSpace(res.Value.String()); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, tt.want)
		}
		if res.Stats == nil || res.Stats.Builtin().Samples == nil {
			t.Errorf("%s: no statistics: %+v", name, res.Stats)
		}
		res.Release()
	}
	Result{}.Release()
}

func TestExecuteErrors(t *testing.T) {
	b := newBench(t, nil)
	for name, q := range map[string]Query{
		"syntax":           {Expr: "sum(", Start: t0},
		"empty":            {Start: t0},
		"range of a range": {Expr: "x[5m]", Start: t0, End: t0, Step: time.Second},
		"range of text":    {Expr: `"a"`, Start: t0, End: t0, Step: time.Second},
	} {
		_, err := b.Execute(t.Context(), q)
		var invalid InvalidQueryError
		if !errors.As(err, &invalid) || invalid.Error() != invalid.Err.Error() {
			t.Errorf("%s: %v, want an InvalidQueryError", name, err)
		}
	}
	_, err := b.Execute(t.Context(), Query{Expr: "sum(", Start: t0})
	var parse parser.ParseErrors
	if !errors.As(err, &parse) || len(parse) == 0 {
		t.Errorf("%v does not lead to the place of the error", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var canceled promql.ErrQueryCanceled
	if _, err := b.Execute(ctx, Query{Expr: "x", Start: t0}); !errors.As(err, &canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	var late promql.ErrQueryTimeout
	if _, err := b.Execute(ctx, Query{Expr: "x", Start: t0}); !errors.As(err, &late) {
		t.Errorf("too late: %v", err)
	}
}
