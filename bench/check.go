package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// check fails if a ratio is out of its margin, or was not measured. The parts
// that fail run once more, as a busy machine may be the cause.
func (b *bench) check(ctx context.Context) error {
	err, failed := b.outOfMargin(nil)
	if err == nil {
		return nil
	}
	b.log.Warn("once more", "parts", failed, "err", err)
	b.results.note("Parts that were out of their margin ran twice. The first time: %v", err)
	b.results.forget(failed)
	var again []part
	for _, p := range b.parts() {
		if slices.Contains(failed, p.name) {
			again = append(again, p)
		}
	}
	if rerr := b.run(ctx, again); rerr != nil {
		return rerr
	}
	err, _ = b.outOfMargin(failed)
	return err
}

// outOfMargin judges all goals, or those of some parts, and names the parts that fail.
func (b *bench) outOfMargin(only []string) (err error, parts []string) {
	var errs []error
	for _, g := range goals() {
		if g.atMost == 0 || only != nil && !slices.Contains(only, g.part) {
			continue
		}
		of, base := b.subject(g), baseName
		if g.part == partCycle {
			base = libraryName
		}
		s := spreadOf(b.results.ratios(g.measure, of, base))
		b.log.Info("ratio", "of", g.what, "to", base, "is", ratioCell(b.results.ratios(g.measure, of, base)), "at_most", ratio(g.atMost))
		if s.n > 0 && s.median <= g.atMost {
			continue
		}
		verdict := "was not measured"
		if s.n > 0 {
			verdict = fmt.Sprintf("is %s of %s's, more than %s", ratio(s.median), base, ratio(g.atMost))
		}
		errs = append(errs, fmt.Errorf("%s %s", g.what, verdict))
		if !slices.Contains(parts, g.part) {
			parts = append(parts, g.part)
		}
	}
	return errors.Join(errs...), parts
}

// subject is the contestant that a goal is about.
func (b *bench) subject(g goal) string {
	if g.of != "" {
		return g.of
	}
	return b.contestants[0].name
}

// forget drops what some parts have measured.
func (r *results) forget(parts []string) {
	for _, g := range goals() {
		if slices.Contains(parts, g.part) {
			delete(r.values, g.measure)
		}
	}
}
