package main

import (
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
)

// newOutbox makes the journal and the notifier. They share the outboxes: the
// journal writes what is to be delivered before it is, the notifier reports what
// was, and is asked where the journal has missed something.
func newOutbox(s settings, log *slog.Logger, reg prometheus.Registerer) (*journal.Journal, *notify.Notifier, error) {
	var notifier *notify.Notifier
	opts := journal.Options{
		Path: filepath.Join(s.dataPath, "journal.db"), Logger: log, Registerer: reg,
		Undelivered: func() map[string][]alert.Undelivered { return notifier.Undelivered() },
	}
	for _, ep := range s.alertmanagers {
		opts.Receivers = append(opts.Receivers, ep.String())
	}
	jrnl := journal.New(opts)
	notifier, err := notify.New(notify.Options{
		Endpoints: s.alertmanagers, ExternalLabels: s.externalLabels, Version: version,
		TrustedAfter: builtAt(), Delivered: jrnl.Delivered, Logger: log, Registerer: reg,
	})
	return jrnl, notifier, err
}

// released is a time before any build of this version. It stands in where the
// binary does not say of which commit it was built.
const released = "2026-11-01T00:00:00Z"

// builtAt is a time that has passed for sure.
func builtAt() time.Time {
	text := released
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				text = s.Value
			}
		}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
