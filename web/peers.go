package web

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// targetView is a target as the page shows it.
type targetView struct {
	Name, URL  string
	Labels     []pair
	Health     Health
	Tone       tone
	LastScrape moment
	Took       string
	Every      string
	Error      string
}

func newTargetView(t *Target, now time.Time) targetView {
	v := targetView{
		Name:       short(t.Job),
		URL:        short(redact(t.URL)),
		Health:     t.Health,
		Tone:       toneNeutral,
		LastScrape: moment{t.LastScrape, now},
		Took:       spanText(t.LastScrapeDuration),
		Error:      short(redact(t.LastError)),
	}
	switch t.Health {
	case Up:
		v.Tone = toneGood
	case Down:
		v.Tone = toneBad
	case Unknown:
	}
	if t.Instance != "" {
		v.Name = short(t.Job + " / " + t.Instance)
	}
	if t.Interval > 0 {
		v.Every = spanText(t.Interval)
	}
	t.Labels.Range(func(l labels.Label) {
		if l.Name != "job" && l.Name != "instance" {
			v.Labels = append(v.Labels, pair{short(l.Name), short(l.Value)})
		}
	})
	return v
}

// alertmanagerView is an Alertmanager as the page shows it.
type alertmanagerView struct {
	URL         string
	State       string
	Tone        tone
	Pending     int
	Sent        uint64
	Failed      uint64
	Dropped     uint64
	LastSuccess moment
	LastAttempt moment
	NextTry     moment
	Error       string
	Rejection   string
	// Oldest is how long the oldest undelivered incident has waited; empty if there
	// is none.
	Oldest   string
	Late     uint64
	Restarts uint64
	Restart  moment
	Lost     moment // since when discovery does not show it
	Clock    string // how far its clock is off; empty if it is not
}

// clockTolerance is how far an Alertmanager's clock may be off before a reader
// should know: alerts are then sent with its time.
const clockTolerance = 30 * time.Second

func newAlertmanagerView(a *Alertmanager, now time.Time) alertmanagerView {
	v := alertmanagerView{
		URL:         short(redact(a.URL)),
		State:       "delivering",
		Tone:        toneGood,
		Pending:     a.Pending,
		Sent:        a.Sent,
		Failed:      a.Failed,
		Dropped:     a.Dropped,
		LastSuccess: moment{a.LastSuccess, now},
		LastAttempt: moment{a.LastAttempt, now},
		NextTry:     moment{a.NextTry, now},
		Error:       short(redact(a.LastError)),
		Rejection:   short(redact(a.LastRejection)),
		Late:        a.Late,
		Restarts:    a.Restarts,
		Restart:     moment{a.LastRestart, now},
	}
	if !a.LostSince.IsZero() {
		v.Lost = moment{a.LostSince, now}
	}
	if a.Undelivered > 0 && now.After(a.OldestUndelivered) {
		v.Oldest = spanText(now.Sub(a.OldestUndelivered))
	}
	switch {
	case a.ClockOffset > clockTolerance:
		v.Clock = spanText(a.ClockOffset) + " ahead of ours"
	case a.ClockOffset < -clockTolerance:
		v.Clock = spanText(-a.ClockOffset) + " behind ours"
	}
	switch {
	case a.URL == "":
		v.URL, v.State, v.Tone = "none found yet", "waiting for discovery", toneBad
	case a.LastError != "":
		v.State, v.Tone = "failing", toneBad
	case a.LastSuccess.IsZero():
		v.State, v.Tone = "nothing sent yet", toneNeutral
	}
	return v
}

// storageView is the store as the page shows it.
type storageView struct {
	Open bool
	Mode string
	Path string
	Size string
	// Used is the size in percent of the limit, where there is one.
	Used    int
	Limited bool
	Keeps   string
	Blocks  int
	Series  uint64
	Oldest  moment
	Written string
	Trouble string
}

func newStorageView(s *Storage, p *Process, now time.Time) storageView {
	v := storageView{
		Open:    s.Mode != "",
		Mode:    s.Mode,
		Path:    s.Path,
		Size:    bytesText(s.Bytes),
		Blocks:  s.Blocks,
		Series:  s.Series,
		Oldest:  moment{s.Oldest, now},
		Written: writtenText(p, now),
		Trouble: short(redact(s.Trouble)),
	}
	if s.RetentionBytes > 0 {
		v.Limited, v.Used = true, int(100*s.Bytes/s.RetentionBytes)
	}
	switch limit := bytesText(s.RetentionBytes); {
	case s.RetentionTime > 0 && s.RetentionBytes > 0:
		v.Keeps = fmt.Sprintf("%s or %s, whichever comes first", model.Duration(s.RetentionTime), limit)
	case s.RetentionTime > 0:
		v.Keeps = model.Duration(s.RetentionTime).String()
	case s.RetentionBytes > 0:
		v.Keeps = limit
	default:
		v.Keeps = "everything"
	}
	return v
}

// writtenText is what the process writes to disks in an hour. What it writes in the
// first one, at its start and as alerts begin to fire, says little of the others.
func writtenText(p *Process, now time.Time) string {
	since := now.Sub(p.Started)
	if since < time.Hour {
		return bytesText(p.Written) + " since the start"
	}
	return bytesText(int64(float64(p.Written)/since.Hours())) + " an hour"
}
