// Command bench measures Tocsin side by side with its peers: Debian's Prometheus
// and VictoriaMetrics, and the Prometheus whose libraries Tocsin embeds. All see
// the same generated targets and rules in the same run, each in processes of its
// own, and what is told of them is first of all a ratio.
//
// It drives processes and knows nothing of Tocsin but its command line and API,
// so that two builds of it can be compared.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	form, tocsin, also, prometheus string
	only, skip                     string
	out, dir                       string
	rounds                         int
	check                          bool
}

func run(ctx context.Context, args []string) (err error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.form, "form", "medium", "short (two minutes), medium (half an hour) or long (half a day)")
	flags.StringVar(&o.tocsin, "tocsin", "bin/tocsin", "the binary that is measured")
	flags.StringVar(&o.also, "also", "", "a second tocsin binary to compare, as name=path")
	flags.StringVar(&o.prometheus, "prometheus", "bin/prometheus", "a Prometheus beside Debian's, as bench/build-prometheus makes it; left out if it is not there")
	flags.StringVar(&o.only, "only", "", "parts to run, comma separated: "+strings.Join(partNames(), ", "))
	flags.StringVar(&o.skip, "without", "", "contestants to leave out, comma separated")
	flags.IntVar(&o.rounds, "rounds", 0, "how often each part is run (as the form says)")
	flags.BoolVar(&o.check, "check", false, "fail if a ratio to Debian's Prometheus is out of its margin, or was not measured")
	flags.StringVar(&o.out, "out", "docs/performance.md", "where the report goes, and its picture beside it; - prints the report alone")
	flags.StringVar(&o.dir, "dir", "", "a directory on a disk for data (the system's temporary directory)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := formOf(o.form)
	if err != nil {
		return err
	}
	if o.rounds > 0 {
		f = f.withRounds(o.rounds)
	}
	all, err := contestants(o, f)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.dir, "tocsin-bench-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{form: f, contestants: all, dir: dir, log: slog.New(slog.NewTextHandler(os.Stderr, nil)), results: newResults()}
	rep, err := newReport(b)
	if err != nil {
		return err
	}
	parts := slices.DeleteFunc(b.parts(), func(p part) bool {
		return o.only != "" && !slices.Contains(strings.Split(o.only, ","), p.name)
	})
	if err := b.addBinaries(); err != nil {
		return err
	}
	err = b.run(ctx, parts)
	if err != nil {
		b.results.note("This run was interrupted.")
	} else if o.check {
		err = b.check(ctx, parts)
	}
	return errors.Join(err, rep.write(o.out))
}

func partNames() (out []string) {
	for _, p := range (&bench{}).parts() {
		out = append(out, p.name)
	}
	return out
}

// contestants are those that this machine has, but Debian's Prometheus, the
// measure of all, must be there.
func contestants(o options, f form) ([]contestant, error) {
	path, err := filepath.Abs(o.tocsin)
	if err != nil {
		return nil, fmt.Errorf("find tocsin: %w", err)
	}
	all := append([]contestant{tocsin("tocsin", path)}, tocsinVariants(path)...)
	if name, path, ok := strings.Cut(o.also, "="); ok {
		if path, err = filepath.Abs(path); err != nil {
			return nil, fmt.Errorf("find %s: %w", name, err)
		}
		all = append(all, tocsin(name, path))
	}
	debian, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, fmt.Errorf("%w: bench/install-deps installs it", err)
	}
	all = append(all, prometheus(baseName, "prometheus", debian))
	if !f.debianOnly {
		all = append(all, others(o)...)
	}
	return slices.DeleteFunc(all, func(c contestant) bool {
		return c.name != baseName && slices.Contains(strings.Split(o.skip, ","), c.name)
	}), nil
}

// others are the contestants that may be missing.
func others(o options) (all []contestant) {
	if path, err := filepath.Abs(o.prometheus); err == nil && executable(path) {
		all = append(all, prometheus(libraryName, "", path))
	}
	vm, vmErr := exec.LookPath("victoria-metrics")
	vmalert, alertErr := exec.LookPath("vmalert")
	if vmErr == nil && alertErr == nil {
		all = append(all, victoriaMetrics(vm, vmalert))
	}
	return all
}

// baseName is the contestant that all others are compared with.
const baseName = "prometheus-debian"

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// today is the date of a report.
func today() string { return time.Now().UTC().Format("2 January 2006") }
