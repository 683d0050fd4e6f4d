package main

import (
	"github.com/tocsin/tocsin/notify"
	"github.com/tocsin/tocsin/web"
)

// status gathers what the page shows beside the engine's snapshot. What other stages
// know by the wall clock is told in the time that alerts bear.
func (d *daemon) status() web.Status {
	at := d.clock.shown
	state, since, fault := d.life.status()
	st := web.Status{
		State: state, Since: at(since), Version: version, ExternalLabels: d.life.identity.labels(),
		Problems: d.listProblems(), Settings: d.settings.shown,
	}
	st.Clock = d.clock.status()
	st.Process.Started, st.Process.Written = at(d.started), written()
	read, good := d.life.book.lastRead()
	st.Process.RulesRead, st.Process.RulesGood = at(read), good
	for _, t := range append(d.scraper.Targets(), d.life.jobs.Targets()...) {
		st.Targets = append(st.Targets, web.Target{
			Job: t.Job, Instance: t.Instance, URL: t.URL, ScrapeURL: t.ScrapeURL, Labels: t.Labels, Discovered: t.Discovered,
			Health: web.Health(t.Health), LastScrape: at(t.LastScrape), LastScrapeDuration: t.LastScrapeDuration, LastError: t.LastError,
			Interval: t.Interval, Timeout: t.Timeout,
		})
	}
	st.Dropped = d.life.jobs.Dropped()
	st.RemoteWrites = d.remoteWrites()
	for _, a := range d.notifier.Status() {
		st.Alertmanagers = append(st.Alertmanagers, web.Alertmanager{
			URL: receiverURL(a.URL), Origin: a.Origin, LostSince: at(a.LostSince), Pending: a.Pending, LastSuccess: at(a.LastSuccess), LastAttempt: at(a.LastAttempt),
			NextTry: at(a.NextTry), LastError: a.LastError, LastRejection: a.LastRejection, Sent: a.Sent, Failed: a.Failed, Dropped: a.Dropped,
			Undelivered: a.Undelivered, OldestUndelivered: at(a.OldestUndelivered), Late: a.Late,
			Restarts: a.Restarts, LastRestart: at(a.LastRestart), ClockOffset: a.ClockOffset,
		})
	}
	s, keep := d.store.Stats(), d.store.Retention()
	st.Storage = web.Storage{
		Path: d.settings.dataPath, Bytes: s.BlockBytes + s.HeadBytes + s.SetAsideBytes, RetentionTime: keep.Time,
		RetentionBytes: keep.Size, Blocks: s.Blocks, Series: s.Series, Oldest: s.MinTime, Repairs: len(s.Repairs), Trouble: fault,
	}
	switch {
	case s.Open && s.Memory:
		st.Storage.Mode = "memory"
	case s.Open:
		st.Storage.Mode = "disk"
	}
	return st
}

// remoteWrites is how remote write goes. A time that bears samples is one of the
// timeline already.
func (d *daemon) remoteWrites() (list []web.RemoteWrite) {
	for _, r := range d.life.remote.Status() {
		list = append(list, web.RemoteWrite{
			Name: r.Name, URL: r.URL, Protocol: r.Protocol, Behind: r.Behind, LastSuccess: d.clock.shown(r.LastSuccess), LastError: r.LastError,
			CatchingUp: r.CatchingUp, From: r.From, To: r.To, Pending: r.Pending, Sent: r.Sent, Lost: r.Rejected + r.Expired,
		})
	}
	return list
}

// receiverURL is empty for who waits until an Alertmanager is found.
func receiverURL(receiver string) string {
	if receiver == notify.Undiscovered {
		return ""
	}
	return receiver
}
