package main

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/journal"
	"github.com/tocsin/tocsin/notify"
)

// longestBackoff is between two attempts to reach an Alertmanager.
const longestBackoff = time.Minute

// newOutbox makes the journal and the notifier. They share the outboxes: the
// journal writes what is to be delivered before it is, the notifier reports what
// was, and is asked where the journal has missed something.
func newOutbox(s settings, external labels.Labels, clk *clock, log *slog.Logger, reg prometheus.Registerer) (*journal.Journal, *notify.Notifier, error) {
	var notifier *notify.Notifier
	opts := journal.Options{
		Path: filepath.Join(s.dataPath, "journal.db"), Logger: log, Registerer: reg,
		Undelivered: func() map[string][]alert.Undelivered { return notifier.Undelivered() },
	}
	for _, ep := range s.alertmanagers {
		opts.Receivers = append(opts.Receivers, ep.String())
		if u, err := url.Parse(ep.String()); err == nil && maySpeakTLS(u, false) {
			trustKnownRoots()
		}
	}
	jrnl := journal.New(opts)
	notifier, err := notify.New(notify.Options{
		Endpoints: s.alertmanagers, ExternalLabels: external, Version: version,
		// What fires ends at an Alertmanager four resend delays after it was last told so: a
		// short outage must not come near that by the wait after it.
		MaxBackoff:   min(longestBackoff, s.resendDelay),
		TrustedAfter: builtAt(), Ahead: clk.line.Ahead, Delivered: jrnl.Delivered, Receivers: jrnl.SetReceivers, Logger: log, Registerer: reg,
	})
	return jrnl, notifier, err
}
