package notify

import (
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

const (
	// firingKept and endKept are how long it is remembered what an Alertmanager took
	// in, since it last did: what fires is repeated meanwhile.
	firingKept = 24 * time.Hour
	endKept    = time.Hour
)

// Delivery is what one Alertmanager was told of one alert by this process. Times are
// of the wall clock, with a reading of the monotonic one where this process took them,
// and zero where they do not apply.
type Delivery struct {
	// URL of the Alertmanager without its password.
	URL string
	// ToldAt is when it was first told what it last took in, ConfirmedAt when it last
	// was; Resolved says that this was the end. Zero if it has taken in nothing yet.
	ToldAt, ConfirmedAt time.Time
	Resolved            bool
	// Withheld: by alert_relabel_configs it is not to hear of the alert.
	Withheld bool
	// Refusal is why it does not take the alert; empty if it does.
	Refusal string
	// WaitingSince is since when it has yet to be told of a begin or an end. LastError
	// is then why the last attempt failed, NextTry when the next is made.
	WaitingSince time.Time
	LastError    string
	NextTry      time.Time
}

// Deliveries tells what became of an alert, by its labels before external ones, at
// each Alertmanager, in the order of Status. Any goroutine may call it at any time.
func (n *Notifier) Deliveries(ls labels.Labels) []Delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]Delivery, 0, len(n.senders))
	for _, s := range n.senders {
		final, ok := s.dress.labels(ls)
		if !ok {
			out = append(out, Delivery{URL: s.name, Withheld: true})
			continue
		}
		d := s.outbox.delivery(final.Hash())
		d.URL = s.name
		if st := s.status.Load(); !d.WaitingSince.IsZero() {
			d.LastError, d.NextTry = st.LastError, st.NextTry
		}
		out = append(out, d)
	}
	return out
}

// taken is what an Alertmanager last took in of an alert, or refused.
type taken struct {
	startsAt int64         // in milliseconds
	at, last time.Duration // since the outbox was opened
	resolved bool
	refusal  string
}

// take notes that the Alertmanager took a parcel in. The caller holds mu.
func (o *outbox) take(p parcel, now time.Time) {
	if len(o.taken) >= 2*o.capacity {
		clear(o.taken)
	}
	was, known := o.taken[p.key]
	is := taken{startsAt: p.note.StartsAt.UnixMilli(), at: now.Sub(o.opened), last: now.Sub(o.opened), resolved: p.note.Resolved}
	if known && was.refusal == "" && was.startsAt == is.startsAt && was.resolved == is.resolved {
		is.at = was.at
	}
	o.taken[p.key] = is
}

// refused notes why the Alertmanager does not take an alert.
func (o *outbox) refused(key uint64, why string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.taken) < 2*o.capacity {
		o.taken[key] = taken{last: now.Sub(o.opened), refusal: why}
	}
}

// forgetTaken forgets what has not been repeated for long. The caller holds mu.
func (o *outbox) forgetTaken(now time.Time) {
	for key, t := range o.taken {
		kept := firingKept
		if t.resolved || t.refusal != "" {
			kept = endKept
		}
		if now.Sub(o.opened)-t.last > kept {
			delete(o.taken, key)
		}
	}
}

// delivery tells of one alert.
func (o *outbox) delivery(key uint64) (d Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t, ok := o.taken[key]; ok {
		d.Refusal, d.Resolved = t.refusal, t.resolved
		if t.refusal == "" {
			d.ToldAt, d.ConfirmedAt = o.opened.Add(t.at), o.opened.Add(t.last)
		}
	}
	if a := o.index[key]; a != nil {
		_, d.WaitingSince = a.owed()
	}
	return d
}
