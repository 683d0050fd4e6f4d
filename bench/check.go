package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// check fails if a ratio of some parts is out of its margin, or was not measured.
// The parts that fail run once more, as a busy machine may be the cause.
func (b *bench) check(ctx context.Context, parts []part) error {
	err, failed := b.outOfMargin(parts)
	if err == nil {
		return nil
	}
	b.results.note("What was out of its margin ran twice. The first time: %s.", strings.ReplaceAll(err.Error(), "\n", "; "))
	b.results.forget(failed)
	b.log.Warn("once more", "err", err)
	if rerr := b.run(ctx, failed); rerr != nil {
		return rerr
	}
	err, _ = b.outOfMargin(parts)
	return err
}

// outOfMargin judges the goals of some parts, and those that need none, and returns
// the parts that fail.
func (b *bench) outOfMargin(parts []part) (err error, failed []part) {
	var errs []error
	for _, g := range goals() {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == g.part })
		if g.atMost == 0 || i < 0 && g.part != "" {
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
		if i >= 0 && !slices.ContainsFunc(failed, func(p part) bool { return p.name == g.part }) {
			failed = append(failed, parts[i])
		}
	}
	return errors.Join(errs...), failed
}

// subject is the contestant that a goal is about.
func (b *bench) subject(g goal) string {
	if g.of != "" {
		return g.of
	}
	return b.contestants[0].name
}

// forget drops what some parts have measured.
func (r *results) forget(parts []part) {
	for _, g := range goals() {
		if slices.ContainsFunc(parts, func(p part) bool { return p.name == g.part }) {
			delete(r.values, g.measure)
		}
	}
}
