package history

import "time"

// millis is a timestamp of storage, in milliseconds since 1970.
type millis = int64

// Incident is one time that an alert was active.
type Incident struct {
	// Active is since when, maybe before what was read; Start is the first that was
	// read of it.
	Active, Start time.Time
	// Fired is since when it fired, as far back as was read; zero if it was pending
	// only.
	Fired time.Time
	// End is when it resolved, if Resolved; else the last that is known of it.
	End time.Time
	// Resolved incidents are those that an evaluation has ended. Open ones go on. The
	// others are neither: their rule was gone when Tocsin came back.
	Resolved, Open bool
}

// tracker makes incidents of the samples of ALERTS_FOR_STATE, which are to be added
// in the order of time.
type tracker struct {
	seen *coverage
	all  []Incident
	// earlier is the number of those before.
	earlier int
	last    millis
	// since is the value of the last sample.
	since float64
}

func (tr *tracker) add(t millis, v float64, ended bool) {
	at := time.UnixMilli(t).UTC()
	if ended {
		if n := len(tr.all); n > 0 && !tr.all[n-1].Resolved {
			tr.all[n-1].End, tr.all[n-1].Resolved = at, true
		}
		return
	}
	if n := len(tr.all); n == 0 || v != tr.since && (tr.all[n-1].Resolved || tr.seen.within(tr.last, t)) {
		if n == maxIncidents {
			tr.all = append(tr.all[:0], tr.all[n/2:]...)
			tr.earlier += n / 2
		}
		tr.all = append(tr.all, Incident{Active: time.Unix(int64(v), 0).UTC(), Start: at})
	}
	x := &tr.all[len(tr.all)-1]
	x.End, x.Resolved = at, false
	tr.last, tr.since = t, v
}
