package scrape

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// complaintEvery is how often the managers may say the same of the same: what goes
	// wrong at a scrape does so at each, nobody reads the log, and the log wears the
	// flash. The page has the last error of each target.
	complaintEvery = time.Hour
	// maxComplaints bounds what is remembered.
	maxComplaints = 1000
)

// complaints hear what the managers log: they let it through once in a while, and
// remember why a discovery fails, which the managers tell nobody else.
type complaints struct {
	mu     sync.Mutex
	logged map[string]time.Time // guarded by mu: when each was last let through
	failed map[string]string    // guarded by mu: the last error of the discoveries, by job
}

func newComplaints() *complaints {
	return &complaints{logged: map[string]time.Time{}, failed: map[string]string{}}
}

// log is for the managers.
func (c *complaints) log(to *slog.Logger) *slog.Logger {
	return slog.New(&hearing{complaints: c, to: to.Handler()})
}

// admit tells whether something may be logged now.
func (c *complaints) admit(what string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, ok := c.logged[what]; ok && now.Sub(last) < complaintEvery && !now.Before(last) {
		return false
	}
	if len(c.logged) >= maxComplaints {
		clear(c.logged)
	}
	c.logged[what] = now
	return true
}

func (c *complaints) fail(job, err string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed[job] = err
}

func (c *complaints) failure(job string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[job]
}

// keep forgets the failures of jobs that are no more.
func (c *complaints) keep(jobs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.failed, func(job, _ string) bool { return !slices.Contains(jobs, job) })
}

// hearing is a handler of complaints, with the attributes that its logger was given.
type hearing struct {
	*complaints
	to   slog.Handler
	job  string // of a discovery
	said string
}

// jobAttr is what the discovery manager calls a job.
const jobAttr = "config"

// Enabled is true of complaints, which are heard also where they are not logged.
func (h *hearing) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.to.Enabled(ctx, l)
}

func (h *hearing) Handle(ctx context.Context, r slog.Record) error {
	what, cause := h.said+r.Message, ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			cause = a.Value.String()
		}
		return true
	})
	if h.job != "" && cause != "" {
		h.fail(h.job, cause)
	}
	if !h.to.Enabled(ctx, r.Level) || r.Level >= slog.LevelWarn && !h.admit(what+cause, r.Time) {
		return nil
	}
	return h.to.Handle(ctx, r)
}

func (h *hearing) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := &hearing{complaints: h.complaints, to: h.to.WithAttrs(attrs), job: h.job, said: h.said}
	for _, a := range attrs {
		if a.Key == jobAttr {
			next.job = a.Value.String()
		}
		next.said += a.String() + " "
	}
	return next
}

func (h *hearing) WithGroup(name string) slog.Handler {
	return &hearing{complaints: h.complaints, to: h.to.WithGroup(name), job: h.job, said: h.said}
}
