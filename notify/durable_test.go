package notify

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/tocsin/tocsin/alert"
)

// TestRestoredEndIsNear restarts in an outage of ten hours, all through which an
// alert was refreshed.
func TestRestoredEndIsNear(t *testing.T) {
	now := time.Now()
	opts := Options{Endpoints: mustParse(t, "http://am")}
	n, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	began := now.Add(-10 * time.Hour)
	note := alert.Notification{Labels: labels.FromStrings("alertname", "A"), StartsAt: began, EndsAt: began.Add(4 * time.Minute), News: true}
	n.Send([]alert.Notification{note})
	note.News, note.EndsAt = false, now.Add(4*time.Minute)
	n.Send([]alert.Notification{note})
	next, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	next.Restore(n.Undelivered())
	now = now.Add(5 * time.Minute)
	ps := next.senders[0].outbox.next(10, nil, now, time.Second)
	if len(ps) != 1 {
		t.Fatalf("%d alerts, want 1", len(ps))
	}
	ahead := time.Time(ps[0].payload(now, time.Second, correction{}).EndsAt).Sub(now)
	if ahead <= 0 || ahead > restoredAhead {
		t.Errorf("the end lies %v ahead, want at most %v", ahead, restoredAhead)
	}
}

// TestHeldByAClockAhead restores a late report of a clock that was a year ahead: it
// stands for no longer than any, holds nothing back, and leaves the journal.
func TestHeldByAClockAhead(t *testing.T) {
	now := time.Now()
	then := now.Add(365 * 24 * time.Hour)
	ls := labels.FromStrings("alertname", "A")
	var told []alert.Receipt
	n, err := New(Options{Endpoints: mustParse(t, "http://am"), Delivered: func(_ string, rs []alert.Receipt) { told = append(told, rs...) }})
	if err != nil {
		t.Fatal(err)
	}
	o := n.senders[0].outbox
	n.Restore(map[string][]alert.Undelivered{"http://am": {{
		Notification: alert.Notification{Labels: ls, StartsAt: then.Add(-time.Hour), EndsAt: then.Add(-30 * time.Minute), Resolved: true, News: true},
		Unseen:       true, Count: 1, HeldUntil: then,
	}}})
	if len(told) != 1 || told[0].Told != alert.ToldNever || !told[0].StartsAt.Equal(then.Add(-time.Hour)) {
		t.Errorf("receipts %+v, want one of the incident to come", told)
	}
	later := now.Add(o.hold + time.Minute)
	if left := o.undelivered(later); len(left) > 0 {
		t.Errorf("left after the hold: %+v", left)
	}
	fires := alert.Notification{Labels: ls, StartsAt: later, EndsAt: later.Add(4 * time.Minute), News: true}
	o.put([]*message{newMessage(fires, &dress{}, later)}, later)
	o.settle(o.next(10, nil, later, time.Second), true, later)
	fires.Resolved = true
	o.put([]*message{newMessage(fires, &dress{}, later.Add(time.Minute))}, later.Add(time.Minute))
	if o.len() != 1 {
		t.Error("the end is held back")
	}
}
