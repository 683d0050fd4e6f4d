package main

import "github.com/tocsin/tocsin/web"

// status gathers what the page shows beside the engine's snapshot.
func (d *daemon) status() web.Status {
	state, since, fault := d.life.status()
	st := web.Status{
		State: state, Since: since, Version: version, ExternalLabels: d.settings.externalLabels,
		Problems: d.listProblems(), Settings: d.settings.shown,
	}
	st.Process.Started = d.started
	st.Process.RulesRead, st.Process.RulesGood = d.life.book.lastRead()
	for _, t := range d.scraper.Targets() {
		st.Targets = append(st.Targets, web.Target{
			Job: t.Job, Instance: t.Instance, URL: t.URL, ScrapeURL: t.ScrapeURL, Labels: t.Labels, Discovered: t.Discovered,
			Health: web.Health(t.Health), LastScrape: t.LastScrape, LastScrapeDuration: t.LastScrapeDuration, LastError: t.LastError,
			Interval: t.Interval, Timeout: t.Timeout,
		})
	}
	for _, a := range d.notifier.Status() {
		st.Alertmanagers = append(st.Alertmanagers, web.Alertmanager{
			URL: a.URL, Pending: a.Pending, LastSuccess: a.LastSuccess, LastAttempt: a.LastAttempt,
			NextTry: a.NextTry, LastError: a.LastError, LastRejection: a.LastRejection, Sent: a.Sent, Failed: a.Failed, Dropped: a.Dropped,
		})
	}
	s := d.store.Stats()
	st.Storage = web.Storage{
		Path: d.settings.dataPath, Bytes: s.BlockBytes + s.HeadBytes, RetentionTime: d.settings.retentionTime,
		RetentionBytes: d.settings.retentionSize, Blocks: s.Blocks, Series: s.Series, Oldest: s.MinTime, Repairs: len(s.Repairs), Trouble: fault,
	}
	switch {
	case s.Open && s.Memory:
		st.Storage.Mode = "memory"
	case s.Open:
		st.Storage.Mode = "disk"
	}
	return st
}
