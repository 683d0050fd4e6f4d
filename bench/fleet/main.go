// Command fleet simulates many hosts in one process, and measures what they are to
// the Alertmanagers that all of them alert to: each has an engine, an outbox and a
// send loop as they are, over series in memory. The Alertmanagers are Debian's, on
// loopback; the package's test has imitations of them in the process, and a clock
// on which an hour takes no time.
//
// Unlike bench, which drives processes, it imports engine and notify: ten thousand
// processes are more than one machine runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// form is a fleet and what it alerts to.
type form struct{ hosts, alertmanagers int }

// parseForms reads "100x1,1000x3": hosts, and Alertmanagers in a cluster.
func parseForms(s string) ([]form, error) {
	var fs []form
	for part := range strings.SplitSeq(s, ",") {
		hosts, alertmanagers, ok := strings.Cut(part, "x")
		f := form{}
		var errs [2]error
		f.hosts, errs[0] = strconv.Atoi(hosts)
		f.alertmanagers, errs[1] = strconv.Atoi(alertmanagers)
		if err := errors.Join(errs[:]...); !ok || err != nil || f.hosts < 1 || f.alertmanagers < 1 {
			return nil, fmt.Errorf("form %q: want hosts, an x and Alertmanagers, as in 1000x3", part)
		}
		fs = append(fs, f)
	}
	return fs, nil
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	given := flags.String("forms", "100x1,1000x1,1000x3,10000x1", "fleets to run side by side: hosts x Alertmanagers in a cluster")
	out := flags.String("out", "docs/fleet.md", "the document whose table is written; - prints the table")
	p := loopback
	flags.DurationVar(&p.outage, "outage", p.outage, "how long the Alertmanagers are away")
	flags.IntVar(&p.standing, "standing", p.standing, "how many alerts of each host fire all the time, beside its Watchdog")
	flags.IntVar(&p.siteAlerts, "site-alerts", p.siteAlerts, "how many alerts of each host a site outage fires")
	if err := flags.Parse(args); err != nil {
		return err
	}
	forms, err := parseForms(*given)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tocsin-fleet-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	results := make([]*result, len(forms))
	errs := make([]error, len(forms))
	var running sync.WaitGroup
	for i, f := range forms {
		running.Go(func() { results[i], errs[i] = runForm(ctx, f, p, dir, log) })
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return write(*out, "loopback", loopbackTable(results))
}

// runForm runs one fleet against Alertmanagers of its own.
func runForm(ctx context.Context, f form, p plan, dir string, log *slog.Logger) (res *result, err error) {
	c, err := startCluster(ctx, fmt.Sprintf("%s/%dx%d", dir, f.hosts, f.alertmanagers), f.alertmanagers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return simulate(ctx, f, p, c, log.With("hosts", f.hosts, "alertmanagers", f.alertmanagers))
}
