package main

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	promstorage "github.com/prometheus/prometheus/storage"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tocsin/tocsin/storage"
)

// history DIR START FILE makes a data directory of the series in FILE, which are
// written as unit tests of rules write them, with a value each 15 s from START
// on: a time, or how long ago.
func history(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: history DIR START FILE")
	}
	start, err := parseMoment(args[1], time.Now())
	ts.Check(err)
	ctx := context.Background()
	s := storage.New(storage.Options{Dir: ts.MkAbs(args[0])})
	ts.Check(s.Open())
	series := map[string][]parser.SequenceValue{}
	longest := 0
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		ls, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(strings.TrimSpace(line))
		ts.Check(err)
		series[ls.String()], longest = values, max(longest, len(values))
	}
	for i := range longest {
		app := s.AppenderV2(ctx)
		for name, values := range series {
			if i >= len(values) || values[i].Omitted {
				continue
			}
			ls, err := parser.NewParser(parser.Options{}).ParseMetric(name)
			ts.Check(err)
			at := start.Add(time.Duration(i) * 15 * time.Second).UnixMilli()
			_, err = app.Append(0, ls, 0, at, values[i].Value, nil, nil, promstorage.AOptions{})
			ts.Check(err)
		}
		ts.Check(app.Commit())
	}
	ts.Check(s.Close(ctx))
}
