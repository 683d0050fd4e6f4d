package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	promstorage "github.com/prometheus/prometheus/storage"

	"github.com/tocsin/tocsin/engine/replay"
	"github.com/tocsin/tocsin/examples"
	"github.com/tocsin/tocsin/rules"
	"github.com/tocsin/tocsin/scrape"
	"github.com/tocsin/tocsin/storage"
)

// replayCommand is tocsin replay.
func replayCommand(app *kingpin.Application, c console, actions map[string]action) {
	cmd := app.Command("replay", "Rules over stored history: what would have fired, and when. Reads a data directory, also while a daemon works in it, or a running instance; writes to neither.")
	a := newReplayArgs(cmd)
	actions[cmd.FullCommand()] = func(ctx context.Context) int {
		r, errs := a.parse(c, time.Now())
		for _, err := range errs {
			r.complain(err)
		}
		if len(errs) > 0 {
			return exitUsage
		}
		if err := r.run(ctx); err != nil {
			r.complain(err)
		}
		if r.complaints > 0 {
			return exitFailure
		}
		return exitOK
	}
}

// complain names what is wrong. Whoever asked for all and gets less must be able
// to see it from the exit code.
func (r *replayer) complain(err error) {
	fmt.Fprintf(r.stderr, "tocsin replay: %v\n", err)
	r.complaints++
}

// run replays and writes the report.
func (r *replayer) run(ctx context.Context) error {
	groups := r.loadRules()
	if len(groups) == 0 {
		return errors.New("there are no rules to replay")
	}
	history, done, err := r.openHistory()
	if err != nil {
		return err
	}
	defer done()
	progress, end := newProgress(r.stderr)
	report, err := replay.Run(ctx, replay.Options{
		Groups: groups, History: history, From: r.from, To: r.to,
		Interval: r.settings.evalInterval, ScrapeInterval: r.settings.scrapeInterval, HoldLimit: r.settings.holdLimit,
		ExternalLabels: newIdentity(r.settings, nil, slog.New(slog.DiscardHandler)).labels(), Job: engineJob,
		CountsMetric: scrape.CountsMetric, InfoMetric: scrape.InfoMetric, Progress: progress,
	})
	end()
	switch {
	case errors.Is(err, replay.ErrNothingRecorded):
		return r.nothing()
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case err != nil:
		return err
	}
	return r.write(report)
}

// loadRules reads the rule files, and names all that is wrong with them.
func (r *replayer) loadRules() []rules.Group {
	set := rules.LoadFS(examples.Engine(), bundled)
	if r.rulesPath != "" {
		set = rules.Load(r.rulesPath)
	}
	for _, p := range set.AllProblems() {
		fmt.Fprintln(r.stderr, p.Error())
		r.complaints++
	}
	return set.Groups()
}

// openHistory opens what is to be read, and names what of it cannot be.
func (r *replayer) openHistory() (history promstorage.Queryable, done func(), err error) {
	if r.url != nil {
		trustKnownRoots()
		return replay.NewRemote(r.url), func() {}, nil
	}
	h, err := storage.OpenHistory(r.settings.dataPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no history in %s: name the data directory with --storage.path, or ask a running instance with --url (one whose STORAGE_MODE is memory has no other)", r.settings.dataPath)
	}
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		if err := h.Close(); err != nil {
			r.complain(err)
		}
	}
	for _, d := range h.Damage() {
		r.complain(d)
	}
	oldest, newest, ok := h.Bounds()
	switch {
	case !ok:
		err = fmt.Errorf("there is not one sample in %s", r.settings.dataPath)
	case oldest.After(r.to) || newest.Before(r.from):
		err = fmt.Errorf("%w; %s has samples from %s to %s", r.nothing(), r.settings.dataPath, stamp(oldest), stamp(newest))
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return h, done, nil
}

func (r *replayer) nothing() error {
	return fmt.Errorf("nothing was recorded from %s to %s", stamp(r.from), stamp(r.to))
}

// stamp is a time as --from and --to take it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// write writes the report, whole or, if a file takes it, not at all.
func (r *replayer) write(report *replay.Report) error {
	form := map[string]func(io.Writer) error{"table": report.WriteTable, "json": report.WriteJSON, "svg": report.WriteSVG}[r.form]
	if r.form == "svg" { // a picture has no room for them
		for _, f := range report.Failures {
			fmt.Fprintln(r.stderr, f.String())
		}
	}
	if r.file == "" {
		return form(r.stdout)
	}
	var b strings.Builder
	if err := form(&b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Clean(r.file), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
