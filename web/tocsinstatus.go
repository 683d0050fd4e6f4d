package web

import (
	"net/http"
	"runtime"
	"time"

	"github.com/tocsin/tocsin/alert"
	"github.com/tocsin/tocsin/api"
	"github.com/tocsin/tocsin/engine"
)

// tocsinStatus answers /api/v1/tocsin/status.
func (h *Handler) tocsinStatus(w http.ResponseWriter, _ *http.Request) {
	st := h.opts.Status()
	h.respond(w, newStatus(&st, h.snapshot(), h.opts.Now()))
}

// newStatus is what the page shows, for programs.
func newStatus(st *Status, s *engine.Snapshot, now time.Time) api.Status {
	alerts := newAlertLists(s, now)
	f := newFacts(st, s, alerts)
	head := newHeadline(st, s, f, now)
	at := api.Instant
	out := api.Status{
		State: string(st.State), Since: at(st.Since), Now: at(now),
		Headline: head.Text, Detail: head.Detail, Tone: string(head.Tone),
		Version: st.Version, GoVersion: runtime.Version(), Started: at(st.Process.Started), ExternalLabels: st.ExternalLabels.Map(),
		Problems: []api.Problem{}, Targets: []api.Target{}, Alertmanagers: []api.Alertmanager{}, RemoteWrites: []api.RemoteWrite{}, Settings: []api.Setting{},
		Counts: countAlerts(s, f), Storage: newStorage(&st.Storage, st.Process.Written),
		Clock: api.Clock{
			Wall: at(st.Clock.Wall), Ahead: st.Clock.Ahead.Seconds(), Stepped: st.Clock.Stepped.Seconds(), Slept: st.Clock.Slept.Seconds(),
			Untrusted: st.Clock.Untrusted,
		},
	}
	for _, p := range st.Problems {
		out.Problems = append(out.Problems, api.Problem{Kind: p.Kind, Where: redact(p.Where), Text: redact(p.Text), Hint: redact(p.Hint), Runs: p.Runs})
	}
	for i := range st.Targets {
		t := &st.Targets[i]
		out.Targets = append(out.Targets, api.Target{
			Job: t.Job, Instance: t.Instance, URL: redact(t.URL), Health: string(t.Health), LastScrape: at(t.LastScrape),
			Took: t.LastScrapeDuration.Seconds(), Interval: t.Interval.Seconds(), Error: redact(t.LastError),
		})
	}
	for i := range st.Alertmanagers {
		a := &st.Alertmanagers[i]
		out.Alertmanagers = append(out.Alertmanagers, api.Alertmanager{
			URL: redact(a.URL), Origin: a.Origin, LostSince: at(a.LostSince), Pending: a.Pending, Undelivered: a.Undelivered, OldestUndelivered: at(a.OldestUndelivered),
			LastSuccess: at(a.LastSuccess), LastAttempt: at(a.LastAttempt), NextTry: at(a.NextTry), Error: redact(a.LastError),
			LastRejection: redact(a.LastRejection), Sent: a.Sent, Failed: a.Failed, Dropped: a.Dropped, Late: a.Late,
			Restarts: a.Restarts, ClockOffset: a.ClockOffset.Seconds(),
		})
	}
	for i := range st.RemoteWrites {
		r := &st.RemoteWrites[i]
		out.RemoteWrites = append(out.RemoteWrites, api.RemoteWrite{
			Name: r.Name, URL: redact(r.URL), Protocol: r.Protocol, Behind: r.Behind.Seconds(), CatchingUp: r.CatchingUp,
			From: at(r.From), To: at(r.To), LastSuccess: at(r.LastSuccess), Error: redact(r.LastError),
			Pending: r.Pending, Sent: r.Sent, Lost: r.Lost,
		})
	}
	for _, x := range st.Settings {
		out.Settings = append(out.Settings, api.Setting{Name: x.Name, Value: redact(x.Value), Source: x.Source})
	}
	return out
}

func newStorage(s *Storage, written int64) api.Storage {
	return api.Storage{
		Mode: s.Mode, Path: s.Path, Bytes: s.Bytes, RetentionTime: s.RetentionTime.Seconds(), RetentionBytes: s.RetentionBytes,
		Blocks: s.Blocks, Series: s.Series, Oldest: api.Instant(s.Oldest), Repairs: s.Repairs, Trouble: redact(s.Trouble), Written: written,
	}
}

// countAlerts counts the alerts of a snapshot, beside what is known of it already.
func countAlerts(s *engine.Snapshot, f facts) api.Counts {
	c := api.Counts{Firing: f.firing, Pending: f.pending, Held: f.held, Groups: f.groups, Rules: f.rules, FailingRules: f.failingRules}
	for i := range s.Groups {
		for j := range s.Groups[i].Rules {
			for k := range s.Groups[i].Rules[j].Alerts {
				a := &s.Groups[i].Rules[j].Alerts[k]
				switch {
				case a.State == alert.Inactive:
					c.Resolved++
				case a.State == alert.Firing && isQuiet(a.Labels):
					c.Quiet++
				}
			}
		}
	}
	return c
}
