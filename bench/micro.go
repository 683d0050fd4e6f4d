package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// The benchmarks of go test that are a part of the run: Tocsin's evaluation against
// that of Prometheus's library over the same samples, in one process.
const microPackage = "./engine"

// microArgs are those of all rounds, and of those with the largest size, of which
// one cycle is enough.
var (
	microArgs      = []string{"-bench=^Benchmark(Cycle|Ingest)$", "-benchtime=50x"}
	microLargeArgs = []string{"-bench=^BenchmarkCycle$/^" + cycleLargest + "$", "-benchtime=1x", "-large"}
)

// libraryName is the contestant whose libraries Tocsin embeds: what a benchmark
// compares with is its code.
const libraryName = "prometheus-3.16"

// Units of these benchmarks.
const (
	unitCycle     = "cpu-ms/cycle"
	unitReference = "reference-cpu-ms/cycle"
	unitOverhead  = "%overhead"
)

// micro runs the benchmarks once.
func (b *bench) micro(ctx context.Context, round int, _ []contestant) error {
	runs := [][]string{microArgs}
	if round < b.form.cycleLarge {
		runs = append(runs, microLargeArgs)
	}
	for _, args := range runs {
		out, err := goTest(ctx, append([]string{microPackage, "-run=^$"}, args...)...)
		if err != nil {
			return err
		}
		b.results.micro.Write(out)
		if err := b.addMicro(round, bytes.NewReader(out)); err != nil {
			return err
		}
	}
	return nil
}

// goTest runs tests of this module, and returns what they print.
func goTest(ctx context.Context, args ...string) ([]byte, error) {
	var out, trouble bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-timeout=1h"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &trouble
	// A go that is killed would leave what it runs behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go test %s: %w: %s%s", strings.Join(args, " "), err, out.String(), trouble.String())
	}
	return out.Bytes(), nil
}

// addMicro reads what go test has printed.
func (b *bench) addMicro(round int, out io.Reader) error {
	found := 0
	for r := benchfmt.NewReader(out, microPackage); r.Scan(); {
		res, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := microName(res.Name)
		ours, timed := res.Value(unitCycle)
		theirs, compared := res.Value(unitReference)
		if timed && compared {
			found++
			b.results.set(name, b.contestants[0].name, round, ours/1000)
			b.results.set(name, libraryName, round, theirs/1000)
		}
		if overhead, ok := res.Value(unitOverhead); ok {
			found++
			b.results.set(name, b.contestants[0].name, round, overhead/100)
		}
	}
	if found == 0 {
		return fmt.Errorf("the benchmarks of %s measured nothing", microPackage)
	}
	return nil
}

// microName is a benchmark's name without the number of processors.
func microName(n benchfmt.Name) string {
	base, parts := n.Parts()
	name := string(base)
	for _, p := range parts {
		if p[0] != '-' {
			name += string(p)
		}
	}
	return name
}

// benchstat sums up all rounds of the benchmarks.
func (r *results) benchstat() (string, error) {
	cmd := exec.Command("go", "tool", "benchstat", "-filter", fmt.Sprintf(".unit:(%q OR %q OR %q)", unitCycle, unitReference, unitOverhead), "rounds=-")
	cmd.Stdin = bytes.NewReader(r.micro.Bytes())
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("benchstat: %w: %s", err, trouble.String())
	}
	return string(out), nil
}
