package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/rules"
)

// pollEvery is how often the files are looked at that the configuration file is made
// of and needs: one of them may come for which there is no directory to watch.
const pollEvery = 5 * time.Second

// readFrom says where configuration and rules are.
func (l *lifecycle) readFrom(s settings, log *slog.Logger, reg prometheus.Registerer) {
	l.settings, l.book, l.config = s, newRulebook(s.rulesPath, s.selfAlerts, log, reg), newConfigbook(s, log, reg)
}

// Reload reads configuration and rule files again. Before the first start it is left to
// that: rules that come before the alerts of the last process would start them anew.
func (l *lifecycle) Reload() {
	l.loading.Lock()
	defer l.loading.Unlock()
	if l.restored {
		l.load()
	}
}

// load reads configuration and rules, and puts both into effect. Called with loading
// held. The configuration says which rules there are to be; where it changes before the
// fingerprint is taken, pollConfiguration sees that.
func (l *lifecycle) load() {
	l.configure()
	read := rules.Fingerprint(l.files()...)
	l.engine.Load(l.book.load())
	l.view.Lock()
	defer l.view.Unlock()
	l.read = read
}

// files name all that is read, for who watches it.
func (l *lifecycle) files() []string { return append(l.book.patterns(), l.config.patterns()...) }

// fingerprint is of the files that were last read; empty before that.
func (l *lifecycle) fingerprint() string {
	l.view.Lock()
	defer l.view.Unlock()
	return l.read
}

// watch reads configuration and rules again when their files change.
func (l *lifecycle) watch(log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		go l.pollConfiguration(ctx)
		rules.Watch(ctx, l.files, log.With("component", "files"), l.fingerprint, l.Reload)
		return nil
	}
}

// pollConfiguration reads the configuration again when anything of it has changed.
func (l *lifecycle) pollConfiguration(ctx context.Context) {
	for wait(ctx, pollEvery) {
		if l.fingerprint() != "" && l.config.changed() {
			l.Reload()
		}
	}
}

// configure reads the configuration file and hands each stage its part. Without a file
// the stages stay as the settings made them; a stage that refuses its part goes on with
// what it had.
func (l *lifecycle) configure() {
	f := l.config.load()
	l.book.configure(l.config.ruleConfig(l.settings))
	if f == nil {
		if len(l.config.problems()) == 0 { // else there may be receivers that cannot be read of
			l.config.refuse("alerting", l.notifier.Configure(config.AlertingConfig{}))
		}
		return
	}
	trustKnownRoots() // any part of it may speak TLS
	l.identity.configure(f.Config.GlobalConfig.ExternalLabels)
	l.config.refuse("alerting", l.notifier.Configure(f.Config.AlertingConfig))
	l.config.refuse("scrape_configs", l.jobs.Apply(f.Config))
	l.config.refuse("remote_write", l.identity.with(func(ls labels.Labels) error {
		return l.remote.Apply(f.Config.RemoteWriteConfigs, ls)
	}))
	l.store.SetRetention(l.settings.retention(f.Config.StorageConfig))
}

// relabel takes new labels of all that leaves this host to those who send it.
func (l *lifecycle) relabel(ls labels.Labels) {
	l.engine.SetExternalLabels(ls)
	l.notifier.SetExternalLabels(ls)
	if c := l.config.config(); c != nil {
		l.config.refuse("remote_write", l.remote.Apply(c.RemoteWriteConfigs, ls))
	}
}

// retain tells storage, before it opens, how much the configuration file keeps: what is
// beyond that is deleted then.
func (l *lifecycle) retain() {
	l.loading.Lock()
	defer l.loading.Unlock()
	if l.restored {
		return
	}
	if f := l.config.load(); f != nil {
		l.store.SetRetention(l.settings.retention(f.Config.StorageConfig))
	}
}
